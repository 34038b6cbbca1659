"""The source of a Keras script, from the template in ``resources/script``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.analysis.results import RunResult
from engine.config.specs import RunSpec
from engine.datasets.base import RawImages
from engine.datasets.prepare import LUMA, Preparation
from engine.events.runs import Status
from engine.exports.script.code import source
from engine.exports.script.network import chooses_pixels, network_imports, network_source
from engine.exports.script.settings import CROSS_ENTROPY, callback_calls, optimizer_call
from engine.networks.architectures import architecture_name
from engine.utils.arrays import Array
from engine.utils.paths import RESOURCES

if TYPE_CHECKING:
    import keras

TEMPLATES = RESOURCES / "script"
_INITIAL = {
    "course": "Its initial values are PyTorch's: uniform in ±1/sqrt(fan-in) for kernels and biases.",
    "keras": "Its initial values are Keras': Glorot's for kernels, zero for biases.",
}
_ARGUMENT = 8  # columns before an argument of a call in ``main``


@dataclass(frozen=True)
class ScriptContent:
    """What a script holds.

    Attributes:
        stem: what its files are called.
        best: the run that it repeats.
        raw: the images.
        train_count: number of training images.
        preparation: how they are prepared.
        network: the network, as ``initial_network`` builds it.
        start: name of the file of the weights that the run starts from.
    """

    stem: str
    best: RunResult
    raw: RawImages
    train_count: int
    preparation: Preparation
    network: keras.Model
    start: str | None


def initial_network(run: RunSpec, raw: RawImages, preparation: Preparation) -> keras.Model:
    """Build the network of a run, with initial values by its seed; TensorFlow must have been loaded."""
    from engine.networks.architectures import build_network

    height, width, channels = raw.x_train.shape[1:]
    shape = (height, width, 1 if _converts_to_gray(raw, preparation) else channels)
    return build_network(run.architecture, shape, len(raw.class_names), run.network, run.seed)


def _converts_to_gray(raw: RawImages, preparation: Preparation) -> bool:
    return preparation.grayscale and raw.x_train.shape[-1] == 3


def script_source(content: ScriptContent) -> str:
    """Return the source of the script, without the last line break; TensorFlow must have been loaded."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - not HTML; values are written as literals by ``source``
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,  # of the parts that are included
    )
    return environment.get_template("train.py.jinja").render(_values(content)).rstrip("\n")


def _values(content: ScriptContent) -> dict[str, Any]:
    """Return the values of the template's names: settings, and source."""
    from engine.training.schedules import FIRST_DIVISOR, LAST_DIVISOR, RISE, OverridableRate, make_learning_rate
    from engine.training.timetable import Timetable

    run, raw, preparation, network = content.best.run.trained_spec, content.raw, content.preparation, content.network
    rate = make_learning_rate(run, Timetable.of(content.train_count, run.training, run.max_steps))
    optimizer = optimizer_call(run.training, rate.schedule if isinstance(rate, OverridableRate) else rate)
    training, augmentation = run.training, run.augmentation
    return {
        "about": _about(content, network),
        "imports": network_imports(network),
        "chooses_pixels": any(map(chooses_pixels, network.layers)),
        "classes": source(list(raw.class_names), prefix="CLASSES = ").removeprefix("CLASSES = "),
        "seed": run.seed,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "special_targets": bool(training.label_smoothing or augmentation.mixup or training.class_weights != "none"),
        "smoothing": training.label_smoothing,
        "balanced": training.class_weights == "balanced",
        "augmentation": augmentation if augmentation.operations else None,
        "means": source(_decimals(preparation.means)),
        "deviations": source(_decimals(preparation.deviations)),
        "luma": source(list(LUMA)) if _converts_to_gray(raw, preparation) else "",
        "network": network_source(network),
        "start": source(content.start),
        "result": source(_result(content)),
        "rise": RISE,
        "first_divisor": FIRST_DIVISOR,
        "last_divisor": LAST_DIVISOR,
        "penalised": bool(network.losses),
        "metric": source(CROSS_ENTROPY),
        "optimizer": source(optimizer, _ARGUMENT, "optimizer=", ","),
        "callbacks": [source(each, _ARGUMENT + 4, suffix=",") for each in callback_calls(run, bool(network.losses))],
    }


def _about(content: ScriptContent, network: keras.Model) -> dict[str, Any]:
    """Return what the description of the script says."""
    run = content.best.run
    seeded = "the order of the images"
    return {
        "network": plain(architecture_name(run.trained_spec.architecture)),
        "accuracy": f"{run.test_accuracy:.2%}",
        "file": plain(f"train_{content.stem}.py"),
        "start": plain(content.start or ""),
        "result": plain(_result(content)),
        "seeded": seeded + (" and their changes" if run.trained_spec.augmentation.operations else ""),
        "initial": _INITIAL[run.trained_spec.network.initializer],
        "remarks": list(_remarks(content.best, network)),
    }


def _remarks(best: RunResult, network: keras.Model) -> Iterator[str]:
    """Yield how the run differed from what the script does."""
    if best.status is not Status.FINISHED:
        done, planned = best.records[-1].step, best.run.total_steps
        yield (
            f"In Trainscope this run was stopped after {done} of {planned} steps and then tested; here all epochs are "
            "trained."
        )
    if best.manual_rates:
        yield "In Trainscope the learning rate was changed by hand during this run, which is not repeated here."
    if any("Dropout" in type(layer).__name__ for layer in network.layers):
        yield "Dropout draws other units than in Trainscope, so that the two differ as repeats of a run do."
    if network.losses:
        yield f"The losses that Keras prints contain L2 penalties; {CROSS_ENTROPY} does not, as those of Trainscope."


def _result(content: ScriptContent) -> str:
    return f"{content.stem}.keras"


def plain(text: str) -> str:
    """Return a text for a description, without characters that could end it."""
    return re.sub(r"[^\w .,()+-]", "_", text, flags=re.ASCII)


def _decimals(values: Array) -> list[float]:
    """Return float32 numbers as the shortest decimals that float32 is read back from."""
    return [float(str(value)) for value in values]
