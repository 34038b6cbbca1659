"""Estimates the memory that training takes, and compares it with what the machine has left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import psutil

from engine.config.specs import RunSpec
from engine.events.datasets import DatasetInfo
from engine.networks.architectures import summarize
from engine.utils.text import pluralise

# Measured as the peak of one process that trains mlp_1 and cnn_4, with oneDNN and with Eigen, on 15,000 images of
# 32x32x1, 1,000 of 96x96x3 and 200 of 256x256x3; the estimates are up to a third above the peaks.
LIBRARY_BYTES = 350 * 2**20  # of files that all processes map, above all TensorFlow's
PROCESS_BYTES = 360 * 2**20  # what TensorFlow and the compiled functions take besides
PARAMETER_COPIES = 8  # weights, gradient, two moments, the weights before a step and those stored, temporary ones
KEPT_COPIES = 2  # those that early stopping keeps, and those in the checkpoint that is being made
FLOAT_BYTES = 4
GIB = 2**30


def network_bytes(run: RunSpec, info: DatasetInfo) -> int:
    """Return the memory of a network and of a step of its training; propagates ``NetworkError``."""
    layers = summarize(run.architecture, info.shape, len(info.class_names))
    outputs = sum(math.prod(layer.output_shape) for layer in layers)
    per_image = outputs + 2 * math.prod(info.shape)  # an image of the batch, and its gradient
    parameters = sum(layer.parameters for layer in layers)
    batch = min(run.training.batch_size, info.train_count)
    copies = PARAMETER_COPIES + (KEPT_COPIES if run.training.early_stopping != "off" else 0)
    return FLOAT_BYTES * (batch * per_image + copies * parameters)


def memory_warning(runs: Sequence[RunSpec], info: DatasetInfo, workers: int) -> str:
    """Say that ``workers`` training processes need more memory than this machine has left; empty if they don't.

    Args:
        runs: what is to be trained; the network that takes most decides.
        info: the images.
        workers: number of processes that train at the same time.
    """
    images = info.image_bytes  # all training processes map the same
    network = max((network_bytes(run, info) for run in runs), default=0)
    each = PROCESS_BYTES + network
    needed = LIBRARY_BYTES + images + workers * each
    available = available_bytes()
    if not runs or needed <= available:
        return ""
    fitting = max(0, available - images - LIBRARY_BYTES) // each
    fewer = f"at most {fitting} at a time (workers), " if fitting else ""
    smaller = "smaller batches (batch_size), " if workers * network > images else ""
    return (
        f"Training {pluralise(workers, 'run')} at a time needs about {needed / GIB:.1f} GiB of memory, and "
        f"{available / GIB:.1f} GiB are free: choose {fewer}{smaller}a smaller image side (image_size) or fewer "
        "images, or the system may end it."
    )


def available_bytes() -> int:
    """Return the memory that training can take: what is free, and what this program's child processes have."""
    available = int(psutil.virtual_memory().available)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended, or can't be looked into
            available += int(child.memory_full_info().uss)
    return available
