"""Details of a stored experiment: editable title and notes, facts, and settings."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine.utils.text import as_duration, pluralise
from engine.workspace.catalogue import CatalogueEntry
from gui.history.drafts import Drafts
from gui.history.model import as_date, as_percent
from gui.history.setting_table import SettingTable

NOTES_DELAY_MS = 1000  # from a keystroke until notes are stored; avoids a write per keystroke
NOTES_LINES = 5


class ExperimentDetails(QWidget):
    """Emits ``renamed(number, title)`` and ``annotated(number, notes)`` after edits by the user.

    Of texts that could not be stored it shows the ``drafts``.
    """

    renamed = Signal(int, str)
    annotated = Signal(int, str)

    def __init__(self, drafts: Drafts) -> None:
        super().__init__()
        self._entry: CatalogueEntry | None = None
        self._drafts = drafts
        self._make_widgets()
        self._arrange()
        self.show_entry(None)

    @property
    def entry(self) -> CatalogueEntry | None:
        """The shown experiment."""
        return self._entry

    def show_entry(self, entry: CatalogueEntry | None) -> None:
        """Show an experiment, or that none is selected, after saving edits of the previous one.

        If it is the same experiment, unsaved edits are kept.
        """
        if entry is not None and entry is self._entry:
            return
        same = entry is not None and self._entry is not None and entry.number == self._entry.number
        if not same:
            self.keep()
        self._entry = entry
        self.setEnabled(entry is not None)
        if entry is None:
            self._title.clear()
            self._notes.setPlainText("")
            self._facts.setText("No experiment is chosen.")
            self._settings.show_rows((), ())
            return
        self._show_texts(entry, same)
        self._facts.setText(_facts(entry))
        preset = entry.preset.capitalize() or "any preset"
        self._heading.setText("Settings" if entry.is_logged else f"Settings (≠: other than {preset})")
        self._settings.show_rows(
            ("Setting", "Value"),
            [
                (
                    (each.label, each.value),
                    each.differs,
                    f"{each.key}: {each.value}{_usual(each.differs, each.preset_value)}",
                )
                for each in entry.settings
            ],
        )

    def edit_title(self) -> None:
        """Move the focus to the title."""
        self._title.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._title.selectAll()

    def edit_notes(self) -> None:
        """Move the focus to the end of the notes."""
        self._notes.moveCursor(QTextCursor.MoveOperation.End)
        self._notes.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keep(self) -> None:
        """Emit signals for unsaved edits."""
        self._notes_timer.stop()
        self._keep_title()
        if self._entry is not None and self._notes.document().isModified():
            self._notes.document().setModified(False)
            self.annotated.emit(self._entry.number, self._notes.toPlainText())

    def _keep_soon(self) -> None:
        if not self._notes_timer.isActive():  # who types without a pause has the notes stored all the same
            self._notes_timer.start()

    def _keep_title(self) -> None:
        if self._entry is not None and self._title.isModified():
            self._title.setModified(False)
            self.renamed.emit(self._entry.number, self._title.text())

    def _show_texts(self, entry: CatalogueEntry, same: bool) -> None:
        title, notes = (self._drafts.text(entry.number, field) for field in ("title", "notes"))
        title = entry.stored.title if title is None else title
        notes = entry.stored.notes if notes is None else notes
        if not (same and self._title.isModified()) and self._title.text() != title:
            self._title.setText(title)
        self._title.setPlaceholderText(entry.kind)
        writing = same and (self._notes.document().isModified() or self._notes.hasFocus())
        if not writing and self._notes.toPlainText() != notes:
            self._notes.setPlainText(notes)
            self._notes.document().setModified(False)

    def _make_widgets(self) -> None:
        self._title, self._notes = QLineEdit(), QPlainTextEdit()
        self._title.setObjectName("experiment_title")
        self._title.setToolTip("What you call this experiment; Enter keeps it")
        self._title.editingFinished.connect(self._keep_title)
        self._notes.setObjectName("experiment_notes")
        self._notes.setToolTip("Anything you want to remember about this experiment; kept as you write")
        self._notes.setTabChangesFocus(True)
        self._notes.setFixedHeight(NOTES_LINES * self._notes.fontMetrics().lineSpacing())
        self._notes_timer = QTimer(self, interval=NOTES_DELAY_MS, singleShot=True)
        self._notes_timer.timeout.connect(self.keep)
        self._notes.textChanged.connect(self._keep_soon)
        self._facts, self._heading = QLabel(), QLabel("Settings")
        self._facts.setObjectName("experiment_facts")
        self._facts.setWordWrap(True)
        self._facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._settings = SettingTable("experiment_settings", "Settings of the experiment")
        self._heading.setBuddy(self._settings)

    def _arrange(self) -> None:
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow("T&itle", self._title)
        rows.addRow("&Notes", self._notes)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        column.addWidget(self._facts)
        column.addWidget(self._heading)
        column.addWidget(self._settings, 1)


def scroll_area_of(details: ExperimentDetails) -> QScrollArea:
    """Return a scroll area with ``details``, which may be too high with a large font or a long reason."""
    area = QScrollArea()
    area.setObjectName("experiment_details")
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(details)
    return area


def _usual(differs: bool, usual: str) -> str:
    return f" (preset: {usual})" if differs else ""


def _facts(entry: CatalogueEntry) -> str:
    """Format the facts as an HTML table of two columns."""
    rows = "".join(
        f"<tr><td style='padding-right: 8px'>{name}</td><td>{escape(text)}</td></tr>"
        for name, text in _pairs(entry)
        if text
    )
    return f"<table>{rows}</table>"


def _pairs(entry: CatalogueEntry) -> list[tuple[str, str]]:
    stored = entry.stored
    accuracy = "" if entry.best is None else f"best {as_percent(entry.best)}, mean {as_percent(entry.mean)}"
    took = "" if entry.seconds is None else f", took {as_duration(entry.seconds)}"
    device = stored.device
    threads = "" if device is None or entry.is_logged else f", {pluralise(device.threads, 'thread')} a process"
    return [
        ("Experiment", f"#{stored.id} {entry.kind}"),
        ("Data set", stored.dataset.title or stored.dataset.name if stored.dataset else ""),
        ("Begun", as_date(stored.created) + took),
        ("Status", stored.status.value + (f": {stored.reason}" if stored.reason else "")),
        ("Runs", f"{entry.outcome}; {entry.tested} tested" if entry.outcome else ""),
        ("Test", accuracy),
        ("Device", ("; ".join(entry.devices) or device.title) + threads if device else ""),
        ("Workers", "" if entry.is_logged else str(stored.workers)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in stored.versions.items())),
        ("Deleted", as_date(stored.deleted) if stored.deleted else ""),
    ]
