"""``--batch`` and ``--list``: experiments without a window."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from engine.analysis.results import ExperimentResult, VariantResult, load_results
from engine.analysis.statistics import spread
from engine.cli.arguments import Options
from engine.cli.progress import make_reporter
from engine.config.fields import describe
from engine.config.parsing import parse_assignments, read_toml
from engine.config.specs import ExperimentSpec
from engine.datasets import DATASETS
from engine.datasets.registry import existing_path
from engine.devices.names import AUTO, CPU, check_device
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.devices import WorkerReady
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status
from engine.events.tasks import Event, TaskFailed
from engine.executors.base import Executor
from engine.executors.inline import InlineExecutor
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.routing import RoutingExecutor
from engine.executors.tasks import DeviceTask
from engine.experiments import ALL, COURSE_EXPERIMENTS, EXPERIMENTS, find_experiment
from engine.experiments.base import ComputedExperiment, Experiment, TrainingExperiment
from engine.experiments.presets import without_experiment
from engine.exports import Format, check_writable, export_experiment
from engine.exports.report import check_report_file, write_report
from engine.exports.report.runs import curve_findings
from engine.session import Session
from engine.storage.database import RECORDING_BUSY_SECONDS
from engine.storage.integrity import examine_store
from engine.storage.recovery import Recovery
from engine.storage.store import Store
from engine.utils.errors import DatasetError, DeviceError, ExportError, SpecError, StoreError, TrainscopeError
from engine.utils.paths import check_workspace, log_folder
from engine.utils.streams import output_error
from engine.utils.text import counted
from engine.workspace.dataset_library import DatasetLibrary
from engine.workspace.network_library import NetworkLibrary

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def run_until_interrupted(options: Options) -> int:
    """As :func:`run`; Ctrl-C while nothing trains ends the program without a traceback.

    What could not be said, as its reader went away or the disk is full, holds nothing up, but makes the code tell.
    """
    try:
        code = run(options)
    except KeyboardInterrupt:
        _say(sys.stderr, "trainscope: Interrupted.")
        return EXIT_INTERRUPTED
    problem = output_error()
    if problem is None:
        return code
    if problem.errno != errno.EPIPE:  # who has gone away knows
        _say(sys.stderr, f"trainscope: Not all of the output could be written ({problem.strerror}); free some space.")
    return code or EXIT_FAILED


def run(options: Options) -> int:
    """Do what ``options`` ask for; gives the exit code, and one sentence on stderr where it isn't 0."""
    try:
        check_workspace(options.workspace)
        return _list(options) if options.list else _train(options)
    except TrainscopeError as error:
        _say(sys.stderr, f"trainscope: {error}")
        return EXIT_FAILED


def make_executor(options: Options) -> Executor:
    """The executor that ``--workers`` asks for: None chooses a number, 0 trains in this process."""
    device = options.device or AUTO
    if options.workers == 0:
        return InlineExecutor(device)
    local = ProcessExecutor(options.workers, log_folder(options.workspace), device=device)
    return RoutingExecutor(local, options.workspace, device, options.cluster)


def build_spec(experiment: Experiment, options: Options, lenient: bool = False) -> ExperimentSpec:
    """The spec: preset, then file, then ``--dataset``, then ``--set``, each changing only what it names.

    ``lenient`` passes over settings that this experiment doesn't have.
    """
    known = experiment.spec.model_fields
    pairs = [pair for pair in options.assignments if not lenient or pair.partition("=")[0].strip() in known]
    changes: dict[str, Any] = {}
    if options.config is not None:
        changes |= _settings_in(options.config, options.batch or experiment.name)
    if options.dataset is not None:
        changes["dataset"] = options.dataset
    changes |= parse_assignments(experiment.spec, pairs)
    if lenient:
        changes = {key: value for key, value in changes.items() if key in known}
    if "dataset" in changes:
        changes["dataset"] = _absolute(changes["dataset"])
    library = NetworkLibrary(options.workspace)
    match changes:
        case {"architecture": str(name)}:
            changes["architecture"] = library.resolve(name)
        case {"architectures": list(names)}:
            changes["architectures"] = [library.resolve(name) if isinstance(name, str) else name for name in names]
    return experiment.preset(options.preset, **changes)


def _settings_in(file: Path, name: str) -> dict[str, Any]:
    """The settings in a file, which may say that they are for the experiment called ``name``, but for no other."""
    try:
        return without_experiment(read_toml(file), name)
    except SpecError as error:
        raise error if str(error).startswith(str(file)) else SpecError(f"{file}: {error}") from None


def _absolute(dataset: Any) -> Any:
    """A path in full, so that what is stored means the same from any folder; a name as it is."""
    if not isinstance(dataset, str) or dataset in DATASETS:
        return dataset
    with suppress(OSError, RuntimeError, ValueError):  # a ~user there is not, a null byte: said when it is opened
        path = Path(dataset).expanduser()
        if path.exists():
            return str(path.absolute())
    return dataset


def _train(options: Options) -> int:
    """Run the experiment asked for, or all of them; the first exit code that is not 0 counts."""
    if (sentence := examine_store(options.workspace)) is not None:
        # Results were asked for where the history has just been set aside: whoever asked decides how to go on.
        raise StoreError(f"{sentence[:-1]}; nothing was trained: start again to go on with the new one.")
    chosen = list(COURSE_EXPERIMENTS.values()) if options.batch == ALL else [find_experiment(options.batch or "")]
    specs = [] if options.resume else build_specs(chosen, options)
    if options.export is not None:
        check_writable(options.export)  # known before the training, not after it
    if options.report is not None:
        check_report_file(options.report)
    store = Store(options.workspace, RECORDING_BUSY_SECONDS)
    try:
        if options.resume:
            jobs = _unfinished(chosen, store, options)
            return _carry_out(jobs, store, options)
        _mention_interrupted(chosen, options.workspace)
        return _carry_out([_New(*each) for each in zip(chosen, specs, strict=True)], store, options)
    finally:
        store.close()


@dataclass(frozen=True)
class _New:
    """An experiment to begin."""

    experiment: Experiment
    spec: ExperimentSpec

    def run(self, session: Session) -> ExperimentFinished:
        """Carry it out."""
        return session.run(self.experiment, self.spec)


@dataclass(frozen=True)
class _Unfinished:
    """A stored experiment to go on with."""

    experiment: Experiment
    number: int

    def run(self, session: Session) -> ExperimentFinished:
        """Carry out the rest of it."""
        return session.resume(self.experiment, self.number)


def _carry_out(jobs: Sequence[_New | _Unfinished], store: Store, options: Options) -> int:
    """One after the other, each with its exports."""
    executor = make_executor(options)
    codes: list[int] = []
    numbers: list[int] = []
    try:
        if options.device not in (None, AUTO, CPU) and options.cluster is None:  # its workers have GPUs of their own
            check_device(options.device, _find_devices(executor))
        _remember_datasets([job.spec for job in jobs if isinstance(job, _New)], options.workspace)
        for job in jobs:
            name = job.experiment.name
            folder = options.export / name if options.export and options.batch == ALL else options.export
            finished = _run_session(job, store, executor)
            if finished.experiment is not None:
                numbers.append(finished.experiment)
                _report(store, job.experiment, finished.experiment)
                codes.append(_export(store, job.experiment, finished.experiment, folder, options.formats))
            codes.append(_exit_code(finished))
            if codes[-1] == EXIT_INTERRUPTED:
                break
        if options.report is not None and numbers:
            _say(sys.stdout, f"Report written to {write_report(store, numbers, options.report)}")
    finally:
        executor.close()
    return next((code for code in codes if code != EXIT_OK), EXIT_OK)


def _unfinished(experiments: Sequence[Experiment], store: Store, options: Options) -> list[_Unfinished]:
    """The newest unfinished experiment of each kind; raises :class:`StoreError` where there is none at all."""
    with closing(Recovery(options.workspace)) as recovery:
        recovery.mark_interrupted()
        found = [(experiment, recovery.newest(experiment.name)) for experiment in experiments]
    jobs = [_Unfinished(experiment, number) for experiment, number in found if number is not None]
    for job in jobs:
        ended = store.experiment(job.number)
        _say(sys.stdout, f"Resuming experiment {job.number} ({job.experiment.name}), which was {ended.status}.")
    if not jobs:
        kind = "experiment" if options.batch == ALL else f"{options.batch} experiment"
        raise StoreError(f"There is no unfinished {kind} in {store.file}; leave out --resume to begin one.")
    return jobs


def _mention_interrupted(experiments: Sequence[Experiment], workspace: Path) -> None:
    """Say what could be resumed instead of what begins."""
    with closing(Recovery(workspace)) as recovery:
        recovery.mark_interrupted()
        for experiment in experiments:
            if (number := recovery.newest(experiment.name, [Status.INTERRUPTED])) is not None:
                _say(sys.stderr, f"Experiment {number} ({experiment.name}) was interrupted; --resume goes on with it.")


def build_specs(experiments: Sequence[Experiment], options: Options) -> list[ExperimentSpec]:
    """The specs of one experiment or of several: among several, each takes the settings that it knows.

    Raises :class:`~engine.utils.errors.SpecError` for a setting that none of them knows.
    """
    if len(experiments) == 1:
        return [build_spec(experiments[0], options)]
    given = [pair.partition("=")[0].strip() for pair in options.assignments] + (["dataset"] if options.dataset else [])
    given += list(_settings_in(options.config, options.batch or ALL)) if options.config else []
    known = {key for experiment in experiments for key in experiment.spec.model_fields}
    for key in given:
        if key not in known:
            raise SpecError(f"There is no setting called '{key}' in any experiment; see --list.")
    return [_build_one_of_all(experiment, options) for experiment in experiments]


def _build_one_of_all(experiment: Experiment, options: Options) -> ExperimentSpec:
    try:
        return build_spec(experiment, options, lenient=True)
    except SpecError as error:
        raise SpecError(f"{experiment.name}: {error}") from None


def _run_session(job: _New | _Unfinished, store: Store, executor: Executor) -> ExperimentFinished:
    control = ControlChannel()
    previous = _obey_signals(control)
    reporter = make_reporter(sys.stderr)
    try:
        return job.run(Session(store, executor, reporter.take, control))
    finally:
        reporter.close()
        for number, handler in previous.items():
            signal.signal(number, handler)
        control.close()


def _obey_signals(control: ControlChannel) -> dict[signal.Signals, Any]:
    """The first Ctrl-C (or request to end) stops and keeps; a second one cancels, a third ends what doesn't obey.

    A terminal that is closed asks, too; a program that was told not to mind (nohup) doesn't.
    """
    asked = 0

    def handle(_number: int, _frame: object) -> None:
        nonlocal asked
        asked += 1
        control.send(Control.STOP if asked == 1 else Control.CANCEL)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return {number: signal.signal(number, handle) for number in numbers}


def _report(store: Store, experiment: Experiment, number: int) -> None:
    match experiment:
        case TrainingExperiment():
            result = load_results(store, number)
            _report_runs(result)
            _say_all(_what_was_seen(store, result))
            _say_all(experiment.report(experiment.findings(experiment.spec.from_json(result.experiment.spec), result)))
        case ComputedExperiment() if (found := store.computation(number)) is not None:
            _say_all(experiment.report(found.findings))
    _say(sys.stdout, f"Stored as experiment {number} in {store.file}")


def _export(store: Store, experiment: Experiment, number: int, folder: Path | None, formats: Sequence[Format]) -> int:
    """Gives the exit code: what can't be exported is stored all the same, and the experiments to come are trained."""
    if folder is None or (isinstance(experiment, ComputedExperiment) and store.computation(number) is None):
        return EXIT_OK
    try:
        files = export_experiment(store, number, folder, formats)
    except ExportError as error:
        _say(sys.stderr, f"trainscope: {error}")
        return EXIT_FAILED
    _say(sys.stdout, f"Exported {counted(len(files), 'file')} to {folder}")
    return EXIT_OK


def _report_runs(result: ExperimentResult) -> None:
    width = max([16, *(len(variant.name) + 2 for variant in result.compared)])
    titles = f"{'parameters':>11}{'runs':>8}{'best':>9}{'mean':>9}{'std':>8}{'seconds':>9}"
    _say(sys.stdout, f"{'variant':<{width}}{titles}")
    for variant in result.compared:
        _say(sys.stdout, _table_row(variant, width))
        for run in variant.runs:
            if run.run.status is Status.DIVERGED:
                _say(sys.stdout, f"  run {run.run.spec.repeat} diverged at step {run.records[-1].step}")


def _what_was_seen(store: Store, result: ExperimentResult) -> Iterator[str]:
    """What the curves say, such as that a network guesses: a table of accuracies alone hides it."""
    for group in curve_findings(store, result, store.runs(result.experiment.id)):
        yield f"{group.text} {group.finding.advice}"


def _table_row(variant: VariantResult, width: int) -> str:
    accuracy = spread(variant.test_accuracies)
    seconds = f"{'-':>9}" if variant.mean_seconds is None else f"{variant.mean_seconds:9.1f}"
    cells = "".join(
        f"{'-':>{room}}" if value is None else f"{100 * value:>{room - 2}.2f} %"
        for value, room in ((accuracy["best"], 9), (accuracy["mean"], 9), (accuracy["std"], 8))
    )
    return f"{variant.name:<{width}}{variant.parameters:>11,}{len(variant.counted):>8}{cells}{seconds}"


def _exit_code(finished: ExperimentFinished) -> int:
    if finished.status is Status.FINISHED and not finished.reason:
        return EXIT_OK
    if finished.status in (Status.STOPPED, Status.CANCELLED):
        _say(sys.stderr, f"trainscope: {finished.status.capitalize()}; what was recorded is kept.")
        return EXIT_INTERRUPTED
    _say(sys.stderr, f"trainscope: {finished.reason}")
    return EXIT_FAILED


def _list(options: Options) -> int:
    out = sys.stdout
    _say(out, "Experiments (--batch)")
    for experiment in EXPERIMENTS.values():
        _say(out, f"  {experiment.name:<16}{experiment.summary}")
    _say(out, f"  {ALL:<16}Every experiment of the course, one after the other; each takes the settings it knows.")
    _say(out, "\nData sets (--dataset; also a folder of images or an .npz file)")
    for name, source in DATASETS.items():
        _say(out, f"  {name:<16}{source.summary}")
    for experiment in EXPERIMENTS.values():
        _list_keys(experiment)
    _say(out, "\nDevices")
    out.flush()  # finding them takes seconds
    executor = make_executor(options)
    try:
        for key, name in _find_devices(executor).items():
            _say(out, f"  {key:<16}{name}")
    finally:
        executor.close()
    return EXIT_OK


def _list_keys(experiment: Experiment) -> None:
    _say(sys.stdout, f"\nKeys of {experiment.name} (--set key=value; values of the presets where they differ)")
    for item in describe(experiment.spec):
        default = ",".join(map(str, item.default)) if isinstance(item.default, tuple) else item.default
        presets = ", ".join(f"{n}: {p[item.key]}" for n, p in experiment.presets.items() if item.key in p)
        value = presets or ("empty" if default is None else str(default))
        unit = f" {item.unit}" if item.unit else ""
        _say(sys.stdout, f"  {item.key:<22}{item.label}; {item.bounds}{unit} [{value}]")


def _find_devices(executor: Executor) -> dict[str, str]:
    """Name of each device by its key; raises :class:`DeviceError` where TensorFlow can't say."""
    control = ControlChannel()
    found: list[Event] = []
    try:
        executor.run([DeviceTask()], found.append, control)
    finally:
        control.close()
    for event in found:
        if isinstance(event, WorkerReady):
            return event.devices
        if isinstance(event, TaskFailed):
            raise DeviceError(event.reason)
    raise DeviceError("No device was found; install the packages in requirements.txt again.")


def _remember_datasets(specs: Sequence[ExperimentSpec], workspace: Path) -> None:
    """Offer the user's own data sets in the window from now on."""
    library = DatasetLibrary(workspace)
    for dataset in {getattr(spec, "dataset", None) for spec in specs} - {None, *DATASETS}:
        with suppress(DatasetError):  # there is none: said when it is loaded
            library.remember(existing_path(str(dataset)))


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        _say(sys.stdout, line)


def _say(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
