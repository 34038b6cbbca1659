"""Bar that offers to resume an interrupted experiment."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QSizePolicy, QToolButton

from engine.workspace.catalogue import CatalogueEntry


class ResumeBar(QFrame):
    """A sentence and what can be answered, hidden without an offer.

    Emits ``resume_requested(number)``, ``dismiss_requested(number)``, and ``closed()`` if the decision is postponed.
    """

    resume_requested = Signal(int)
    dismiss_requested = Signal(int)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("offer_bar")
        self.entry: CatalogueEntry | None = None
        self._text = QLabel()
        self._text.setObjectName("offer")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        resume = QPushButton("Resume")
        resume.setObjectName("offer_resume")
        resume.setToolTip("Train what is missing; the numbers are those of a training without an interruption")
        leave = QPushButton("Leave it")
        leave.setObjectName("offer_leave")
        leave.setToolTip("Keep it as it is and offer it no more; the history can still resume it")
        close = QToolButton()
        close.setObjectName("offer_close")
        close.setText("✕")
        close.setAccessibleName("Decide later")
        close.setToolTip("Decide later: it is offered again at the next start")
        close.setAutoRaise(True)
        resume.clicked.connect(lambda: self.resume_requested.emit(self._number))
        leave.clicked.connect(lambda: self.dismiss_requested.emit(self._number))
        close.clicked.connect(self.closed)
        layout = QGridLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.setColumnStretch(2, 1)
        layout.addWidget(self._text, 0, 0, 1, 3)
        layout.addWidget(close, 0, 3, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(resume, 1, 0)
        layout.addWidget(leave, 1, 1)
        self.show_offer(None)

    @property
    def text(self) -> str:
        """The text of the offer; empty without one."""
        return self._text.text()

    def show_offer(self, entry: CatalogueEntry | None) -> None:
        """Offer to resume an experiment, or hide the bar."""
        self.entry = entry
        self._text.setText(describe(entry) if entry is not None else "")
        self.setVisible(entry is not None)

    @property
    def _number(self) -> int:
        return self.entry.number if self.entry is not None else 0


def describe(entry: CatalogueEntry) -> str:
    """Describe which experiment was interrupted, and what had become of its runs."""
    came = f": {entry.outcome}" if entry.outcome else " before its first run"
    return f"Experiment {entry.number}, {entry.name}, was interrupted{came if entry.has_runs else ''}."
