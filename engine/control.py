"""The one thing that goes back: a channel for controls, from whoever watches to whoever trains."""

from __future__ import annotations

import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from engine.events import Control


class ControlChannel:
    """Carries controls between two threads of one process; the receiving end can be waited on beside other pipes."""

    def __init__(self) -> None:
        self.connection: Connection
        self.connection, self._sender = Pipe(duplex=False)
        self._lock = threading.RLock()  # a signal handler may interrupt a send of its own thread

    def send(self, control: Control) -> None:
        """Hand over a control; safe from any thread and from a signal handler's thread."""
        with self._lock:
            self._sender.send(control)

    def poll(self) -> Control | None:
        """The oldest control not yet fetched, or None."""
        if not self.connection.poll():
            return None
        control: Control = self.connection.recv()
        return control

    def close(self) -> None:
        """Release both ends."""
        self.connection.close()
        self._sender.close()
