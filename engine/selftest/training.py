"""Checks of child processes, devices and training."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TypeVar

import psutil

from engine.analysis.results import load_results
from engine.config.specs import ExperimentSpec
from engine.devices import verification
from engine.devices.hardware import available_devices, configure, cpu_count
from engine.devices.names import AUTO, CPU, check_device
from engine.devices.verification import Deviation
from engine.events.channel import ControlChannel
from engine.events.devices import WorkerReady
from engine.events.runs import Checkpoint, Interrupted, Record, RunFinished, Status, Weights
from engine.events.tasks import Event, TaskFailed
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.tasks import DeviceTask, Task, TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.selftest.check import CheckContext, CheckResult, failed, ok, skipped
from engine.session import Session
from engine.storage.store import Store
from engine.utils.errors import TrainscopeError
from engine.utils.text import as_duration, pluralise
from engine.utils.versions import LIBRARIES, installed_version

EventT = TypeVar("EventT")

ARCHITECTURE = "mlp_1"
REPORT = "report it with these lines"


def check_child(context: CheckContext) -> CheckResult:
    """Check that a training process starts, loads the installed libraries, and ends on request."""
    begin = time.perf_counter()
    with _executor(context, context.device) as executor:
        executor.start(1)
        started = [psutil.Process(process.pid) for process in multiprocessing.active_children()]
        events = _run_tasks(executor, [DeviceTask()])
        seconds = time.perf_counter() - begin
    ready = _events_of(WorkerReady, events)[-1]  # the warm-up sends one too
    here = {name: installed_version(name) for name in LIBRARIES.values() if name in ready.versions}
    odd = [
        f"{name} {ready.versions[name]}, not {version}"
        for name, version in here.items()
        if ready.versions[name] != version
    ]
    if odd:
        return failed(f"A training process loads {'; '.join(odd)}: installations are mixed up; make a new one.")
    left = [process.pid for process in started if process.is_running()]
    if left:
        return failed(f"Process {left[0]} kept running after it was asked to end; end it by hand, and {REPORT}.")
    took = as_duration(seconds, decimals=1)
    return ok(f"Ready to train after {took}, with the versions that are installed, and ended when asked.")


def check_devices(context: CheckContext) -> CheckResult:
    """Check that TensorFlow loads and lists the devices."""
    _load_tensorflow()
    found = available_devices()
    check_device(context.device, found)
    named = "; ".join(f"{key}: {name}" for key, name in found.items())
    return ok(f"{named}.", {"Devices": named})


def check_processor(_context: CheckContext) -> CheckResult:
    """Check that the processor computes the operations of training as NumPy does in float64."""
    _load_tensorflow()
    return _result_of({CPU: verification.deviations(CPU)})


def check_gpus(context: CheckContext) -> CheckResult:
    """Check the same of every GPU that would be used."""
    _load_tensorflow()
    wanted = context.device
    gpus = [key for key in available_devices() if key != CPU and wanted in (AUTO, key)]
    if not gpus:
        return skipped("No GPU." if wanted == AUTO else f"Only {wanted} was asked for.")
    return _result_of({gpu: verification.deviations(gpu) for gpu in gpus})


def _load_tensorflow() -> None:
    """Load TensorFlow unless already done, with all devices visible."""
    configure(cpu_count())


def _result_of(found: dict[str, list[Deviation]]) -> CheckResult:
    """Return the result for the deviations of each device."""
    for device, deviations in found.items():
        if (sentence := verification.refusal_message(device, deviations)) is not None:
            return failed(sentence)
    return ok(
        "; ".join(verification.describe_agreement(device, deviations) for device, deviations in found.items()) + "."
    )


def check_repetition(context: CheckContext) -> CheckResult:
    """Check that the same training on the processor gives bit-identical numbers, so results can be reproduced."""
    [run] = ARCHITECTURES_EXPERIMENT.plan(_spec())
    with _executor(context, CPU) as executor:
        events = _run_tasks(executor, [TrainTask(number, run, None) for number in (1, 2)])
    first, second = (_measurements(events, number) for number in (1, 2))
    if first != second:
        return failed(
            f"Two trainings of {ARCHITECTURE} from the same seed differ; results can't be repeated on this machine, so "
            f"{REPORT}."
        )
    records, weights = first
    return ok(
        f"{ARCHITECTURE} trained twice from one seed: {pluralise(len(records), 'record')} and "
        f"{pluralise(len(weights), 'weight array')} the same, to the bit."
    )


def check_resuming(context: CheckContext) -> CheckResult:
    """Check that a run resumed from its first checkpoint gives the numbers of an uninterrupted one, bit for bit."""
    [run] = ARCHITECTURES_EXPERIMENT.plan(_spec().replace(epochs=2))
    with _executor(context, CPU) as executor:
        whole = _run_tasks(executor, [TrainTask(1, run, None)])
        checkpoint = _events_of(Checkpoint, whole)[0]
        rest = _run_tasks(executor, [TrainTask(2, run, None, Interrupted(checkpoint.data))])
    expected, found = (_measurements(events, number, checkpoint.step) for number, events in ((1, whole), (2, rest)))
    if found != expected or not found[0]:
        return failed(
            f"{ARCHITECTURE}, resumed after step {checkpoint.step}, came to another end than without an interruption; "
            f"what is resumed on this machine can't be relied upon, so {REPORT}."
        )
    records, weights = found
    return ok(
        f"{ARCHITECTURE} resumed after step {checkpoint.step}: {pluralise(len(records), 'record')} and "
        f"{pluralise(len(weights), 'weight array')} as without an interruption, to the bit."
    )


def check_training(context: CheckContext) -> CheckResult:
    """Check a whole experiment: data set, training process, store, trained network; and that the network learns."""
    workspace = context.scratch / "training"
    events: list[Event] = []
    with (
        closing(Store(workspace)) as store,
        closing(ControlChannel()) as control,
        _executor(context, context.device) as executor,
    ):
        finished = Session(store, executor, events.append, control).run(ARCHITECTURES_EXPERIMENT, _spec())
    if finished.status is not Status.FINISHED or finished.experiment is None:
        return failed(f"The training ended as {finished.status}: {finished.reason or REPORT}")
    seen = _events_of(Record, events)
    with closing(Store(workspace)) as store:
        result = load_results(store, finished.experiment)
    [run] = result.variants[0].runs
    stored = list(run.records)
    if not stored or stored != seen or run.run.model is None or not run.run.model.exists():
        return failed(f"The store does not hold what was trained; check the disk, and {REPORT}.")
    first, last = stored[0].training_loss, stored[-1].training_loss
    accuracy = run.run.test_accuracy or 0.0
    figures = (
        f"{ARCHITECTURE} on digits, {pluralise(stored[-1].step, 'step')}: loss {first:.2f} → {last:.2f}, "
        f"{100 * accuracy:.0f} % of the test images right"
    )
    if not last < first:
        return failed(f"{figures}: it does not learn; train on another device (--device cpu), and {REPORT}.")
    return ok(f"{figures}; every record is in the store.")


def _spec() -> ExperimentSpec:
    """Return the spec of one run of one epoch on the digits, which are installed with scikit-learn."""
    return ARCHITECTURES_EXPERIMENT.preset("quick", architectures=(ARCHITECTURE,), epochs=1, repeats=1)


@contextmanager
def _executor(context: CheckContext, device: str) -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(1, context.scratch / "logs", device=device)
    try:
        yield executor
    finally:
        executor.close()


def _run_tasks(executor: ProcessExecutor, tasks: Sequence[Task]) -> list[Event]:
    """Run tasks and return all their events.

    Raises:
        TrainscopeError: with the reason, if a task or a run does not finish.
    """
    events: list[Event] = []
    with closing(ControlChannel()) as control:
        executor.run(tasks, events.append, control)
    for event in events:
        match event:
            case TaskFailed(reason):
                raise TrainscopeError(reason)
            case RunFinished() if event.status is not Status.FINISHED:
                raise TrainscopeError(event.reason)
    return events


def _measurements(events: Sequence[Event], run: int, after: int = -1) -> tuple[list[Record], list[bytes]]:
    """Return a run's records after a step, without wall time, and its weights as bytes."""
    records = [each for each in _events_of(Record, events) if each.run == run and each.step > after]
    weights = [each for each in _events_of(Weights, events) if each.run == run and each.step > after]
    return [replace(each, run=0, seconds=0.0) for each in records], [each.values.tobytes() for each in weights]


def _events_of(kind: type[EventT], events: Sequence[Event]) -> list[EventT]:
    return [event for event in events if isinstance(event, kind)]
