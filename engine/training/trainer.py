"""Training of one run, from its first step to its test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import engine
from engine.config.specs import DataSpec, RunSpec
from engine.datasets import PreparedData
from engine.devices.hardware import describe_device, on_device
from engine.devices.names import CPU, AssignedDevice
from engine.events.commands import Control, Poll, SkipRun
from engine.events.runs import Interrupted, Intervention, InterventionKind, RunFinished, RunStarted, Status, is_finite
from engine.events.tasks import Emit
from engine.networks.architectures import (
    LayerSummary,
    activation_layers,
    activation_units,
    build_network,
    summarize,
    weight_layers,
)
from engine.networks.files import save_network
from engine.networks.loading import load_weights
from engine.networks.training_images import TrainingImages
from engine.training.augmentation.augmenter import Augmenter
from engine.training.callbacks.checkpoints import EmitCheckpoints
from engine.training.callbacks.commands import HandleCommands, StopOnDivergence
from engine.training.callbacks.early_stopping import StopEarly
from engine.training.callbacks.plateau import LowerOnPlateau
from engine.training.callbacks.recorder import Recorder
from engine.training.callbacks.shuffle import ShuffleOrder
from engine.training.callbacks.weights import WeightSnapshots
from engine.training.checkpoints import Environment, TrainingState, unpack_checkpoint
from engine.training.cleanup import free_previous_trainings
from engine.training.mistakes import most_confident_mistakes
from engine.training.model import MeasuredModel
from engine.training.optimizers import make_optimizer
from engine.training.schedules import make_learning_rate, warm_up_steps
from engine.training.timetable import Timetable

ON_CPU = AssignedDevice(CPU)


def train(
    number: int,
    run: RunSpec,
    data: PreparedData,
    emit: Emit,
    poll: Poll,
    model_file: Path | None,
    interrupted: Interrupted | None = None,
    assigned: AssignedDevice = ON_CPU,
) -> None:
    """Train a run from its beginning, or from where it was interrupted.

    Propagates ``DeviceError`` if this process has no such device.

    Args:
        number: the run's number in the store.
        run: the run.
        data: its images.
        emit: receives ``RunStarted``, then records, weights and checkpoints as they arise, and ``RunFinished``.
        poll: asked for commands after every recording interval.
        model_file: where the trained network is saved, if anywhere.
        interrupted: where to resume.
        assigned: the device to train on.
    """
    with on_device(assigned.device):
        free_previous_trainings()
        device = describe_device(assigned)
        state = _state(interrupted)
        threads = device.threads if device.kind == "CPU" else 1
        model = build_model(run, data, resumed=state is not None, threads=threads, library=device.library)
        layers = summarize(run.architecture, data.info.shape, len(data.info.class_names))
        environment = Environment(device, library_versions())
        emit(_run_started(number, model, layers, environment, state))
        recorder = Recorder(number, emit)
        commands = HandleCommands(number, recorder, poll, emit, interrupted.rates if interrupted is not None else ())
        plateau = _plateau(run, model, recorder)
        snapshots = WeightSnapshots(number, emit, {layer.name: layer.input_shape for layer in layers})
        stopping = StopEarly(recorder, run.training) if run.training.early_stopping != "off" else None
        callbacks = [
            ShuffleOrder(run.seed, len(data.y_train)),
            recorder,
            StopOnDivergence(recorder),
            commands,
            snapshots,
            *(each for each in (plateau, stopping) if each is not None),
            EmitCheckpoints(number, environment, emit, recorder, commands, plateau, stopping),
        ]
        model.warm_up()
        if state is not None:
            state.apply(model)
            recorder.restore(state.recorder)
            if plateau is not None:
                plateau.restore(state.plateau)
            if stopping is not None and state.stopping is not None:
                stopping.restore(state.stopping)
            kind = InterventionKind.CONTINUED if state.environment == environment else InterventionKind.MOVED
            emit(Intervention(number, state.step, state.recorder["seconds"], kind))
        fit(model, callbacks, state.epoch if state is not None else 0)
        steps = int(model.optimizer.iterations.numpy())
        ended = RunFinished(number, _status(recorder, commands), seconds=recorder.seconds, steps=steps)
        if ended.status in _REASONS:
            emit(replace(ended, reason=_REASONS[ended.status]))
        else:
            emit(_add_test_results(_with_kept_weights(ended, stopping, snapshots), model, data, run.data, model_file))


def _state(interrupted: Interrupted | None) -> TrainingState | None:
    checkpoint = interrupted.checkpoint if interrupted is not None else None
    return unpack_checkpoint(checkpoint) if checkpoint is not None else None


def _plateau(run: RunSpec, model: MeasuredModel, recorder: Recorder) -> LowerOnPlateau | None:
    if run.schedule.kind != "plateau":
        return None
    return LowerOnPlateau(recorder, run.schedule, warm_up_steps(run, model.timetable))


def _with_kept_weights(ended: RunFinished, stopping: StopEarly | None, snapshots: WeightSnapshots) -> RunFinished:
    """Add which weights early stopping kept, and emit these."""
    kept = stopping.kept if stopping is not None else None
    if kept is None:
        return ended
    snapshots.send_kept(kept)
    return replace(ended, kept=kept)


def _run_started(
    number: int,
    model: MeasuredModel,
    layers: Sequence[LayerSummary],
    environment: Environment,
    state: TrainingState | None,
) -> RunStarted:
    return RunStarted(
        run=number,
        device=environment.device,
        versions=environment.versions,
        layers=weight_layers(layers),
        steps_per_epoch=model.timetable.steps_per_epoch,
        activations=activation_layers(layers),
        units=activation_units(layers),
        after=state.step if state is not None else 0,
    )


def build_model(
    run: RunSpec, data: PreparedData, *, resumed: bool = False, threads: int = 1, library: str = ""
) -> MeasuredModel:
    """Return the compiled model of ``run``, with the initial weights that its seed or ``start_from`` determines.

    Args:
        run: the run.
        data: its images.
        resumed: whether a checkpoint replaces the weights anyway, so that ``start_from`` is not read.
        threads: number of threads of the processor; 1 on a GPU.
        library: that computes on the processor; empty on a GPU.
    """
    classes = len(data.info.class_names)
    network = build_network(run.architecture, data.info.shape, classes, run.network, run.seed)
    if run.start_from is not None and not resumed:
        load_weights(network, Path(run.start_from), run.architecture, run.network.activation)
    spec = run.training
    timetable = Timetable.of(len(data.y_train), spec, run.max_steps)
    rate = make_learning_rate(run, timetable)
    model = MeasuredModel(
        network,
        data,
        spec,
        timetable,
        rate,
        run.counts_dead_units,
        threads,
        library,
        _augmenter(run, data),
        run.seed,
    )
    # XLA makes a step of cnn_4 many times slower on a CPU.
    model.compile(optimizer=make_optimizer(spec, rate), jit_compile=False)
    return model


def _augmenter(run: RunSpec, data: PreparedData) -> Augmenter | None:
    if not run.augmentation.operations:
        return None
    info = data.info
    return Augmenter(run.augmentation, run.seed, len(data.y_train), info.shape, info.black, info.white)


def fit(model: MeasuredModel, callbacks: list[keras.callbacks.Callback], epoch: int = 0) -> None:
    """Run Keras' ``fit`` from ``epoch`` (from 0) on.

    Its data set only numbers the calls; the model holds the images.
    """
    calls = tf.data.Dataset.range(model.timetable.segments_per_epoch)
    epochs = model.timetable.epochs
    model.fit(calls, initial_epoch=epoch, epochs=epochs, callbacks=callbacks, shuffle=False, verbose=0)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that affect the numbers of a run."""
    names = ("tensorflow", "keras", "numpy", "scikit-learn")
    return {"trainscope": engine.__version__} | {name: version(name) for name in names}


_REASONS = {
    Status.CANCELLED: "Cancelled; its records are kept.",
    Status.INTERRUPTED: "Interrupted; its records are kept, and it can go on.",
    Status.SKIPPED: "Skipped; its records are kept.",
    Status.DIVERGED: "Loss or gradient is no longer a finite number; try a smaller learning rate.",
}


def _status(recorder: Recorder, commands: HandleCommands) -> Status:
    if recorder.last is not None and not is_finite(recorder.last):
        return Status.DIVERGED
    if commands.received is Control.CANCEL:
        return Status.CANCELLED
    if commands.received is Control.SUSPEND:
        return Status.INTERRUPTED
    if isinstance(commands.received, SkipRun):
        return Status.SKIPPED
    return Status.STOPPED if commands.received is Control.STOP else Status.FINISHED


def _add_test_results(
    ended: RunFinished, model: MeasuredModel, data: PreparedData, spec: DataSpec, model_file: Path | None
) -> RunFinished:
    loss, logits = model.test(data.x_test, data.y_test)
    if not np.isfinite(loss):
        return replace(ended, status=Status.DIVERGED, reason=_REASONS[Status.DIVERGED])
    classes = logits.shape[1]
    pairs = data.y_test * classes + np.argmax(logits, axis=1)
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def write(file: Path) -> None:
        model.network.save(file)
        TrainingImages.of(spec, data.info).append_to(file)

    reason = save_network(model_file, write) if model_file is not None else ""
    return replace(
        ended,
        reason=reason,
        test_loss=loss,
        test_accuracy=float(np.trace(confusion) / confusion.sum()),
        confusion=confusion,
        model=str(model_file) if model_file is not None and not reason else None,
        mistakes=most_confident_mistakes(data.x_test, data.y_test, logits),
    )
