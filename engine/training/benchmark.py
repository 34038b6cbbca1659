"""Measurement of how fast a device trains a run, by a short trial training."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from engine.config.early_stopping import EarlyStoppingSpec
from engine.config.rate_schedule import ScheduleSpec
from engine.config.specs import RunSpec
from engine.datasets import PreparedData
from engine.devices.names import AssignedDevice
from engine.events.commands import Control
from engine.events.runs import Record
from engine.events.tasks import Event
from engine.training.trainer import train
from engine.utils.errors import Cancelled

log = logging.getLogger(__name__)

# The first record includes one-time costs. Intervals of small networks take milliseconds, so they are measured for at
# least MIN_SECONDS.
MIN_RECORDS, MAX_RECORDS, MIN_SECONDS = 4, 30, 0.3
MAX_INTERVAL = 50  # steps between records; longer intervals add little precision
SMALL_RATE = 0.001  # nothing diverges at this learning rate, which doesn't affect the time of a step


def seconds_per_step(run: RunSpec, data: PreparedData, device: str, check_cancelled: Callable[[], None]) -> float:
    """Return the seconds that a step of ``run`` takes on ``device``, records included.

    The trial differs from the real training only in its learning rate and length; nothing is kept of it.

    Args:
        run: the run to measure.
        data: its images.
        device: key of the device.
        check_cancelled: called after each record; may raise to end the trial.

    Returns:
        The median over the recording intervals; infinity if the run can't be trained on the device.

    Raises:
        Cancelled: if ``check_cancelled`` raises it.
    """
    every = min(run.training.record_every, MAX_INTERVAL)
    trial = run.replace(
        start_from=None,
        max_steps=MAX_RECORDS * every,
        schedule=ScheduleSpec(),
        training=run.training.replace(record_every=every, learning_rate=SMALL_RATE, **EarlyStoppingSpec().model_dump()),
    )
    records: list[Record] = []

    def collect(event: Event) -> None:
        if isinstance(event, Record):
            records.append(event)

    def poll(*, wait: bool = False) -> Control | None:  # noqa: ARG001 # the signature of every poll
        check_cancelled()
        enough = len(records) >= MIN_RECORDS and records[-1].seconds >= MIN_SECONDS
        return Control.CANCEL if enough or len(records) == MAX_RECORDS else None

    try:
        train(0, trial, data, collect, poll, None, assigned=AssignedDevice(device))
    except Cancelled:
        raise
    except Exception:  # TensorFlow raises types of its own: out of GPU memory, missing GPU kernels
        log.info("%s can't be trained on %s", run.architecture, device, exc_info=True)
        return math.inf
    spans = [(later.seconds - earlier.seconds) / (later.step - earlier.step) for earlier, later in pairwise(records)]
    return median(spans) if spans else math.inf
