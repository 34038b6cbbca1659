"""The two buttons at the end of a dialog that writes something."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QDialogButtonBox


def save_buttons(dialog: QDialog, save: tuple[str, str, str], cancel: tuple[str, str]) -> QDialogButtonBox:
    """One accepts ``dialog``, the other rejects it.

    Args:
        dialog: whose they are.
        save: objectName, text and tool tip of the button that accepts.
        cancel: objectName and tool tip of the other.
    """
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
    accept = buttons.button(QDialogButtonBox.StandardButton.Save)
    reject = buttons.button(QDialogButtonBox.StandardButton.Cancel)
    accept.setText(save[1])
    for button, name, tip in ((accept, save[0], save[2]), (reject, *cancel)):
        button.setObjectName(name)
        button.setToolTip(tip)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons
