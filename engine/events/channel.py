"""The channel for commands from the user interface to the training."""

from __future__ import annotations

import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from engine.events.commands import Command


class ControlChannel:
    """Carries commands between two threads of a process.

    ``connection`` is the receiving end, which can be waited on together with other pipes.
    """

    def __init__(self) -> None:
        self.connection: Connection
        self.connection, self._sender = Pipe(duplex=False)
        self._lock = threading.RLock()  # reentrant: a signal handler may interrupt a send on its own thread

    def send(self, command: Command) -> None:
        """Send a command; safe from any thread and from signal handlers."""
        with self._lock:
            self._sender.send(command)

    def poll(self, *, wait: bool = False) -> Command | None:
        """Return the oldest unread command; if there is none, None or, with ``wait``, wait for one."""
        if not wait and not self.connection.poll():
            return None
        command: Command = self.connection.recv()
        return command

    def close(self) -> None:
        """Close both ends."""
        self.connection.close()
        self._sender.close()
