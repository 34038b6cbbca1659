"""Dialog to choose the formats and folder of an export."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QGroupBox,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from engine.exports import DEFAULT_FORMATS, FORMATS, Format, check_writable
from engine.utils.errors import ExportError
from gui.utils.preferences import program_settings
from gui.widgets.factories import save_buttons
from gui.widgets.path_row import PathRow, typed_path

FORMATS_KEY, PARENT_KEY = "export/formats", "export/parent"
COLUMNS = 2


class ExportDialog(QDialog):
    """Sets ``folder`` and ``formats`` when accepted, and stores the formats and the parent folder.

    Args:
        title: what is exported, such as ``Architectures, experiment 7``.
        folder_name: name of the proposed folder, such as ``trainscope-7-architectures``: one per experiment, so that
            files of several are not mixed.
        parent: the window.
    """

    def __init__(self, title: str, folder_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self.setWindowTitle("Export")
        self._settings = program_settings()
        self.title, self._folder_name = title, folder_name
        self.folder = Path()
        self.formats: tuple[Format, ...] = ()
        self._make_widgets()
        self._arrange()
        self._restore_choice()
        self.resize(560, self.sizeHint().height())

    def accept(self) -> None:
        """Close and keep the choice if the folder is writable, else show why not."""
        try:
            folder = typed_path(self._path.text)
            check_writable(folder)
        except ExportError as error:
            self._message.setText(str(error))
            return
        self.folder, self.formats = folder, self._chosen()
        self._settings.setValue(PARENT_KEY, str(folder.parent))
        self._settings.setValue(FORMATS_KEY, ",".join(self.formats))
        super().accept()

    def _chosen(self) -> tuple[Format, ...]:
        return tuple(each for each, box in self._boxes.items() if box.isChecked())

    def _check(self) -> None:
        """Show what is missing, or else whether existing files will be replaced."""
        problem = "" if self._chosen() else "Tick at least one format."
        problem = problem or ("" if self._path.text else "Choose a folder.")
        self._message.setText(problem or _replaced(self._path.text))
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def _browse(self) -> None:
        start = self._path.text or str(Path.home())
        self._path.show_path(QFileDialog.getExistingDirectory(self, "Choose a folder for the results", start))

    def _restore_choice(self) -> None:
        """Restore the last choice; unknown formats, such as of another version, are ignored."""
        kept = str(self._settings.value(FORMATS_KEY) or "").split(",")
        formats = [each for each in Format if each.value in kept] or DEFAULT_FORMATS
        for each, box in self._boxes.items():
            box.setChecked(each in formats)
        if kept_in := self._settings.value(PARENT_KEY):
            self._path.show_path(str(Path(str(kept_in)) / self._folder_name))
        self._check()

    def _make_widgets(self) -> None:
        self._boxes: dict[Format, QCheckBox] = {}
        for each, info in FORMATS.items():
            box = QCheckBox(info.label)
            box.setObjectName(f"export_{each}")
            box.setToolTip(info.help)
            box.toggled.connect(lambda _on: self._check())
            self._boxes[each] = box
        self._path = PathRow("export_folder", "Folder that the files are written to")
        self._path.changed.connect(self._check)
        self._path.browsing.connect(self._browse)
        self._message = QLabel()
        self._message.setObjectName("export_message")
        self._message.setWordWrap(True)
        self._buttons = save_buttons(
            self,
            ("export_save", "&Export", "Write the ticked formats, and the settings, to the folder"),
            ("export_cancel", "Export nothing"),
        )

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        heading = QLabel(self.title)
        heading.setTextFormat(Qt.TextFormat.PlainText)  # the user's title may contain HTML
        heading.setWordWrap(True)
        bold = heading.font()
        bold.setBold(True)
        heading.setFont(bold)
        column.addWidget(heading)
        group = QGroupBox("Formats")
        grid = QGridLayout(group)
        for position, box in enumerate(self._boxes.values()):
            grid.addWidget(box, position // COLUMNS, position % COLUMNS)
        column.addWidget(group)
        column.addWidget(QLabel("The settings come along as settings.toml."))
        label = QLabel("&Folder")
        label.setBuddy(self._path)
        column.addWidget(label)
        column.addWidget(self._path)
        column.addWidget(self._message)
        column.addStretch(1)
        column.addWidget(self._buttons)


REPLACED = "The folder holds files already; those of the same name and those of an earlier export will be replaced."


def _replaced(text: str) -> str:
    try:
        holds_files = any(typed_path(text).iterdir())
    except (ExportError, OSError):  # missing or unreadable: reported on accept
        return ""
    return REPLACED if holds_files else ""
