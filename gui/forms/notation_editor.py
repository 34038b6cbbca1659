"""Editor of a network's notation, with a menu that inserts layers and a list of what each does."""

from __future__ import annotations

import re
from html import escape

from PySide6.QtCore import Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPlainTextEdit, QTextBrowser, QVBoxLayout, QWidget

from engine.networks.architectures import summarize_layers
from engine.networks.notation import LAYER_HELP, parse_network
from engine.utils.errors import NetworkError
from gui.widgets.collapsible_text import FoldButton
from gui.widgets.factories import push_button

DEFAULT_CHANNELS = 16
# Several layers at once; {same} stands for the channels at the cursor, {twice} for twice as many, and {shortcut} for
# ``SHORTCUT`` if the images at the cursor have other channels than {same}.
TEMPLATES = {
    "Convolution, normalised": "Conv-3x3x{twice}(same, no bias), BatchNorm, Act",
    "Residual block": "Skip[Conv-3x3x{same}(same, no bias), BatchNorm, Act, "
    "Conv-3x3x{same}(same, no bias), BatchNorm{shortcut}], Act",
    "Residual block, half the size": "Skip[Conv-3x3x{twice}(same, stride 2, no bias), BatchNorm, Act, "
    "Conv-3x3x{twice}(same, no bias), BatchNorm | Conv-1x1x{twice}(stride 2, no bias), BatchNorm], Act",
    "Depthwise separable convolution": "DepthwiseConv-3x3(same, no bias), BatchNorm, Act, "
    "Conv-1x1x{twice}(no bias), BatchNorm, Act",
}

SHORTCUT = " | Conv-1x1x{same}(no bias), BatchNorm"
_SEPARATORS = ",;+→-> \n\t"


class NotationEditor(QWidget):
    """The text of a network; emits ``changed()``.

    Args:
        input_shape: of the images, from which the channels of inserted layers follow.
    """

    changed = Signal()

    def __init__(self, input_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self._input_shape = input_shape
        self.box = QPlainTextEdit()
        self.box.setObjectName("network_notation")
        self.box.setAccessibleName("Layers of the network")
        self.box.setTabChangesFocus(True)
        self.box.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.box.textChanged.connect(self.changed.emit)
        insert = push_button("network_insert", "&Insert", "Insert a layer, or several, at the cursor")
        insert.setMenu(self._menu())
        list_of_layers = QTextBrowser()
        list_of_layers.setObjectName("network_layer_help")
        list_of_layers.setHtml(_help())
        fold = FoldButton(list_of_layers, "What each layer does", "network_layer_help_fold")
        row = QHBoxLayout()
        row.addWidget(insert)
        row.addWidget(fold)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.box, 2)
        column.addLayout(row)
        column.addWidget(list_of_layers, 3)
        fold.expand(False)

    @property
    def text(self) -> str:
        """The notation as typed."""
        return self.box.toPlainText()

    def write(self, notation: str) -> None:
        """Replace the text."""
        self.box.setPlainText(notation)

    def insert(self, layers: str) -> None:
        """Insert layers at the cursor or in place of the selection, with the commas that separate them."""
        cursor = self.box.textCursor()
        before, after = self.text[: cursor.selectionStart()].rstrip(), self.text[cursor.selectionEnd() :].lstrip()
        layers = _filled(layers, self._channels(before))
        start = ", " if before and before[-1] not in ",;[|+" else " " if before and before[-1] != "[" else ""
        end = ", " if after and after[0] not in ",;]|+" else ""
        cursor.setPosition(len(before))
        cursor.setPosition(len(self.text) - len(after), cursor.MoveMode.KeepAnchor)
        cursor.insertText(f"{start}{layers}{end}")
        self.box.setTextCursor(cursor)
        self.box.setFocus()

    def _channels(self, before: str) -> int | None:
        """Return the number of channels after the layers before the cursor; None if they give no image."""
        path = _path(before)
        try:
            summaries = summarize_layers(parse_network(path) if path else (), self._input_shape, 1)
        except NetworkError:
            return None
        shape = summaries[-1].input_shape
        return shape[2] if len(shape) == 3 else None

    def _menu(self) -> QMenu:
        menu = QMenu("Insert", self)
        menu.setToolTipsVisible(True)
        for layer, what in LAYER_HELP.items():
            if "…" not in layer:  # a block without layers; the templates have some
                self._add(menu, layer, layer, what)
        menu.addSeparator()
        for title, layers in TEMPLATES.items():
            self._add(menu, title, layers, _filled(layers, None))
        return menu

    def _add(self, menu: QMenu, title: str, layers: str, tip: str) -> None:
        action = menu.addAction(title)
        action.setToolTip(f"<p>{escape(tip)}</p>")
        action.triggered.connect(lambda: self.insert(layers))


def _filled(layers: str, channels: int | None) -> str:
    """Return a template's layers for images of so many channels; those of photos become more."""
    same = channels if channels is not None and channels > 3 else DEFAULT_CHANNELS
    shortcut = SHORTCUT.format(same=same) if channels not in (None, same) else ""
    return layers.format(same=same, twice=2 * same, shortcut=shortcut)


def _path(before: str) -> str:
    """Return the layers that an image passes on its way to the end of ``before``.

    Of a block that isn't closed there, these are the layers of the side that the end is in.
    """
    opened: list[tuple[int, int]] = []  # of each such block the positions of its bracket, and of the side's beginning
    for position, letter in enumerate(before):
        if letter == "[":
            opened.append((position, position + 1))
        elif letter == "]" and opened:
            opened.pop()
        elif letter == "|" and opened:
            opened[-1] = (opened[-1][0], position + 1)
    starts = [0, *(start for _, start in opened)]
    ends = [*(bracket for bracket, _ in opened), len(before)]
    parts = [
        re.sub(r"skip\s*$", "", before[start:end], flags=re.IGNORECASE) for start, end in zip(starts, ends, strict=True)
    ]
    return ", ".join(part for part in (each.strip(_SEPARATORS) for each in parts) if part)


def _help() -> str:
    return "".join(f"<p><b>{escape(layer)}</b><br>{escape(what)}</p>" for layer, what in LAYER_HELP.items())
