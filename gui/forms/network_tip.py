"""Tool tips that describe a network."""

from __future__ import annotations

import base64
from html import escape

from PySide6.QtCore import Qt

from engine.networks.architectures import architecture_name, summarize
from engine.networks.diagram import lay_out
from engine.utils.errors import NetworkError
from gui.forms.architecture_editor import layers_tip
from gui.forms.network_picture import to_image, to_png

SHAPE, CLASSES = (32, 32, 1), 10  # digits, or CIFAR-10 in grayscale
WIDTH, HEIGHT = 640, 460  # of the picture in a tool tip
MAX_TEXT = 400  # characters of a notation


def picture_tip(architecture: str) -> str:
    """Return a picture of a network, with its number of parameters."""
    text = layers_tip(architecture)
    text = escape(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} …")
    height, width, _ = SHAPE
    try:
        summaries = summarize(architecture, SHAPE, CLASSES)
    except NetworkError as error:
        return f"<p>{text}</p><p>{escape(str(error))}</p>"
    diagram = lay_out(summaries, (WIDTH, HEIGHT))
    image = to_image(diagram)
    small = image.scaled(
        *(min(WIDTH, round(diagram.width)), min(HEIGHT, round(diagram.height))),
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    source = f"data:image/png;base64,{base64.b64encode(to_png(small)).decode()}"
    counts = f"{diagram.parameters:,} parameters on {width}x{height} gray images, {CLASSES} classes"
    return f'<p><b>{architecture_name(architecture)}</b>: {counts}</p><p>{text}</p><img src="{source}">'
