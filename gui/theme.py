"""Light and dark: one style, the palette of the chosen scheme, and colours that follow it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

RESOURCES = Path(__file__).resolve().parent.parent / "resources"


class Scheme(StrEnum):
    """What the View menu offers."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_QT_SCHEMES = {
    Scheme.SYSTEM: Qt.ColorScheme.Unknown,
    Scheme.LIGHT: Qt.ColorScheme.Light,
    Scheme.DARK: Qt.ColorScheme.Dark,
}


def apply_style(app: QApplication) -> None:
    """Fusion looks the same on every system and follows the palette throughout."""
    app.setStyle("Fusion")
    app.setStyleSheet((RESOURCES / "style.qss").read_text(encoding="utf-8"))


def apply_scheme(app: QApplication, scheme: Scheme) -> None:
    """Switch to light, dark or whatever the system says; widgets get a PaletteChange event."""
    app.styleHints().setColorScheme(_QT_SCHEMES[scheme])


def is_dark(palette: QPalette) -> bool:
    """Whether text is lighter than its background."""
    return palette.color(QPalette.ColorRole.Text).lightness() > palette.color(QPalette.ColorRole.Base).lightness()


def muted(palette: QPalette) -> QColor:
    """Text that steps back: half-way between text and background."""
    text, base = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
    return QColor(*((2 * a + b) // 3 for a, b in zip(text.getRgb()[:3], base.getRgb()[:3], strict=True)))
