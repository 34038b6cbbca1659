"""Errors whose message is shown to the user.

Each message is one sentence that says what is wrong and what to do about it. The window shows it in its message bar;
``--batch`` prints it and exits with a non-zero code.
"""

from __future__ import annotations

from engine.utils.text import one_line


class TrainscopeError(Exception):
    """Base class of errors whose message is written for the user.

    The message is limited to one printable line of readable length, whatever names and values it quotes.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class SpecError(TrainscopeError):
    """A setting is unknown, out of bounds or contradicts another."""


class DatasetError(TrainscopeError):
    """A data set is missing, unreadable, damaged or does not fit the settings."""


class BrokenImagesError(DatasetError):
    """Image files of a folder can't be read; ``count`` is their number."""

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message, count)
        self.count = count

    def __str__(self) -> str:
        return one_line(self.args[0])


class NetworkError(TrainscopeError):
    """A network can't be built for the given input shape."""


class StoreError(TrainscopeError):
    """The workspace or its store can't be opened, read or written."""


class ExportError(TrainscopeError):
    """Results can't be written to the chosen folder."""


class DeviceError(TrainscopeError):
    """The requested device does not exist."""


class ReportError(TrainscopeError):
    """A report can't be written, or there is nothing to report."""


class WorkerError(TrainscopeError):
    """A training process could not be started or ended unexpectedly."""


class Cancelled(TrainscopeError):
    """The user cancelled a running task."""


class Stopped(Cancelled):
    """The user asked to end a task and keep its results so far; a task that can't use them is cancelled."""
