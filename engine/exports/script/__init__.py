"""Export of runs as Keras scripts, which train without this program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.analysis.results import ExperimentResult, RunResult
from engine.config.specs import DataSpec, RunSpec
from engine.datasets.base import ProgressCallback, RawImages
from engine.datasets.prepare import find_preparation
from engine.datasets.registry import load_raw
from engine.datasets.split import Split, split
from engine.exports.files import file_name, write_text
from engine.exports.libraries import tensorflow_on_cpu
from engine.exports.script.images import write_images
from engine.exports.script.source import ScriptContent, initial_network, script_source
from engine.networks.loading import load_weights
from engine.utils.errors import DatasetError, ExportError, NetworkError, SpecError
from engine.utils.files import atomic_path

if TYPE_CHECKING:
    import keras

IMAGES = "images.npz"


def write_scripts(
    folder: Path, result: ExperimentResult, tell: Callable[[str], None], progress: ProgressCallback
) -> Iterator[Path]:
    """Write ``train_<variant>.py`` for each variant's best run, and the images that all of them read; yield the files.

    Propagates ``OSError`` of the target, and errors of ``progress``.

    Args:
        folder: the target.
        result: the runs.
        tell: receives a sentence on what can't be written.
        progress: called while images are read and written.
    """
    best = {variant.name: variant.best for variant in result.compared}
    for name in (name for name, run in best.items() if run is None):
        tell(f"{name} was not exported as a script, as none of its runs was tested; train it again.")
    found = {name: run for name, run in best.items() if run is not None}
    if not found:
        return
    data = next(iter(found.values())).run.trained_spec.data
    try:
        raw, parts = _read_images(data, result, progress)
    except (DatasetError, ExportError, SpecError) as error:
        tell(f"No Keras script was exported: {error}")
        return
    folder.mkdir(exist_ok=True)
    with atomic_path(folder / IMAGES) as part:
        write_images(part, raw, parts, progress)
    yield folder / IMAGES
    for name, run in found.items():
        try:
            yield from _write_script(folder, name, run, raw, parts)
        except ExportError as error:
            tell(f"{name} was not exported as a script: {error}")


def _read_images(data: DataSpec, result: ExperimentResult, progress: ProgressCallback) -> tuple[RawImages, Split]:
    """Read the images that an experiment was trained on; propagates errors of reading them.

    Raises:
        ExportError: if they have changed.
    """
    raw = load_raw(data, progress)
    if raw.fingerprint != result.dataset.fingerprint:
        raise ExportError(f"The images of {result.dataset.title} are no longer those that were trained on.")
    return raw, split(raw, data)


def _write_script(folder: Path, name: str, best: RunResult, raw: RawImages, parts: Split) -> Iterator[Path]:
    """Write the script of a run and the weights that it starts from, if any; yield the files.

    Propagates ``ExportError`` if they can't be loaded, or no script does what the run did.
    """
    run = best.run.trained_spec
    stem = file_name(name)
    start = f"start_{stem}.npz" if run.start_from is not None else None
    preparation = find_preparation(raw, parts, run.data)
    with tensorflow_on_cpu():
        network = initial_network(run, raw, preparation)
        text = script_source(ScriptContent(stem, best, raw, len(parts.train), preparation, network, start))
        if start is not None and run.start_from is not None:
            _load_start(network, run, run.start_from)
            _write_weights(folder / start, network)
    if start is not None:
        yield folder / start
    yield write_text(folder / f"train_{stem}.py", text)


def _load_start(network: keras.Model, run: RunSpec, file: str) -> None:
    """Load the weights of ``file``, which a run starts from, as the run does.

    Raises:
        ExportError: if that isn't possible any more.
    """
    try:
        load_weights(network, Path(file), run.architecture, run.network.activation)
    except NetworkError:
        raise ExportError(
            f"The network {file} that it starts from is missing, can't be read or is of another architecture "
            "by now; restore the file and export again."
        ) from None


def _write_weights(path: Path, network: keras.Model) -> None:
    """Write all weights by the names of their layers, and their places in each: ``conv_1/0``.

    The file that they come from may have layers in another order, by which Keras would load it into the wrong ones.
    """
    weights = {
        f"{layer.name}/{number}": values
        for layer in network.layers
        for number, values in enumerate(layer.get_weights())
    }
    with atomic_path(path) as part:
        np.savez(part, **weights)
