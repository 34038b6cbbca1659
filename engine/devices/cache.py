"""What was found out about the devices of a machine, remembered from one start to the next.

The file lies in the cache folder, as it is of this machine and can be had again. Several processes share it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.utils.files import write_atomic

log = logging.getLogger(__name__)

WAIT_SECONDS, LOOK_SECONDS = 60, 0.2  # for another process to end what it measures; between looks meanwhile


class Judgement(BaseModel):
    """What a device was found to be, with figures; ``begun`` while it is being found out."""

    state: Literal["begun", "sound", "wrong"]
    findings: str = ""
    tries: int = 0  # to find out, one of which may have been ended by whoever closed the program


class _Pages(BaseModel):
    """By what a device is, with its driver and TensorFlow; seconds a step then by what is trained."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # what can't be trained somewhere takes for ever

    judgements: dict[str, Judgement] = {}
    seconds: dict[str, dict[str, float]] = {}


class DeviceCache:
    """Judgements and times of devices, in ``file``: a damaged one counts as empty, what can't be written stays here."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._unwritten: _Pages | None = None

    @contextmanager
    def alone(self, look: Callable[[], None]) -> Iterator[bool]:
        """Within, no other process finds anything out; trainings that are under way go on.

        Gives whether that is so: one that takes very long is not waited for. ``look`` is called now and then while
        this waits, and may end it by raising.
        """
        lock = FileLock(self._file.with_suffix(".lock"))
        deadline = time.monotonic() + WAIT_SECONDS
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            while not lock.is_locked:
                look()
                try:
                    lock.acquire(timeout=LOOK_SECONDS)
                except Timeout:
                    if time.monotonic() > deadline:
                        raise
        except (Timeout, OSError, NotImplementedError) as error:
            log.info("devices are looked at without a lock: %s", error)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def judgement(self, device: str) -> Judgement | None:
        """What was found about ``device``, a description that changes with its driver."""
        return self._read().judgements.get(device)

    def judge(self, device: str, judgement: Judgement) -> None:
        """Remember what was found."""
        pages = self._read()
        pages.judgements[device] = judgement
        self._write(pages)

    def seconds(self, device: str, work: str) -> float | None:
        """Seconds a step that ``work`` takes on ``device``; None where it was never measured."""
        return self._read().seconds.get(device, {}).get(work)

    def note(self, device: str, work: str, seconds: float) -> None:
        """Remember what was measured."""
        pages = self._read()
        pages.seconds.setdefault(device, {})[work] = seconds
        self._write(pages)

    def forget(self) -> None:
        """Find out everything anew; how often a device has ended who looked at it stays in mind."""
        begun = {device: each for device, each in self._read().judgements.items() if each.state == "begun"}
        self._write(_Pages(judgements=begun))

    def forgive(self) -> None:
        """A process was ended by hand: if it was finding something out, no device is to blame."""
        pages = self._read()
        kept = {device: each for device, each in pages.judgements.items() if each.state != "begun"}
        seconds = {
            device: {work: each for work, each in found.items() if math.isfinite(each)}
            for device, found in pages.seconds.items()
        }
        if (kept, seconds) != (pages.judgements, pages.seconds):
            self._write(_Pages(judgements=kept, seconds=seconds))

    def _read(self) -> _Pages:
        if self._unwritten is not None:
            return self._unwritten
        try:
            return _Pages.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return _Pages()
        except (OSError, ValidationError) as error:
            log.info("%s is not used: %s", self._file, error)
            return _Pages()

    def _write(self, pages: _Pages) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, pages.model_dump_json(indent=1))
            self._unwritten = None
        except OSError as error:
            log.info("%s can't be written: %s", self._file, error)
            self._unwritten = pages
