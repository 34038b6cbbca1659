"""One of several concurrent programs in a workspace; waits for a line on stdin, prints its results as JSON.

``train WORKSPACE RUNS RECORDS`` runs a session; ``upkeep WORKSPACE TIMES NUMBER`` does what a window does beside a
training: lists and deletes experiments, queues experiments with seeds from NUMBER on and takes the first entry.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.events.channel import ControlChannel
from engine.events.runs import Record
from engine.events.tasks import Event
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.session import Session
from engine.storage.database import RECORDING_BUSY_SECONDS
from engine.storage.locks import owner_lock
from engine.storage.store import Store
from engine.workspace.catalogue import Catalogue
from engine.workspace.queue import QueueStore
from tests.engine.support import ScriptedExecutor, finished, record, small_spec, started, weights

DELETED_SEED = 7777  # seed of the experiments that the windows delete


def train(workspace: Path, runs: int, records: int) -> dict[str, Any]:
    def answer(task: Any) -> list[Event]:
        steps = range(10, 10 * records + 1, 10)
        middle = [event for step in steps for event in (record(task.run, step), weights(task.run, step))]
        return [started(task.run), *middle, finished(task.run)]

    shown: list[tuple[int, int]] = []

    def show(event: Event) -> None:
        if isinstance(event, Record):
            shown.append((event.run, event.step))

    control = ControlChannel()
    with closing(Store(workspace, RECORDING_BUSY_SECONDS)) as store:
        session = Session(store, ScriptedExecutor(answer), show, control)
        ended = session.run(ARCHITECTURES_EXPERIMENT, small_spec(repeats=runs))
    control.close()
    return {"experiment": ended.experiment, "status": ended.status, "reason": ended.reason, "shown": shown}


def keep_up(workspace: Path, times: int, number: int) -> dict[str, Any]:
    with owner_lock(workspace) as owner:
        return {"taken": _kept_up(workspace, times, number, owner)}


def _kept_up(workspace: Path, times: int, number: int, owner: str) -> list[int]:
    taken = []
    for turn in range(times):
        with closing(QueueStore(workspace)) as queue:
            queue.add(ARCHITECTURES_EXPERIMENT, small_spec(seed=number + turn))
            queue.reorder([entry.id for entry in reversed(queue.all())])
            if turn % 2 and (entry := queue.take(owner)) is not None:
                taken.append(entry.spec.seed)
                queue.remove(entry.id)
        with closing(Catalogue(workspace)) as catalogue:
            entries = catalogue.entries()
            thrown = [entry.number for entry in entries if entry.stored.seed == DELETED_SEED]
            catalogue.delete(thrown[:1])
            catalogue.purge(thrown[:1])
            list(catalogue.make_thumbnails())
    return taken


if __name__ == "__main__":
    what, folder, *numbers = sys.argv[1:]
    sys.stdin.readline()
    act = {"train": train, "upkeep": keep_up}[what]
    json.dump(act(Path(folder), *map(int, numbers)), sys.stdout)
