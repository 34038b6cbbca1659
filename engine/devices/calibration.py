"""Times of reference networks on this machine's processor, with each library; measured once and kept between starts.

They decide which library trains an experiment, and are the basis of the first estimates of time. See
``engine.training.reference`` for the reference networks, and ``engine.executors.processes.calibration`` for the
measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import engine
from engine.devices.cache import DeviceCache, PartTimes
from engine.devices.hardware import cpu_count, cpu_name, used_instructions
from engine.devices.libraries import ONEDNN, requested_library
from engine.utils.paths import devices_file

# Kinds of work that differ in what is fast: networks with and without convolutions. The convolutions of an experiment
# take most of its time, so they decide if it has both.
DENSE, CONVOLUTIONAL = "dense", "convolutional"
REFERENCES = {DENSE: "mlp_1", CONVOLUTIONAL: "cnn_4"}  # the network that is measured
BFLOAT16 = ", bfloat16"  # appended to the kind if validation is computed in that precision
STEPS = 10  # between two records of the course's protocol


@dataclass(frozen=True)
class Calibration:
    """What was measured on this machine.

    Attributes:
        times: by kind of work, such as ``dense``, and library.
        requested: the library that the user asks for; empty to choose.
    """

    times: Mapping[str, Mapping[str, PartTimes]]
    requested: str = ""

    def library(self, kind: str) -> str:
        """Return the library for ``kind``: the requested one, else the faster one; empty if it was not measured."""
        if self.requested:
            return self.requested
        found = self.times.get(kind, {})
        return min(found, key=lambda library: seconds_per_step(found[library]), default="")

    def seconds(self, kind: str) -> tuple[float, float] | None:
        """Return the times of ``kind`` with its library; None if not measured.

        Returns:
            The seconds of a step of 50 images and of validating 5,000 images, on one thread, with the reference network
            of that kind (``engine.training.reference``).
        """
        times = self.times.get(kind, {}).get(self.library(kind))
        return None if times is None else (times.step, times.validation)

    def compilation_seconds(self, kind: str) -> float | None:
        """Return how long the network of ``kind`` takes to build and compile with its library; None if not measured."""
        times = self.times.get(kind, {}).get(self.library(kind))
        return None if times is None else times.compilation


def seconds_per_step(times: PartTimes) -> float:
    """Return the seconds of a step in the course's protocol, which validates after every tenth step."""
    return times.step + times.validation / STEPS


def read_calibration(cache: DeviceCache | None = None) -> Calibration:
    """Return what was measured so far on this machine; reads a small file, the one in the cache folder by default."""
    found = cache or DeviceCache(devices_file())
    return Calibration(found.part_times(machine()), requested_library())


def needs_calibration() -> bool:
    """Return whether there are times left to measure; no library has to be chosen if the user asks for one."""
    known = read_calibration()
    return not known.requested and not {DENSE, CONVOLUTIONAL} <= known.times.keys()


def likely_library(cache: DeviceCache | None = None) -> str:
    """Return the library with which a process is to be started before its work is known."""
    known = read_calibration(cache)
    return known.library(CONVOLUTIONAL) or known.library(DENSE) or ONEDNN


def machine() -> str:
    """Return a description of what determines the times; an update of any part makes it another machine."""
    processor = f"{cpu_name()}, {used_instructions()}, {cpu_count()} cores"
    return f"{processor}, TensorFlow {version('tensorflow')}, Trainscope {engine.__version__}"
