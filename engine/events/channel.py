"""The one thing that goes back: a channel for controls, from whoever watches to whoever trains."""

from __future__ import annotations

import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from engine.events.commands import Command


class ControlChannel:
    """Carries commands between two threads of one process; the receiving end can be waited on beside other pipes."""

    def __init__(self) -> None:
        self.connection: Connection
        self.connection, self._sender = Pipe(duplex=False)
        self._lock = threading.RLock()  # a signal handler may interrupt a send of its own thread

    def send(self, command: Command) -> None:
        """Hand over a command; safe from any thread and from a signal handler's thread."""
        with self._lock:
            self._sender.send(command)

    def poll(self, *, wait: bool = False) -> Command | None:
        """The oldest command not yet fetched; None where there is none, unless told to ``wait`` for one."""
        if not wait and not self.connection.poll():
            return None
        command: Command = self.connection.recv()
        return command

    def close(self) -> None:
        """Release both ends."""
        self.connection.close()
        self._sender.close()
