"""Repeats a scenario in processes that are killed before the first, second, third ... SQL statement.

``python -m tests.engine.storage.store_kills SCENARIO FOLDER`` prints the number of kills and the problems found in the
workspaces left behind. A process logs every event it emits; all of them have to be in the store.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from engine.events.channel import ControlChannel
from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import Intervention, InterventionKind, Mistake, Record, RunFinished, RunStarted, Weights
from engine.events.tasks import Event
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.session import Session
from engine.storage.integrity import examine_store
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.utils.paths import store_file
from engine.workspace.catalogue import Catalogue
from engine.workspace.queue import QueueStore
from tests.engine.storage.test_store_migration import make_version_2
from tests.engine.support import ScriptedExecutor, finished, record, small_spec, sql, started, weights

connect = sqlite3.connect


class KillSwitch:
    """Kills this process after a number of SQL statements."""

    def __init__(self) -> None:
        self.left = sys.maxsize

    def count(self, _statement: str) -> None:
        """Count a statement; SQLite calls this just before executing it."""
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        """Replace ``sqlite3.connect``."""
        connection = connect(*arguments, **options)
        connection.set_trace_callback(self.count)
        return connection


kill_switch = KillSwitch()


def answer(task: Any) -> list[Event]:
    mistake = Mistake(3, 1, 2, 0.9, np.zeros((2, 2, 1), np.uint8))
    return [
        started(task.run),
        weights(task.run),
        record(task.run, 10),
        Intervention(task.run, 10, 0.5, InterventionKind.PAUSED),
        record(task.run, 20),
        finished(task.run, mistakes=(mistake,)),
    ]


def train(workspace: Path, show: Callable[[Event], None], extends: int | None = None, repeats: int = 1) -> None:
    control = ControlChannel()
    with closing(Store(workspace)) as store:
        session = Session(store, ScriptedExecutor(answer), show, control)
        session.run(ARCHITECTURES_EXPERIMENT, small_spec(repeats=repeats), extends)
    control.close()


def ignore(_event: Event) -> None:
    """Ignore the event."""


class Scenario:
    """A new workspace, in which one experiment is trained."""

    def prepare(self, workspace: Path) -> None:
        """Fill the workspace before the process starts."""

    def act(self, workspace: Path, show: Callable[[Event], None]) -> None:
        """Run the part in which the process is killed."""
        train(workspace, show)

    def check(self, workspace: Path) -> str:
        """Describe what is wrong with the workspace after the kill; empty if nothing is."""
        return ""


class FurtherRuns(Scenario):
    """A stored experiment gets a further run."""

    def prepare(self, workspace: Path) -> None:
        train(workspace, ignore)

    def act(self, workspace: Path, show: Callable[[Event], None]) -> None:
        train(workspace, show, extends=1, repeats=2)

    def check(self, workspace: Path) -> str:
        with closing(Store(workspace)) as store:
            return "" if len(store.records(1)) == 2 else "the first run lost records"


class OlderVersion(Scenario):
    """A store of version 2 is migrated, then written."""

    def prepare(self, workspace: Path) -> None:
        train(workspace, ignore)
        make_version_2(store_file(workspace))

    def act(self, workspace: Path, show: Callable[[Event], None]) -> None:
        train(workspace, show)

    def check(self, workspace: Path) -> str:
        file = store_file(workspace)
        with closing(connect(file)) as left:
            version = left.execute("PRAGMA user_version").fetchone()[0]
            points = left.execute("SELECT count(*) FROM points WHERE run=1").fetchone()[0]
        copies = [each for each in workspace.glob("*.version-2*") if ".part" not in each.name]
        for copy in copies:
            with closing(connect(copy)) as old:
                if old.execute("PRAGMA user_version").fetchone()[0] != 2:
                    return f"{copy.name} is not of version 2"
                if old.execute("SELECT count(*) FROM points").fetchone()[0] != 2:
                    return f"{copy.name} is not whole"
        if version not in (2, SCHEMA_VERSION) or points != 2:
            return f"version {version} with {points} points"
        return "" if version == 2 or copies else "migrated without a copy"


class Upkeep(Scenario):
    """An experiment is deleted and purged, the queue is reordered and an entry taken."""

    def prepare(self, workspace: Path) -> None:
        train(workspace, ignore)
        train(workspace, ignore)
        with closing(QueueStore(workspace)) as queue:
            for seed in (1, 2):
                queue.add(ARCHITECTURES_EXPERIMENT, small_spec(seed=seed))

    def act(self, workspace: Path, show: Callable[[Event], None]) -> None:
        with closing(QueueStore(workspace)) as queue:
            queue.reorder([2, 1])
            entry = queue.take("")
            assert entry is not None
            queue.remove(entry.id)
        with closing(Catalogue(workspace)) as catalogue:
            catalogue.delete([1])
            catalogue.purge([1])
            list(catalogue.make_thumbnails())

    def check(self, workspace: Path) -> str:
        with closing(Store(workspace)) as store:
            return "" if len(store.records(2)) == 2 else "an experiment that was kept lost records"


class Removed(Scenario):
    """The file is removed and restored while an experiment runs; statements count from the removal."""

    def act(self, workspace: Path, show: Callable[[Event], None]) -> None:
        count, kill_switch.left = kill_switch.left, sys.maxsize

        def remove(event: Event) -> None:
            show(event)
            if isinstance(event, Record) and event.step == 10:
                store_file(workspace).unlink()
                kill_switch.left = count

        train(workspace, remove)


SCENARIOS = {
    "new": Scenario(),
    "further-runs": FurtherRuns(),
    "older-version": OlderVersion(),
    "upkeep": Upkeep(),
    "removed": Removed(),
}


def act_and_die(scenario: Scenario, workspace: Path, shown: Path, statements: int) -> bool:
    """Run the scenario in a child process; return whether it was killed before its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            kill_switch.left = statements
            sqlite3.connect = kill_switch.connect
            descriptor = os.open(shown, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            scenario.act(workspace, lambda event: write_down(descriptor, event))
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status) != 0:
        raise RuntimeError("the scenario failed by itself")
    return False


def write_down(descriptor: int, event: Event) -> None:
    match event:
        case ExperimentStarted():
            noted = ["experiment", event.experiment, len(event.runs)]
        case RunStarted() | RunFinished() | Intervention():
            noted = [type(event).__name__, event.run]
        case Record() | Weights():
            noted = [type(event).__name__, event.run, event.step]
        case ExperimentFinished():
            noted = ["end", event.experiment, event.status, event.reason]
        case _:
            return
    os.write(descriptor, json.dumps(noted).encode() + b"\n")


def is_stored(store: Store, noted: list[Any]) -> bool:
    match noted:
        case ["experiment", number, runs]:
            stored = store.experiment(number).id == number and len(store.runs(number)) == runs
        case ["RunStarted", run]:
            stored = store.run(run).status != "queued"
        case ["Weights", run, step]:
            stored = step in store.weight_steps(run, "dense_1")
        case ["Record", run, step]:
            stored = record(run, step) in store.records(run)
        case ["Intervention", run]:
            stored = len(store.interventions(run)) == 1
        case ["RunFinished", run]:
            stored = store.run(run).is_tested and len(store.mistakes(run)) == 1
        case ["end", number, status, reason]:
            stored = store.experiment(number).status == status == "finished" and reason == ""
        case _:
            stored = False
    return stored


def missing(workspace: Path, noted: list[list[Any]]) -> list[str]:
    """Return which emitted events are not stored, or other problems of the store."""
    with closing(Store(workspace)) as store:
        ((check,),) = sql(workspace, "PRAGMA integrity_check")
        if check != "ok":
            return [check]
        if sql(workspace, "PRAGMA foreign_key_check"):
            return ["rows without their parent"]
        try:
            return [f"{each} was shown and is not stored" for each in noted if not is_stored(store, each)]
        except StoreError as error:
            return [str(error)]


def problems_with(scenario: Scenario, workspace: Path, shown: Path) -> list[str]:
    noted = [json.loads(line) for line in shown.read_text().splitlines()] if shown.exists() else []
    rescued = [each for each in workspace.glob("*.rescued-*") if ".part" not in each.name]
    if isinstance(scenario, Removed) and not store_file(workspace).exists() and not rescued:
        return []  # killed before it was copied, so the removed file is lost
    if (said := examine_store(workspace)) is not None:
        return [said]
    wrong = scenario.check(workspace)
    return [wrong] if wrong else missing(workspace, noted)


def main(name: str, folder: Path) -> None:
    scenario, template = SCENARIOS[name], folder / "before"
    template.mkdir(parents=True)
    scenario.prepare(template)
    kills, problems, was_killed = 0, [], True
    while was_killed:
        workspace, shown = folder / f"kill-{kills}", folder / f"shown-{kills}"
        shutil.copytree(template, workspace)
        was_killed = act_and_die(scenario, workspace, shown, kills)
        problems += [f"statement {kills}: {problem}" for problem in problems_with(scenario, workspace, shown)]
        shutil.rmtree(workspace)
        kills += was_killed
    json.dump({"kills": kills, "problems": problems}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
