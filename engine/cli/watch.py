"""``--watch``: follows the programs that log in a folder, and exports their experiments."""

from __future__ import annotations

import signal
import threading
from contextlib import closing

from engine.cli.arguments import Options
from engine.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from engine.cli.output import print_error, print_lines, report_results
from engine.events.experiments import ExperimentStarted, RunsAdded
from engine.events.runs import PlannedRun, RunFinished, RunRestored, RunStarted, Status
from engine.events.watching import FolderWatched, WatchedEvent, WatchEvent, WatchRequest
from engine.experiments.own_code import OWN_CODE_EXPERIMENT
from engine.exports import check_writable, export_experiment
from engine.exports.files import file_name
from engine.exports.report import check_report_file, write_report
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.utils.text import pluralise
from engine.watching.watcher import Watcher

POLL_SECONDS = 0.2


def run_watch(options: Options) -> int:
    """Follow the folder of ``--watch`` until every run in it has ended, or Ctrl-C; then export and report.

    Propagates ``TrainscopeError`` if the folder can't be followed, or something can't be written.

    Returns:
        The exit code: 0 only if every run finished.

    Raises:
        StoreError: if there is no such folder, nothing is logged in it, or results are to be exported into it.
    """
    folder = options.watch
    if folder is None or not folder.exists():
        raise StoreError(f"{folder} does not exist; name the folder that your program logs to.")
    if options.export is not None:
        if options.export.resolve().is_relative_to(folder.resolve()):
            raise StoreError(f"{options.export} is in the watched folder, where it would be watched; export elsewhere.")
        check_writable(options.export)
    if options.report is not None:
        check_report_file(options.report)
    output = _Output()
    was_stopped = _follow(options, output)
    if not output.experiments:
        raise StoreError(f"Nothing is logged in {folder}; start your program first, or watch the folder in the window.")
    with closing(Store(options.workspace)) as store:
        code = _write(options, store, list(output.experiments))
    return EXIT_INTERRUPTED if was_stopped else code


def _follow(options: Options, output: _Output) -> bool:
    """Follow the folder; return whether a signal ended that."""
    stopped = threading.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    previous = {number: signal.signal(number, lambda *_: stopped.set()) for number in numbers}
    try:
        with closing(Watcher(options.workspace, output.take)) as watcher:
            watcher.watch(WatchRequest(str(options.watch), again=True))
            while not stopped.is_set():
                is_behind = watcher.poll()
                if watcher.is_done:
                    break
                stopped.wait(0 if is_behind else POLL_SECONDS)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return stopped.is_set()


def _write(options: Options, store: Store, numbers: list[int]) -> int:
    """Print, export and report the experiments; return the exit code."""
    is_complete = is_written = True
    for number in numbers:
        stored = store.experiment(number)
        name = OWN_CODE_EXPERIMENT.spec.from_json(stored.spec).model_dump()["name"]
        print_lines(f"{name}:")
        report_results(store, OWN_CODE_EXPERIMENT, number)
        is_complete &= stored.status is Status.FINISHED
        if options.export is not None:
            folder = options.export / file_name(name) if len(numbers) > 1 else options.export
            export = export_experiment(store, number, folder, options.formats)
            is_written &= not export.problems
            print_lines(f"Exported {pluralise(len(export.files), 'file')} to {folder}{export.remark}")
            for problem in export.problems:
                print_error(f"trainscope: {problem}")
    if options.report is not None:
        print_lines(f"Report written to {write_report(store, numbers, options.report)}")
    if not is_complete:
        print_error("trainscope: Not every run finished; what was logged is kept.")
    return EXIT_OK if is_complete and is_written else EXIT_FAILED


class _Output:
    """Prints what happens, and remembers the experiments."""

    def __init__(self) -> None:
        self.experiments: dict[int, None] = {}
        self._runs: dict[int, PlannedRun] = {}
        self._problems: set[str] = set()

    def take(self, event: WatchEvent) -> None:
        """Take an event of the watcher."""
        match event:
            case WatchedEvent(number, ExperimentStarted(runs=runs) | RunsAdded(runs)):
                self.experiments[number] = None
                self._runs |= {run.run: run for run in runs}
            case WatchedEvent(_, RunStarted(run)):
                self._say(run, "is running")
            case WatchedEvent(_, RunFinished() as ended):
                accuracy = "" if ended.test_accuracy is None else f", test accuracy {100 * ended.test_accuracy:.2f} %"
                self._say(ended.run, f"{ended.status}{accuracy}")
            case WatchedEvent(_, RunRestored(run)):
                self._say(run, "was read")
            case FolderWatched(experiments=experiments, problems=problems):
                # Experiments that had been read before, and have not changed since, send no other events.
                self.experiments |= {each.number: None for each in experiments}
                for problem in problems:
                    if problem not in self._problems:
                        self._problems.add(problem)
                        print_error(f"trainscope: {problem}")

    def _say(self, run: int, what: str) -> None:
        spec = self._runs[run].spec
        print_error(f"{spec.variant}, run {spec.repeat}: {what}")
