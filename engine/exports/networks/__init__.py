"""Export of trained networks to files that other programs run: Keras, ONNX, TFLite."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.analysis.results import ExperimentResult
from engine.config.export_formats import NETWORK_FORMATS, Format
from engine.config.specs import DataSpec, Normalization
from engine.datasets.base import ProgressCallback
from engine.events.datasets import DatasetInfo
from engine.exports.files import check_writable, file_name
from engine.exports.libraries import tensorflow_on_cpu
from engine.networks.files import read_network
from engine.networks.loading import build_saved
from engine.utils.errors import ExportError
from engine.utils.files import atomic_path
from engine.utils.text import reason

if TYPE_CHECKING:
    import keras


def write_networks(
    folder: Path,
    result: ExperimentResult,
    formats: Sequence[Format],
    tell: Callable[[str], None],
    progress: ProgressCallback,
) -> Iterator[Path]:
    """Write the network of each variant's best run in the chosen formats, and yield the files.

    Propagates ``OSError`` of the target, and errors of ``progress``.

    Args:
        folder: the target.
        result: the runs.
        formats: those that are of networks are written.
        tell: receives a sentence on each network that can't be written.
        progress: called before each network.
    """
    chosen = [each for each in formats if each in NETWORK_FORMATS]
    if not chosen:
        return
    folder.mkdir(exist_ok=True)
    for number, variant in enumerate(result.compared):
        progress("Exporting networks", number, len(result.compared))
        best = variant.best
        if best is None:
            tell(f"{variant.name} was not exported as a network, as none of its runs was tested; train it again.")
            continue
        if best.run.model is None:
            tell(f"{variant.name} was not exported as a network, as the network of its best run was not saved.")
            continue
        for kind in chosen:
            path = folder / f"{file_name(variant.name)}.{kind.value}"
            run = best.run.trained_spec
            try:
                write_network(path, best.run.model, result.dataset.shape, run_properties(run.data, result.dataset))
            except ExportError as error:
                tell(str(error))
            else:
                yield path


def export_network(file: Path, model: Path, shape: tuple[int, int, int], properties: Mapping[str, str]) -> str:
    """Write a network as ``write_network`` does, whose ``ExportError`` it propagates.

    Returns:
        A sentence on what the file does not hold, or nothing.

    Raises:
        ExportError: if the file can't be written.
    """
    check_writable(file.parent)
    try:
        write_network(file, model, shape, properties)
    except OSError as error:
        raise ExportError(f"{file} can't be written ({error.strerror}); choose another file.") from error
    if file.suffix.lower() != ".onnx" or "black" in properties:
        return ""
    return (
        f"{file.name} was exported without the values of black and white, which are unknown here for the normalisation "
        f"'{properties['normalization']}'; normalise its images with the means and deviations used in training."
    )


def write_network(path: Path, model: Path, shape: tuple[int, int, int], properties: Mapping[str, str]) -> None:
    """Write a trained network in the format that the name of ``path`` ends with.

    Propagates ``OSError`` of the target.

    Args:
        path: the target, ``.keras``, ``.onnx`` or ``.tflite``.
        model: the .keras file of the network.
        shape: height, width and channels of its images.
        properties: the metadata of an ONNX file.

    Raises:
        ExportError: if the network can't be read or converted.
    """
    with tensorflow_on_cpu(), atomic_path(path) as part:
        network = _load(model, shape)
        match path.suffix.lower():
            case ".onnx":
                from engine.exports.networks.onnx_file import write_onnx

                write_onnx(part, network, properties)
            case ".tflite":
                from engine.exports.networks.tflite_file import write_tflite

                write_tflite(part, network)
            case _:
                shutil.copyfile(model, part)


def _load(model: Path, shape: tuple[int, int, int]) -> keras.Model:
    """Build the network of a .keras file, with its weights; nothing that the file describes is run.

    Raises:
        ExportError: if the file is missing or damaged, or of another network.
    """
    try:
        saved, _ = read_network(model)
        return build_saved(saved, model, shape)[0]
    except Exception as error:  # a damaged file makes zipfile and h5py raise almost anything
        why = error.strerror if isinstance(error, OSError) else reason(error)
        raise ExportError(
            f"The trained network {model} can't be used ({why}), so it was not exported; train it again."
        ) from None


def run_properties(data: DataSpec, info: DatasetInfo) -> dict[str, str]:
    """Return the metadata of a run's network."""
    known = (info.title, info.black, info.white)
    return network_properties(data.normalization, data.grayscale, info.class_names, *known)


def network_properties(
    normalization: Normalization,
    grayscale: bool,
    class_names: Sequence[str],
    dataset: str = "",
    black: Sequence[float] = (),
    white: Sequence[float] = (),
) -> dict[str, str]:
    """Return how images are prepared for a network and what its outputs mean, as texts; without what is empty."""
    properties = {
        "input": "float32 [batch, height, width, channels], normalised",
        "normalization": normalization,
        "grayscale": json.dumps(grayscale),
        "class_names": json.dumps(class_names),
    }
    if black:
        properties |= {"black": json.dumps(black), "white": json.dumps(white)}
    return properties | ({"dataset": dataset} if dataset else {})
