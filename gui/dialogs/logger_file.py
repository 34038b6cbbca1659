"""The logger's file, to be saved beside a script."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from engine.utils.errors import ExportError
from engine.utils.paths import RESOURCES

LOGGER = RESOURCES / "logger" / "trainscope_log.py"


def install_line() -> str:
    """Return the command that installs the logger for a Python."""
    return f'pip install "{LOGGER.parent}"'


def save_logger(parent: QWidget) -> Path | None:
    """Ask for the folder of a script and copy the logger there; return the copy, None if cancelled.

    Raises:
        ExportError: if it can't be written.
    """
    folder = QFileDialog.getExistingDirectory(parent, "Choose the folder of your script")
    if not folder:
        return None
    copy = Path(folder) / LOGGER.name
    try:
        if copy.exists() and copy.read_bytes() != LOGGER.read_bytes() and not _may_replace(copy, parent):
            return None
        shutil.copyfile(LOGGER, copy)
    except OSError as error:
        raise ExportError(f"{copy} can't be written ({error.strerror or error}); choose another folder.") from None
    return copy


def _may_replace(copy: Path, parent: QWidget) -> bool:
    box = QMessageBox(
        QMessageBox.Icon.Question,
        "Replace the file?",
        f"{copy} is there already and differs, as another version or changed by you. Replace it?",
        QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
        parent,
    )
    box.setObjectName("ask_to_replace_logger")
    return box.exec() == QMessageBox.StandardButton.Yes
