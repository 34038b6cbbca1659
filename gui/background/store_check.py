"""The look at the store before a window opens it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEventLoop, QThread

from engine.storage.integrity import examine_store


class _Check(QThread):
    """Calls :func:`~engine.storage.integrity.examine_store`; ``damage`` is what it says."""

    def __init__(self, workspace: Path) -> None:
        super().__init__()
        self._workspace = workspace
        self.damage: str | None = None

    def run(self) -> None:
        """The thread's body; Qt calls it."""
        self.damage = examine_store(self._workspace)


def check_store(workspace: Path) -> str | None:
    """Keep a damaged store aside; gives the sentence to show, None where all is well.

    Every page of a store in which damage was met is read, which may take a while: meanwhile what is on the screen is
    painted, and what its user does waits.
    """
    check, loop = _Check(workspace), QEventLoop()
    check.finished.connect(loop.quit)
    check.start()
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    check.wait()
    return check.damage
