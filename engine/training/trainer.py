"""Trains one run from its first step to its test."""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path
from zipfile import is_zipfile

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule
from sklearn.metrics import confusion_matrix

import engine
from engine.datasets import PreparedData
from engine.devices import current_device
from engine.errors import NetworkError
from engine.events import Control, Emit, Poll, RunFinished, RunStarted, SkipRun, Status, is_sound
from engine.network_files import check_weights
from engine.networks import (
    activation_layers,
    activation_units,
    architecture_name,
    build_network,
    parameter_layers,
    summarize,
)
from engine.spec import Optimizer, RunSpec
from engine.training.callbacks.controls import ObeyControls, StopOnDivergence
from engine.training.callbacks.order import ShuffleOrder
from engine.training.callbacks.plateau import LowerOnPlateau
from engine.training.callbacks.recorder import Recorder
from engine.training.callbacks.weights import WeightSnapshots
from engine.training.intervals import Timetable
from engine.training.mistakes import surest_mistakes
from engine.training.model import MeasuredModel
from engine.training.schedules import make_learning_rate

log = logging.getLogger(__name__)


def train(number: int, run: RunSpec, data: PreparedData, emit: Emit, poll: Poll, model_file: Path | None) -> None:
    """Train ``run``, number ``number`` in the store, on ``data``.

    Emits :class:`RunStarted`, records and weights as they arise, and :class:`RunFinished` at the end. ``poll`` is asked
    for a control after every recording interval. The trained network is saved to ``model_file`` if one is named.
    """
    # Variables and graphs of the run before would otherwise stay in Keras' global state.
    keras.backend.clear_session()
    model = build_model(run, data)
    layers = summarize(run.architecture, data.info.shape, len(data.info.class_names))
    steps_per_epoch = model.timetable.steps_per_epoch
    emit(
        RunStarted(
            run=number,
            device=current_device(),
            versions=library_versions(),
            layers=parameter_layers(layers),
            steps_per_epoch=steps_per_epoch,
            activations=activation_layers(layers),
            units=activation_units(layers),
        )
    )
    recorder = Recorder(number, data.x_validation, data.y_validation, emit)
    controls = ObeyControls(number, recorder, poll, emit)
    callbacks = [
        ShuffleOrder(run.seed, len(data.y_train)),
        recorder,
        StopOnDivergence(recorder),
        controls,
        WeightSnapshots(number, emit, {layer.name: layer.input_shape for layer in layers}),
        *([LowerOnPlateau(recorder, run.schedule)] if run.schedule.kind == "plateau" else []),
    ]
    model.warm_up()
    fit(model, callbacks)
    seconds = recorder.seconds
    status = _status(recorder, controls)
    if status in _REASONS:
        emit(RunFinished(number, status, _REASONS[status], seconds))
        return
    emit(_tested(number, status, seconds, model, data, model_file))


def build_model(run: RunSpec, data: PreparedData) -> MeasuredModel:
    """The compiled model of ``run``, its initial values fixed by the run's seed."""
    classes = len(data.info.class_names)
    network = build_network(run.architecture, data.info.shape, classes, run.network, run.seed)
    if run.start_from is not None:
        take_weights(network, Path(run.start_from), run.architecture)
    spec = run.training
    timetable = Timetable.of(len(data.y_train), spec, run.max_steps)
    rate = make_learning_rate(run, timetable)
    model = MeasuredModel(network, data.x_train, data.y_train, spec.batch_size, timetable, rate, run.counts_dead_units)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # XLA on a CPU makes a step of cnn_4 many times slower, so it stays off.
    model.compile(optimizer=make_optimizer(spec.optimizer, rate), loss=loss, jit_compile=False)
    return model


def take_weights(network: keras.Sequential, file: Path, architecture: str) -> None:
    """Give ``network`` the weights in the .keras file; raises :class:`NetworkError` where they are of another one.

    Only weights are read, into the layers there are: nothing that the file describes is built or run.
    """
    try:
        check_weights(file)
        network.load_weights(file)
    except Exception:  # a damaged file makes Keras raise almost anything, and lists objects in its words
        log.info("weights of %s not taken", file, exc_info=True)
        raise NetworkError(
            f"{file} can't be trained on as {architecture_name(architecture)} ({_why_not(file)}); choose the "
            "architecture and the image shape it was trained with."
        ) from None


def _why_not(file: Path) -> str:
    if not file.exists():
        return "it does not exist"
    return "its weights don't fit the layers" if file.is_file() and is_zipfile(file) else "it holds no network"


def fit(model: MeasuredModel, callbacks: list[keras.callbacks.Callback]) -> None:
    """Run Keras' ``fit``; its data set only numbers the calls, the model keeps the images itself."""
    calls = tf.data.Dataset.range(model.timetable.pieces_per_epoch)
    model.fit(calls, epochs=model.timetable.epochs, callbacks=callbacks, shuffle=False, verbose=0)


def make_optimizer(name: Optimizer, rate: float | LearningRateSchedule) -> keras.optimizers.Optimizer:
    """The Keras optimiser of that name, its other parameters at Keras' defaults."""
    return keras.optimizers.get({"class_name": name, "config": {"learning_rate": rate}})


def library_versions() -> dict[str, str]:
    """Versions that decide the numbers of a run."""
    names = ("tensorflow", "keras", "numpy", "scikit-learn")
    return {"trainscope": engine.__version__} | {name: version(name) for name in names}


_REASONS = {
    Status.CANCELLED: "Cancelled; its records are kept.",
    Status.SKIPPED: "Skipped; its records are kept.",
    Status.DIVERGED: "Loss or gradient is no longer a finite number; try a smaller learning rate.",
}


def _status(recorder: Recorder, controls: ObeyControls) -> Status:
    if recorder.last is not None and not is_sound(recorder.last):
        return Status.DIVERGED
    if controls.received is Control.CANCEL:
        return Status.CANCELLED
    if isinstance(controls.received, SkipRun):
        return Status.SKIPPED
    return Status.STOPPED if controls.received is Control.STOP else Status.FINISHED


def _tested(
    number: int, status: Status, seconds: float, model: MeasuredModel, data: PreparedData, model_file: Path | None
) -> RunFinished:
    loss, logits = model.test(data.x_test, data.y_test)
    confusion = confusion_matrix(data.y_test, np.argmax(logits, axis=1), labels=np.arange(len(data.info.class_names)))
    reason = _save(model.network, model_file) if model_file is not None else ""
    return RunFinished(
        run=number,
        status=status,
        reason=reason,
        seconds=seconds,
        test_loss=loss,
        test_accuracy=float(np.trace(confusion) / confusion.sum()),
        confusion=confusion,
        model=str(model_file) if model_file is not None and not reason else None,
        mistakes=surest_mistakes(data.x_test, data.y_test, logits),
    )


def _save(network: keras.Sequential, file: Path) -> str:
    """Save the trained network; gives the reason if that fails, since its test figures count all the same."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        network.save(file)
    except OSError as error:
        return f"The trained network could not be saved to {file} ({error.strerror or error})."
    return ""
