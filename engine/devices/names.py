"""Names of devices in settings: ``auto``, ``cpu``, ``gpu:N``, and ``metal``, the GPU of a Mac."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from dataclasses import dataclass

from engine.utils.errors import DeviceError, SpecError

AUTO, CPU, METAL = "auto", "cpu", "metal"


@dataclass(frozen=True)
class AssignedDevice:
    """The device on which something is computed; ``refusal`` says why it is not the requested one, if so."""

    device: str
    refusal: str = ""


@dataclass(frozen=True)
class Allocation:
    """The parallel processes of this machine that train an experiment, the threads of each, and their device."""

    processes: int
    threads: int
    device: str = AUTO


def parse_device(text: str) -> str:
    """Parse a device name as written by the user; ``GPU`` is the first one.

    Raises:
        SpecError: if it names no device.
    """
    name = text.strip().lower()
    if name in (AUTO, CPU, METAL):
        return name
    if name == "gpu":
        return gpu_key(0)
    if (found := re.fullmatch(r"gpu:(\d{1,3})", name, re.ASCII)) is not None:
        return gpu_key(int(found[1]))
    raise SpecError(f"'{text}' is no device; write auto, cpu, metal or gpu:N, such as gpu:0 for the first GPU.")


def gpu_key(position: int) -> str:
    """Return the name of the GPU at a position in TensorFlow's list: ``metal`` for that of a Mac, else ``gpu:N``."""
    return METAL if sys.platform == "darwin" and position == 0 else f"gpu:{position}"


def device_title(device: str) -> str:
    """Return the display name of ``device``: ``CPU``, ``GPU:0``, ``Metal``."""
    return device.capitalize() if device == METAL else device.upper()


def check_device(device: str, there: Collection[str]) -> None:
    """Check that ``device`` is among ``there``, such as {cpu, gpu:0}, or ``auto``.

    Raises:
        DeviceError: if it is not.
    """
    if device != AUTO and device not in there:
        raise DeviceError(f"There is no {device} on this machine; choose {', '.join([AUTO, *sorted(there)])}.")
