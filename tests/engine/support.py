"""Small specs, events and runs that the tests of the engine share."""

from __future__ import annotations

import json
import math
import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from engine.analysis.results import ExperimentResult, load_results
from engine.config.specs import ExperimentSpec, RunSpec
from engine.datasets import PreparedData
from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Poll
from engine.events.datasets import DatasetInfo, DatasetReady
from engine.events.devices import Device
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Checkpoint, Interrupted, PlannedRun, Record, RunFinished, RunStarted, Status, Weights
from engine.events.tasks import Emit, Event
from engine.executors.base import Executor
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import PrepareTask, Task, TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.architectures.experiment import ArchitecturesSpec, plan
from engine.experiments.base import Experiment, TrainingExperiment
from engine.exports import export_experiment
from engine.session import Session
from engine.storage.store import Store
from engine.utils.paths import store_file

ROOT = Path(__file__).parents[2]

INFO = DatasetInfo(
    name="digits",
    title="Digits",
    class_names=tuple("0123456789"),
    shape=(32, 32, 1),
    train_count=1293,
    validation_count=144,
    test_count=360,
    fingerprint="0" * 64,
)

Kind = TypeVar("Kind")


def of(kind: type[Kind], events: Iterable[Any]) -> list[Kind]:
    """The events of one kind, in order."""
    return [event for event in events if isinstance(event, kind)]


def small_spec(**changes: Any) -> ArchitecturesSpec:
    """One epoch of one run of mlp_1 on the digits, with ``changes``."""
    return ArchitecturesSpec.build({"architectures": ["mlp_1"], "epochs": 1, "repeats": 1} | changes)


def small_run(**changes: Any) -> RunSpec:
    """The first run of :func:`small_spec`."""
    return plan(small_spec(**changes))[0]


def few(data: PreparedData, train: int = 130, validation: int = 60, test: int = 40) -> PreparedData:
    """The first images of each part."""
    return replace(
        data,
        x_train=data.x_train[:train],
        y_train=data.y_train[:train],
        x_validation=data.x_validation[:validation],
        y_validation=data.y_validation[:validation],
        x_test=data.x_test[:test],
        y_test=data.y_test[:test],
    )


class Asking:
    """A poll that gives each of ``commands`` in turn; a number lets so many recording intervals pass."""

    def __init__(self, *commands: Command | int) -> None:
        self._commands: list[Any] = []
        for each in commands:
            self._commands += [None] * each if isinstance(each, int) else [each]

    def __call__(self, *, wait: bool = False) -> Command | None:
        while self._commands:
            command: Command | None = self._commands.pop(0)
            if command is not None or not wait:
                return command
        assert not wait, "it would wait for ever"
        return None


def train_here(
    run: RunSpec,
    data: PreparedData,
    poll: Poll = lambda: None,
    model_file: Path | None = None,
    emit: Emit | None = None,
    interrupted: Interrupted | None = None,
) -> list[Event]:
    """Train ``run`` as number 1 in this process: all its events, each shown to ``emit`` too."""
    from engine.training.trainer import train

    events: list[Event] = []

    def take(event: Event) -> None:
        events.append(event)
        if emit is not None:
            emit(event)

    train(1, run, data, take, poll, model_file, interrupted)
    return events


def timeless(events: Iterable[Any]) -> list[Any]:
    """Events without wall time, and with arrays and paths as plain values, so that two lists can be compared."""
    plain = []
    for event in events:
        match event:
            case dict():  # weights by layer, as the store gives them
                plain.append(dict(zip(event, timeless(event.values()), strict=True)))
            case Record():
                plain.append(replace(event, seconds=0.0))
            case Weights():
                plain.append(replace(event, values=event.values.tolist()))
            case RunFinished():
                confusion = None if event.confusion is None else event.confusion.tolist()
                mistakes = tuple(replace(each, pixels=each.pixels.tolist()) for each in event.mistakes)
                plain.append(replace(event, seconds=0.0, confusion=confusion, model=None, mistakes=mistakes))
            case Checkpoint():
                plain.append((event.step, [values.tolist() for values in _variables(event)]))
            case _:
                plain.append(event)
    return plain


def _variables(checkpoint: Checkpoint) -> tuple[Any, ...]:
    from engine.training.checkpoints import unpack_checkpoint

    return unpack_checkpoint(checkpoint.data).variables


def record(run: int = 1, step: int = 10, **changes: Any) -> Record:
    """A record with plausible numbers."""
    values: dict[str, Any] = {
        "run": run,
        "step": step,
        "epoch": 1,
        "seconds": 0.5,
        "training_loss": 2.25,
        "training_accuracy": 0.125,
        "validation_loss": 2.5,
        "validation_accuracy": 0.25,
        "learning_rate": 0.001,
        "gradient_norms": (0.5, 1.5),
        "update_ratios": (0.015625, 0.03125),  # as float32 holds them
    }
    return Record(**(values | changes))


def started(run: int = 1) -> RunStarted:
    """The start of a run of mlp_1."""
    device = Device("CPU", "a processor", 1)
    return RunStarted(run, device, {"keras": "3"}, ("dense_1", "prediction"), 26, ("act_1",), (32,))


def weights(run: int = 1, step: int = 0, epoch: int = 0, layer: str = "dense_1") -> Weights:
    """A kernel of mlp_1 in PyTorch's layout, its values counting up from ``step``."""
    outputs, input_shape = {"dense_1": (32, (32, 32, 1)), "prediction": (10, (32,))}[layer]
    inputs = math.prod(input_shape)
    values = (np.arange(outputs * inputs, dtype=np.float32) + step).reshape(outputs, inputs)
    return Weights(run, step, epoch, layer, input_shape, values)


def finished(run: int = 1, status: Status = Status.FINISHED, **changes: Any) -> RunFinished:
    """The end of a tested run."""
    values: dict[str, Any] = {
        "seconds": 2.0,
        "test_loss": 0.75,
        "test_accuracy": 0.5,
        "confusion": np.eye(10, dtype=np.int64),
    }
    return RunFinished(run, status, **(values | changes))


def sql(workspace: Path, statement: str, *values: Any) -> list[Any]:
    """What another program finds, or does, in the store of a workspace: its rows, as sqlite3 gives them."""
    with closing(sqlite3.connect(store_file(workspace))) as other, other:
        return other.execute(statement, values).fetchall()


@contextmanager
def one_transaction(store: Store) -> Iterator[None]:
    """Within, much is stored at once."""
    with store.connection:
        store.connection.execute("BEGIN IMMEDIATE")
        yield


def planned(store: Store, spec: ArchitecturesSpec | None = None) -> tuple[int, tuple[PlannedRun, ...]]:
    """An experiment stored with its runs, none of them begun: its number, and they."""
    spec = spec or small_spec()
    runs = plan(spec)
    number = store.add_experiment("architectures", spec.to_json(), spec.seed, INFO, 1)
    return number, store.add_runs(number, runs, [33_130] * len(runs), [26] * len(runs))


def opened_by_many(workspace: Path, use: Callable[[Store], object]) -> list[Exception]:
    """Open and use a store in eight threads at once: the errors they meet."""
    barrier = threading.Barrier(8)
    errors: list[Exception] = []

    def open_and_use() -> None:
        barrier.wait()
        try:
            with closing(Store(workspace)) as store:
                use(store)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=open_and_use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


class ScriptedExecutor:
    """Answers each run with events of its own making, without training anything."""

    def __init__(self, answer: Any = None, preparation: Event | None = None) -> None:
        self.tasks: list[Task] = []
        self._answer = answer or (lambda task: [started(task.run), record(task.run), finished(task.run)])
        self._preparation = preparation or DatasetReady(INFO)

    def start(self, runs: int, threads: int | None = None) -> int:
        return 1

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        return Allocation(1, 1)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        self.tasks += tasks
        for task in tasks:
            answers = [self._preparation] if isinstance(task, PrepareTask) else self._answer(task)
            for event in answers:
                emit(event)

    def close(self) -> None:
        """Nothing to end."""


def run_session(
    store: Store,
    executor: Executor,
    spec: ExperimentSpec,
    emit: Emit | None = None,
    control: Any = None,
    experiment: Experiment = ARCHITECTURES_EXPERIMENT,
) -> tuple[ExperimentFinished, list[Event]]:
    """Carry out ``spec``: what the session returned, and every event it emitted."""
    events: list[Event] = []

    def take(event: Event) -> None:
        events.append(event)
        if emit is not None:
            emit(event)

    channel = control or ControlChannel()
    try:
        return Session(store, executor, take, channel).run(experiment, spec), events
    finally:
        if control is None:
            channel.close()


@dataclass(frozen=True)
class CompletedExperiment:
    """A training experiment, run in this process and exported to ``folder``."""

    spec: Any
    outcome: ExperimentFinished
    events: list[Event]
    result: ExperimentResult
    folder: Path

    @property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` holds."""
        found: dict[str, Any] = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        return found

    def course(self, name: str) -> dict[str, Any]:
        """The course's dictionary of that name, as plain pickle reads it."""
        with (self.folder / "course" / f"{name}.pkl").open("rb") as file:
            found: dict[str, Any] = pickle.load(file)  # noqa: S301 - written by the test itself
        return found


def carry_out(experiment: TrainingExperiment, folder: Path, **changes: Any) -> CompletedExperiment:
    """Carry out the quick preset with ``changes``."""
    spec = experiment.preset("quick", **changes)
    with closing(Store(folder / "workspace")) as store:
        outcome, events = run_session(store, InlineExecutor(), spec, experiment=experiment)
        assert outcome.experiment is not None, outcome.reason
        export_experiment(store, outcome.experiment, folder / "out")
        return CompletedExperiment(spec, outcome, events, load_results(store, outcome.experiment), folder / "out")


def train_tasks(spec: ArchitecturesSpec) -> list[TrainTask]:
    """The runs of ``spec``, numbered from 1, none of which saves its model."""
    return [TrainTask(number, run, None) for number, run in enumerate(plan(spec), start=1)]


def python(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository's root and wait for its end."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603


def assert_close(found: ArrayLike, expected: ArrayLike, *, rel: float, abs: float) -> None:
    """Compare arrays as pytest.approx does, which takes about 10 µs per number and so a second for feature maps."""
    ours, theirs = (np.asarray(values, np.float64) for values in (found, expected))
    assert ours.shape == theirs.shape
    wrong = ~(np.abs(ours - theirs) <= np.maximum(rel * np.abs(theirs), abs))
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} differ, such as {ours[wrong][:5]} from {theirs[wrong][:5]}"
