"""How devices are called: ``auto``, ``cpu``, ``gpu:N``, and ``metal``, which is what a Mac's GPU is called."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from dataclasses import dataclass

from engine.utils.errors import DeviceError, SpecError

AUTO, CPU, METAL = "auto", "cpu", "metal"


@dataclass(frozen=True)
class Place:
    """The device that something is computed on, and why not on another one that was asked for, if so."""

    device: str
    refusal: str = ""


def parse_device(text: str) -> str:
    """What a person wrote, as it is called here (``GPU`` is the first one); raises :class:`SpecError`."""
    name = text.strip().lower()
    if name in (AUTO, CPU, METAL):
        return name
    if name == "gpu":
        return gpu_key(0)
    if (found := re.fullmatch(r"gpu:(\d{1,3})", name, re.ASCII)) is not None:
        return gpu_key(int(found[1]))
    raise SpecError(f"'{text}' is no device; write auto, cpu, metal or gpu:N, such as gpu:0 for the first GPU.")


def gpu_key(position: int) -> str:
    """How a GPU is called here, by its place in TensorFlow's list; a Mac has one, which TensorFlow reaches by Metal."""
    return METAL if sys.platform == "darwin" and position == 0 else f"gpu:{position}"


def device_title(device: str) -> str:
    """How ``device`` is written where it is read: ``CPU``, ``GPU:0``, ``Metal``."""
    return device.capitalize() if device == METAL else device.upper()


def check_device(device: str, there: Collection[str]) -> None:
    """Raises :class:`DeviceError` unless ``device`` can be had where there are ``there``, such as {cpu, gpu:0}."""
    if device != AUTO and device not in there:
        raise DeviceError(f"There is no {device} on this machine; choose {', '.join([AUTO, *sorted(there)])}.")
