"""Verification results and measured speeds of this machine's devices, kept between starts.

The file is in the cache folder, as it is specific to this machine and can be measured again. It is shared by several
processes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.devices.hardware import gpu_software
from engine.devices.names import CPU
from engine.utils.files import write_atomic

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

LOCK_SECONDS = 60  # for another process to finish its measurement
POLL_SECONDS = 0.2  # between two attempts meanwhile


class Verification(BaseModel):
    """The result of verifying a device.

    Attributes:
        state: ``begun`` while the device is being verified, ``sound`` if it computes correctly.
        findings: the deviations found, with figures.
        tries: number of verifications started; one may have been ended by the user closing the program.
    """

    state: Literal["begun", "sound", "wrong"]
    findings: str = ""
    tries: int = 0


class PartTimes(NamedTuple):
    """Seconds of one training step, of one validation and of compilation."""

    step: float
    validation: float
    compilation: float = 0.0


class _Contents(BaseModel):
    """Contents of the file.

    ``judgements`` is keyed by device, driver and TensorFlow version, ``seconds`` (per step) by these and by workload.
    ``parts`` is keyed by machine, kind of work and library.
    """

    # A workload that can't be trained on a device has infinite seconds.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    judgements: dict[str, Verification] = {}
    seconds: dict[str, dict[str, float]] = {}
    parts: dict[str, dict[str, dict[str, PartTimes]]] = {}


class DeviceCache:
    """Verification results and speeds of devices, stored in ``file``.

    A damaged file counts as empty; what can't be written is kept in memory.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._unwritten: _Contents | None = None

    @contextmanager
    def locked(self, check_cancelled: Callable[[], None]) -> Iterator[bool]:
        """Hold the inter-process lock while a device is verified or measured; running trainings continue.

        Args:
            check_cancelled: called periodically while waiting for the lock; may raise to stop waiting.

        Yields:
            Whether the lock is held: not if another process keeps it longer than ``LOCK_SECONDS``, or locking fails.
        """
        from filelock import FileLock, Timeout  # loads asyncio, which the start of the window need not wait for

        lock = FileLock(self._file.with_suffix(".lock"))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            _acquire(lock, check_cancelled)
        except (Timeout, OSError, NotImplementedError) as error:
            log.info("devices are verified without a lock: %s", error)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def verification(self, device: str) -> Verification | None:
        """Return the result for ``device``, a description that includes its driver."""
        return self._read().judgements.get(device)

    def gpus(self) -> dict[str, Verification]:
        """Return the results for GPUs with the present driver, libraries and program, by their descriptions.

        A description is such as ``gpu:0: H100, …``.
        """
        found = ((device.partition(": ")[0], device, each) for device, each in self._read().judgements.items())
        return {device: each for key, device, each in found if key != CPU and device.endswith(gpu_software(key))}

    def store_verification(self, device: str, verification: Verification) -> None:
        """Store the result for ``device``."""
        contents = self._read()
        contents.judgements[device] = verification
        self._write(contents)

    def step_seconds(self, device: str, work: str) -> float | None:
        """Return the seconds per step of the workload ``work`` on ``device``; None if not measured."""
        return self._read().seconds.get(device, {}).get(work)

    def store_step_seconds(self, device: str, work: str, seconds: float) -> None:
        """Store the measured seconds per step."""
        contents = self._read()
        contents.seconds.setdefault(device, {})[work] = seconds
        self._write(contents)

    def part_times(self, machine: str) -> dict[str, dict[str, PartTimes]]:
        """Return the times measured on ``machine``, by kind of work and library."""
        return self._read().parts.get(machine, {})

    def store_part_times(self, machine: str, kind: str, times: dict[str, PartTimes]) -> None:
        """Store the times of a kind of work by library, at once, so that no reader finds only some of them."""
        contents = self._read()
        contents.parts.setdefault(machine, {})[kind] = times
        self._write(contents)

    def clear(self) -> None:
        """Remove all but pending verifications, whose ``tries`` count how often the device ended the process."""
        begun = {device: each for device, each in self._read().judgements.items() if each.state == "begun"}
        self._write(_Contents(judgements=begun))

    def discard_pending(self) -> None:
        """Discard pending entries after the user ended a process, as then no device is to blame for its end."""
        contents = self._read()
        kept = {device: each for device, each in contents.judgements.items() if each.state != "begun"}
        seconds = {
            device: {work: each for work, each in found.items() if math.isfinite(each)}
            for device, found in contents.seconds.items()
        }
        if (kept, seconds) != (contents.judgements, contents.seconds):
            self._write(contents.model_copy(update={"judgements": kept, "seconds": seconds}))

    def _read(self) -> _Contents:
        if self._unwritten is not None:
            return self._unwritten
        try:
            return _Contents.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return _Contents()
        except (OSError, ValidationError) as error:
            log.info("%s is not used: %s", self._file, error)
            return _Contents()

    def _write(self, contents: _Contents) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, contents.model_dump_json(indent=1))
            self._unwritten = None
        except OSError as error:
            log.info("%s can't be written: %s", self._file, error)
            self._unwritten = contents


def _acquire(lock: BaseFileLock, check_cancelled: Callable[[], None]) -> None:
    from filelock import Timeout

    deadline = time.monotonic() + LOCK_SECONDS
    while not lock.is_locked:
        check_cancelled()
        try:
            lock.acquire(timeout=POLL_SECONDS)
        except Timeout:
            if time.monotonic() > deadline:
                raise
