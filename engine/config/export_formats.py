"""Export formats, as offered by the window's dialog and by ``--formats``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from engine.utils.errors import ExportError


class Format(StrEnum):
    """An export format. The settings are always exported as well, as TOML that can be read back."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"
    CSV = "csv"
    JSON = "json"
    COURSE = "course"
    TENSORBOARD = "tensorboard"
    KERAS = "keras"
    ONNX = "onnx"
    TFLITE = "tflite"
    KERAS_SCRIPT = "keras-script"


@dataclass(frozen=True)
class FormatInfo:
    """Label and description of an export format."""

    label: str
    help: str


FORMATS: dict[Format, FormatInfo] = {
    Format.PNG: FormatInfo("Figures as PNG", "Every figure as pixels, 150 an inch: for slides and web pages."),
    Format.SVG: FormatInfo("Figures as SVG", "Every figure as lines and text that a drawing program can change."),
    Format.PDF: FormatInfo("Figures as PDF", "Every figure as a page of its own, to be included by LaTeX."),
    Format.CSV: FormatInfo(
        "Curves as CSV",
        "curves.csv: one row a record of every run; test_scores.csv: one row a class of every test. What was computed "
        "without training comes as NumPy's .npz.",
    ),
    Format.JSON: FormatInfo("Summary as JSON", "summary.json: accuracies, confusion matrices, device, versions, seed."),
    Format.COURSE: FormatInfo(
        "Course dictionaries", "The dictionaries that the homework's plotting reads, as pickle and as JSON."
    ),
    Format.TENSORBOARD: FormatInfo(
        "TensorBoard event files",
        "tensorboard/<variant>/<repeat>: losses, accuracies, learning rate, gradient norms and update ratios of "
        "every layer, with their steps and times. Open with: tensorboard --logdir tensorboard",
    ),
    Format.KERAS: FormatInfo(
        "Networks as Keras files", "networks/<variant>.keras: the trained network of each variant's best run."
    ),
    Format.ONNX: FormatInfo(
        "Networks as ONNX",
        "networks/<variant>.onnx: the same for ONNX Runtime and other programs. The classes and how images are "
        "prepared are among its metadata.",
    ),
    Format.TFLITE: FormatInfo(
        "Networks as TFLite", "networks/<variant>.tflite: the same for phones and small devices, in float32."
    ),
    Format.KERAS_SCRIPT: FormatInfo(
        "Training as Keras scripts",
        "scripts/train_<variant>.py: trains as each variant's best run did, with Keras alone, to the same accuracy. "
        "Its images come along as images.npz, a byte for each colour of a pixel.",
    ),
}
FIGURE_FORMATS = (Format.PNG, Format.SVG, Format.PDF)
NETWORK_FORMATS = (Format.KERAS, Format.ONNX, Format.TFLITE)
TENSORFLOW_FORMATS = (*NETWORK_FORMATS, Format.KERAS_SCRIPT)
DEFAULT_FORMATS = (Format.PNG, Format.SVG, Format.CSV, Format.JSON, Format.COURSE)


def parse_formats(names: Iterable[str]) -> tuple[Format, ...]:
    """Parse names of export formats.

    Returns:
        The formats, without duplicates, in the order of ``Format``.

    Raises:
        ExportError: if a name is unknown or there is none.
    """
    known = [each.value for each in Format]
    wanted = [name.strip().lower() for name in names if name.strip()]
    for name in wanted:
        if name not in known:
            raise ExportError(f"There is no format called '{name}'; there are {', '.join(known)}.")
    if not wanted:
        raise ExportError(f"Name at least one format to export; there are {', '.join(known)}.")
    return tuple(each for each in Format if each.value in wanted)
