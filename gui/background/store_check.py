"""Integrity check of the store before a window opens it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEventLoop, QThread

from engine.storage.integrity import examine_store


class _Check(QThread):
    """Runs ``examine_store``; ``damage`` is its result."""

    def __init__(self, workspace: Path) -> None:
        super().__init__()
        self._workspace = workspace
        self.damage: str | None = None

    def run(self) -> None:
        """Run the thread; called by Qt."""
        self.damage = examine_store(self._workspace)


def check_store(workspace: Path) -> str | None:
    """Move a damaged store aside; return the sentence to show, None if the store is intact.

    If damage was met earlier, every page of the store is read, which may take a while: meanwhile painting continues and
    user input is queued.
    """
    check, loop = _Check(workspace), QEventLoop()
    check.finished.connect(loop.quit)
    check.start()
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    check.wait()
    return check.damage
