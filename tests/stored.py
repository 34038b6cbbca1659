"""Workspaces with stored experiments that were not really trained."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.config.specs import RunSpec
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.experiments import EXPERIMENTS
from engine.storage.store import Store
from tests.engine.support import ScriptedExecutor, finished, record, run_session, started, weights

SMALL: dict[str, Any] = {"architectures": ["mlp_1", "mlp_2"], "epochs": 2, "repeats": 2}

Accuracy = Callable[[RunSpec], float]


def of_repeat(spec: RunSpec) -> float:
    """Return 0.5 for the first repeat, 1/8 more for each further one."""
    return 0.375 + spec.repeat / 8


def whole_run(task: TrainTask, accuracy: Accuracy = of_repeat, records: int = 5) -> list[Event]:
    """Return the events of a run, whose validation accuracy rises by 0.01 per record; writes a network file."""
    rising = [record(task.run, 10 * n, validation_accuracy=n / 100) for n in range(1, records + 1)]
    model = None
    if task.model_file is not None:
        task.model_file.parent.mkdir(parents=True, exist_ok=True)
        task.model_file.write_bytes(b"a network")
        model = str(task.model_file)
    ended = finished(task.run, test_accuracy=accuracy(task.spec), model=model)
    return [started(task.run), weights(task.run), *rising, ended]


def store_experiment(
    workspace: Path, name: str = "architectures", answer: Callable[[TrainTask], list[Event]] = whole_run, **changes: Any
) -> int:
    """Run an experiment by a scripted executor; return its number."""
    experiment = EXPERIMENTS[name]
    spec = experiment.preset("quick", **(SMALL if name == "architectures" else {}) | changes)
    with closing(Store(workspace)) as store:
        outcome, _ = run_session(store, ScriptedExecutor(answer), spec, experiment=experiment)
    assert outcome.experiment is not None, outcome.reason
    return outcome.experiment
