"""Child processes, devices and training."""

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
from engine.devices import verification as device_check
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
from engine.selftest.check import Result, Surroundings, failed, ok, skipped
from engine.session import Session
from engine.storage.store import Store
from engine.utils.errors import TrainscopeError
from engine.utils.text import pluralise
from engine.utils.versions import LIBRARIES, installed_version

EventType = TypeVar("EventType")

ARCHITECTURE = "mlp_1"
REPORT = "report it with these lines"


def check_child(surroundings: Surroundings) -> Result:
    """A training process starts, loads the libraries that are installed here, and is gone when it is told to."""
    begin = time.perf_counter()
    with _executor(surroundings, surroundings.device) as executor:
        executor.start(1)
        started = [psutil.Process(process.pid) for process in multiprocessing.active_children()]
        events = _run_tasks(executor, [DeviceTask()])
        seconds = time.perf_counter() - begin
    ready = _of(WorkerReady, events)[-1]  # it answers the warming up too
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
        return failed(f"Process {left[0]} went on after it was told to end; end it by hand, and {REPORT}.")
    return ok(f"Ready to train after {seconds:.1f} s, with the versions that are installed, and gone when told.")


def check_devices(surroundings: Surroundings) -> Result:
    """TensorFlow can be loaded and says what it can compute on."""
    _load()
    found = available_devices()
    check_device(surroundings.device, found)
    named = "; ".join(f"{key}: {name}" for key, name in found.items())
    return ok(f"{named}.", {"Devices": named})


def check_processor(_surroundings: Surroundings) -> Result:
    """The processor computes the patterns that networks are trained with as NumPy does in double precision."""
    _load()
    return _judged({CPU: device_check.deviations(CPU)})


def check_gpus(surroundings: Surroundings) -> Result:
    """So does every GPU that would be used."""
    _load()
    wanted = surroundings.device
    gpus = [key for key in available_devices() if key != CPU and wanted in (AUTO, key)]
    if not gpus:
        return skipped("No GPU." if wanted == AUTO else f"Only {wanted} was asked for.")
    return _judged({gpu: device_check.deviations(gpu) for gpu in gpus})


def _load() -> None:
    """Load TensorFlow, unless that has been done; all devices are seen from here, whichever was asked for."""
    configure(cpu_count())


def _judged(found: dict[str, list[Deviation]]) -> Result:
    """What the deviations of each device say of it."""
    for device, deviations in found.items():
        if (sentence := device_check.refusal(device, deviations)) is not None:
            return failed(sentence)
    return ok("; ".join(device_check.agreement(device, deviations) for device, deviations in found.items()) + ".")


def check_repetition(surroundings: Surroundings) -> Result:
    """The same training on the processor gives the same numbers, to the bit: results can be repeated."""
    [run] = ARCHITECTURES_EXPERIMENT.plan(_spec())
    with _executor(surroundings, CPU) as executor:
        events = _run_tasks(executor, [TrainTask(number, run, None) for number in (1, 2)])
    first, second = (_numbers(events, number) for number in (1, 2))
    if first != second:
        return failed(
            f"Two trainings of {ARCHITECTURE} from the same seed differ; results can't be repeated on this machine, so "
            f"{REPORT}."
        )
    records, kernels = first
    return ok(
        f"{ARCHITECTURE} trained twice from one seed: {pluralise(len(records), 'record')} and "
        f"{pluralise(len(kernels), 'kernel')} the same, to the bit."
    )


def check_going_on(surroundings: Surroundings) -> Result:
    """A run that goes on from its first checkpoint gives the numbers of one that was never interrupted, to the bit."""
    [run] = ARCHITECTURES_EXPERIMENT.plan(_spec().replace(epochs=2))
    with _executor(surroundings, CPU) as executor:
        whole = _run_tasks(executor, [TrainTask(1, run, None)])
        checkpoint = _of(Checkpoint, whole)[0]
        rest = _run_tasks(executor, [TrainTask(2, run, None, Interrupted(checkpoint.data))])
    expected, found = (_numbers(events, number, checkpoint.step) for number, events in ((1, whole), (2, rest)))
    if found != expected or not found[0]:
        return failed(
            f"{ARCHITECTURE} went on after step {checkpoint.step} to another end than without an interruption; what "
            f"is resumed on this machine can't be relied upon, so {REPORT}."
        )
    records, kernels = found
    return ok(
        f"{ARCHITECTURE} gone on with after step {checkpoint.step}: {pluralise(len(records), 'record')} and "
        f"{pluralise(len(kernels), 'kernel')} as without an interruption, to the bit."
    )


def check_training(surroundings: Surroundings) -> Result:
    """An experiment goes its whole way: data set, training process, store, trained network; and the network learns."""
    workspace = surroundings.scratch / "training"
    events: list[Event] = []
    with (
        closing(Store(workspace)) as store,
        closing(ControlChannel()) as control,
        _executor(surroundings, surroundings.device) as executor,
    ):
        finished = Session(store, executor, events.append, control).run(ARCHITECTURES_EXPERIMENT, _spec())
    if finished.status is not Status.FINISHED or finished.experiment is None:
        return failed(f"The training ended as {finished.status}: {finished.reason or REPORT}")
    seen = _of(Record, events)
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
    """One epoch of one run on the digits, which are installed with scikit-learn."""
    return ARCHITECTURES_EXPERIMENT.preset("quick", architectures=(ARCHITECTURE,), epochs=1, repeats=1)


@contextmanager
def _executor(surroundings: Surroundings, device: str) -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(1, surroundings.scratch / "logs", device=device)
    try:
        yield executor
    finally:
        executor.close()


def _run_tasks(executor: ProcessExecutor, tasks: Sequence[Task]) -> list[Event]:
    """All events of ``tasks``; raises what one of them ended with, if it didn't end well."""
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


def _numbers(events: Sequence[Event], run: int, after: int = -1) -> tuple[list[Record], list[bytes]]:
    """What a run has measured after a step, without wall time, and its kernels, bit for bit."""
    records = [each for each in _of(Record, events) if each.run == run and each.step > after]
    kernels = [each for each in _of(Weights, events) if each.run == run and each.step > after]
    return [replace(each, run=0, seconds=0.0) for each in records], [each.values.tobytes() for each in kernels]


def _of(kind: type[EventType], events: Sequence[Event]) -> list[EventType]:
    return [event for event in events if isinstance(event, kind)]
