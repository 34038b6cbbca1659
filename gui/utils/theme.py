"""Application style and the light and dark colour schemes."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from engine.utils.paths import RESOURCES


class Scheme(StrEnum):
    """Colour schemes of the View menu."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_QT_SCHEMES = {
    Scheme.SYSTEM: Qt.ColorScheme.Unknown,
    Scheme.LIGHT: Qt.ColorScheme.Light,
    Scheme.DARK: Qt.ColorScheme.Dark,
}


def stored_scheme(settings: QSettings) -> Scheme:
    """Return the stored scheme; ``SYSTEM`` if there is none or it is invalid."""
    value = settings.value("scheme")
    return Scheme(value) if value in list(Scheme) else Scheme.SYSTEM


def apply_style(app: QApplication) -> None:
    """Use Fusion, which looks the same on every system and follows the palette."""
    app.setStyle("Fusion")


# Window, base, alternate base, text, button, border shade, accent.
_LIGHT = ("#f4f5f7", "#ffffff", "#f0f2f5", "#1c2430", "#fbfbfc", "#b9bec6", "#1f6fb2")
_DARK = ("#1e2228", "#16191e", "#1b1f25", "#e4e8ee", "#2a2f37", "#0e1013", "#3d8fd1")


def apply_scheme(app: QApplication, scheme: Scheme) -> None:
    """Switch to light, dark or the system's scheme; widgets receive a PaletteChange event."""
    # For native title bars and dialogs; not supported on every platform, hence the palette too.
    app.styleHints().setColorScheme(_QT_SCHEMES[scheme])
    system_is_dark = app.styleHints().colorScheme() is Qt.ColorScheme.Dark
    dark = scheme is Scheme.DARK or (scheme is Scheme.SYSTEM and system_is_dark)
    app.setPalette(_palette(*(_DARK if dark else _LIGHT)))
    # Widgets affected by a style sheet keep their old colours until it is set again, which takes more than a second.
    # With a new style Qt forgets at once what it knew of all widgets; clearing and setting the sheet does that twice.
    apply_style(app)
    if not app.styleSheet():
        app.setStyleSheet((RESOURCES / "style.qss").read_text(encoding="utf-8"))


def _palette(*names: str) -> QPalette:
    window, base, alternate, text, button, shade, accent = (QColor(name) for name in names)
    palette = QPalette(button, window)
    role = QPalette.ColorRole
    parts: tuple[tuple[QColor, tuple[QPalette.ColorRole, ...]], ...] = (
        (window, (role.Window,)),
        (base, (role.Base, role.ToolTipBase)),
        (alternate, (role.AlternateBase,)),
        (text, (role.WindowText, role.Text, role.ButtonText, role.ToolTipText)),
        (button, (role.Button,)),
        (shade, (role.Dark, role.Shadow)),
        (accent, (role.Highlight, role.Link, role.Accent)),
        (QColor("white"), (role.HighlightedText,)),
    )
    for colour, roles in parts:
        for each in roles:
            palette.setColor(each, colour)
    faint = muted(palette)
    palette.setColor(role.PlaceholderText, faint)
    palette.setColor(role.Mid, faint)
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, faint)
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, shade)
    return palette


def muted(palette: QPalette) -> QColor:
    """Return the colour of secondary text: two parts text, one part background."""
    text, base = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
    return QColor(
        (2 * text.red() + base.red()) // 3,
        (2 * text.green() + base.green()) // 3,
        (2 * text.blue() + base.blue()) // 3,
    )
