"""Line beside the Run button: what the experiment of the form will take."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QLabel

from engine.workspace.durations.estimate import Estimate

DELAY_MS = 250  # after the last change of the form: long enough to type a number
TIP = (
    "What the form describes: its runs, their steps and records, and how long they take, judging by what was measured "
    "on this machine"
)


class EstimateLine(QLabel):
    """Shows an estimate, and is hidden without one. Emits ``due()`` when another one should be shown."""

    due = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("estimate")
        self.setWordWrap(True)
        self.setToolTip(TIP)
        self.hide()
        self._timer = QTimer(self, interval=DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self.due)

    def refresh(self, _changed: object = None) -> None:
        """Request another estimate, once nothing changes any more."""
        self._timer.start()

    def show_estimate(self, estimate: Estimate | None) -> None:
        """Show ``estimate``."""
        text = "" if estimate is None else str(estimate)
        self.setText(text)
        self.setVisible(bool(text))
