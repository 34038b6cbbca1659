"""``--batch`` and ``--list``: runs experiments without a window."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cli.arguments import Options
from engine.cli.executor import find_devices, make_executor
from engine.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from engine.cli.listing import print_list
from engine.cli.output import print_error, print_lines, report_results
from engine.cli.progress import make_reporter
from engine.cli.watch import run_watch
from engine.config.fields import FieldKind, describe
from engine.config.parsing import parse_assignments, read_toml
from engine.config.specs import ExperimentSpec
from engine.datasets import DATASETS
from engine.datasets.registry import existing_path
from engine.devices.names import AUTO, CPU, check_device
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.datasets import DatasetReady
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.executors.base import Executor
from engine.experiments import ALL, COURSE_EXPERIMENTS, find_runnable
from engine.experiments.base import ComputedExperiment, Experiment
from engine.experiments.presets import drop_experiment_key
from engine.exports import Format, check_writable, export_experiment
from engine.exports.report import check_report_file, write_report
from engine.session import Session
from engine.storage.database import RECORDING_BUSY_SECONDS
from engine.storage.integrity import examine_store
from engine.storage.recovery import Recovery
from engine.storage.store import Store
from engine.utils.errors import DatasetError, ExportError, SpecError, StoreError, TrainscopeError
from engine.utils.paths import check_workspace
from engine.utils.streams import output_error
from engine.utils.text import pluralise
from engine.workspace.dataset_library import DatasetLibrary
from engine.workspace.durations.estimate import estimate
from engine.workspace.network_library import NetworkLibrary
from engine.workspace.queue import QueueEntry


def run_until_interrupted(options: Options) -> int:
    """Call ``run``; Ctrl-C while nothing trains ends the program without a traceback.

    Failed output, as of a closed pipe or a full disk, interrupts nothing, but the exit code reports it.
    """
    try:
        code = run(options)
    except KeyboardInterrupt:
        print_error("trainscope: Interrupted.")
        return EXIT_INTERRUPTED
    problem = output_error()
    if problem is None:
        return code
    if problem.errno != errno.EPIPE:  # the reader has closed the pipe itself
        print_error(f"trainscope: Not all of the output could be written ({problem.strerror}); free some space.")
    return code or EXIT_FAILED


def run(options: Options) -> int:
    """Run the program by ``options``; return the exit code, with one sentence on stderr unless it is 0."""
    try:
        check_workspace(options.workspace)
        if options.list:
            print_list(options)
            return EXIT_OK
        if options.watch is not None:
            return run_watch(options)
        return _train(options)
    except TrainscopeError as error:
        print_error(f"trainscope: {error}")
        return EXIT_FAILED


def build_spec(experiment: Experiment, options: Options, lenient: bool = False) -> ExperimentSpec:
    """Build the spec from preset, ``--config``, ``--dataset`` and ``--set``; later ones override.

    Args:
        experiment: kind of the experiment.
        options: the command line.
        lenient: ignore settings that this experiment doesn't have.
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
    for item in describe(experiment.spec):
        match item.kind, changes.get(item.key):
            case FieldKind.ARCHITECTURE, str(name):
                changes[item.key] = library.resolve(name)
            case FieldKind.ARCHITECTURES, list(names):
                changes[item.key] = [library.resolve(name) if isinstance(name, str) else name for name in names]
    return experiment.preset(options.preset, **changes)


def _settings_in(file: Path, name: str) -> dict[str, Any]:
    """Read the settings of a file, which may name the experiment ``name``, but no other.

    Raises:
        SpecError: naming the file, if it can't be read or names another experiment.
    """
    try:
        return drop_experiment_key(read_toml(file), name)
    except SpecError as error:
        raise error if str(error).startswith(str(file)) else SpecError(f"{file}: {error}") from None


def _absolute(dataset: Any) -> Any:
    """Make a path absolute, so that stored settings don't depend on the current folder; names stay unchanged."""
    if not isinstance(dataset, str) or dataset in DATASETS:
        return dataset
    with suppress(OSError, RuntimeError, ValueError):  # an unknown ~user, a null byte: reported when it is opened
        path = Path(dataset).expanduser()
        if path.exists():
            return str(path.absolute())
    return dataset


def _train(options: Options) -> int:
    """Run the chosen experiment, or all of them; return the first exit code that is not 0.

    Raises:
        StoreError: if the store was damaged and has been set aside.
    """
    if (message := examine_store(options.workspace)) is not None:
        # The user decides how to proceed without the previous results.
        raise StoreError(f"{message[:-1]}; nothing was trained: start again to go on with the new one.")
    chosen = list(COURSE_EXPERIMENTS.values()) if options.batch == ALL else [find_runnable(options.batch or "")]
    specs = [] if options.resume else build_specs(chosen, options)
    if options.export is not None:
        check_writable(options.export)  # before the training rather than after it
    if options.report is not None:
        check_report_file(options.report)
    with closing(Store(options.workspace, RECORDING_BUSY_SECONDS)) as store:
        if options.resume:
            return _run_jobs(_unfinished(chosen, store, options), store, options)
        _mention_interrupted(chosen, options.workspace)
        return _run_jobs([_Job(*each) for each in zip(chosen, specs, strict=True)], store, options)


@dataclass(frozen=True)
class _Job:
    """A new experiment with the settings ``spec``, or the stored one ``number`` to resume if ``spec`` is None."""

    experiment: Experiment
    spec: ExperimentSpec | None = None
    number: int = 0


def _run_jobs(jobs: Sequence[_Job], store: Store, options: Options) -> int:
    """Run the jobs one after the other, each with its exports; return the first exit code that is not 0."""
    codes: list[int] = []
    numbers: list[int] = []
    with closing(make_executor(options)) as executor:
        if options.device not in (None, AUTO, CPU) and options.cluster is None:  # cluster workers have their own GPUs
            check_device(options.device, find_devices(executor))
        for job in jobs:
            name = job.experiment.name
            folder = options.export / name if options.export and options.batch == ALL else options.export
            finished = _run_session(job, store, executor)
            if finished.experiment is not None:
                numbers.append(finished.experiment)
                report_results(store, job.experiment, finished.experiment)
                codes.append(_export(store, job.experiment, finished.experiment, folder, options.formats))
            codes.append(_exit_code(finished))
            if codes[-1] == EXIT_INTERRUPTED:
                break
        if options.report is not None and numbers:
            print_lines(f"Report written to {write_report(store, numbers, options.report)}")
    return next((code for code in codes if code != EXIT_OK), EXIT_OK)


def _unfinished(experiments: Sequence[Experiment], store: Store, options: Options) -> list[_Job]:
    """Return jobs that resume the newest unfinished experiment of each kind.

    Raises:
        StoreError: if there is none of any kind.
    """
    with closing(Recovery(options.workspace)) as recovery:
        recovery.mark_interrupted()
        found = [(experiment, recovery.newest(experiment.name)) for experiment in experiments]
    jobs = [_Job(experiment, number=number) for experiment, number in found if number is not None]
    for job in jobs:
        ended = store.experiment(job.number)
        print_lines(f"Resuming experiment {job.number} ({job.experiment.name}), which was {ended.status}.")
    if not jobs:
        kind = "experiment" if options.batch == ALL else f"{options.batch} experiment"
        raise StoreError(f"There is no unfinished {kind} in {store.file}; leave out --resume to begin one.")
    return jobs


def _mention_interrupted(experiments: Sequence[Experiment], workspace: Path) -> None:
    """Print which interrupted experiments could be resumed instead."""
    with closing(Recovery(workspace)) as recovery:
        recovery.mark_interrupted()
        for experiment in experiments:
            if (number := recovery.newest(experiment.name, [Status.INTERRUPTED])) is not None:
                print_error(f"Experiment {number} ({experiment.name}) was interrupted; --resume goes on with it.")


def build_specs(experiments: Sequence[Experiment], options: Options) -> list[ExperimentSpec]:
    """Build the specs of one or several experiments; of several, each takes the settings that it has.

    Raises:
        SpecError: if none of several experiments has a given setting.
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


def _run_session(job: _Job, store: Store, executor: Executor) -> ExperimentFinished:
    control = ControlChannel()
    previous = install_signal_handlers(control)
    reporter = make_reporter(sys.stderr)
    read: set[str] = set()  # data sets

    def handle(event: Event) -> None:
        if isinstance(event, DatasetReady):
            read.add(event.info.name)
        reporter.handle(event)

    try:
        _print_estimate(job, store, executor)
        session = Session(store, executor, handle, control)
        if job.spec is None:
            return session.resume(job.experiment, job.number)
        return session.run(job.experiment, job.spec)
    finally:
        reporter.close()
        for number, handler in previous.items():
            signal.signal(number, handler)
        control.close()
        _remember_datasets(read, store.workspace)


def _print_estimate(job: _Job, store: Store, executor: Executor) -> None:
    """Print the runs, steps and records of a job, and its estimated time if there are measurements for it."""
    with suppress(TrainscopeError):  # reported by the session
        spec = job.spec or job.experiment.spec.from_json(store.experiment(job.number).spec)
        entry = QueueEntry(0, job.experiment, spec, job.number or None, resumes=job.spec is None)
        (found,) = estimate(store.workspace, [entry], executor.allocation)
        if found.steps is not None or found.seconds is not None:  # else its data set may not be one
            text = str(found)
            print_error(f"{text[0].upper()}{text[1:]}.")


def install_signal_handlers(control: ControlChannel) -> dict[signal.Signals, Any]:
    """Handle SIGINT, SIGTERM and SIGHUP; a SIGHUP that is ignored, as under ``nohup``, stays so.

    The first signal stops the runs and keeps their results, the second cancels them, and the third ends the processes
    that don't respond.

    Returns:
        The previous handlers.
    """
    received = 0

    def handle(_number: int, _frame: object) -> None:
        nonlocal received
        received += 1
        control.send(Control.STOP if received == 1 else Control.CANCEL)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return {number: signal.signal(number, handle) for number in numbers}


def _export(store: Store, experiment: Experiment, number: int, folder: Path | None, formats: Sequence[Format]) -> int:
    """Export an experiment and return the exit code; errors are printed, so that the next experiments are run."""
    if folder is None or (isinstance(experiment, ComputedExperiment) and store.computation(number) is None):
        return EXIT_OK
    try:
        export = export_experiment(store, number, folder, formats)
    except ExportError as error:
        print_error(f"trainscope: {error}")
        return EXIT_FAILED
    print_lines(f"Exported {pluralise(len(export.files), 'file')} to {folder}{export.remark}")
    for problem in export.problems:
        print_error(f"trainscope: {problem}")
    return EXIT_FAILED if export.problems else EXIT_OK


def _exit_code(finished: ExperimentFinished) -> int:
    if finished.status is Status.FINISHED and not finished.reason:
        return EXIT_OK
    if finished.status in (Status.STOPPED, Status.CANCELLED):
        print_error(f"trainscope: {finished.status.capitalize()}; what was recorded is kept.")
        return EXIT_INTERRUPTED
    print_error(f"trainscope: {finished.reason}")
    return EXIT_FAILED


def _remember_datasets(read: Collection[str], workspace: Path) -> None:
    """Add the user's own data sets that were ``read`` to the library that the window offers."""
    library = DatasetLibrary(workspace)
    for dataset in set(read) - set(DATASETS):
        try:
            library.add(existing_path(dataset))
        except DatasetError:  # removed since
            pass
        except StoreError as error:  # costs no result
            print_error(f"trainscope: {error}")
