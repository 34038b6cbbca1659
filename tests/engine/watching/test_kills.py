"""Programs that log and programs that watch are killed at any moment; what was logged is stored nevertheless."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.events.runs import Status
from engine.utils.paths import RESOURCES
from engine.watching.run import SILENT_SECONDS
from tests.engine.support import ROOT
from tests.engine.watching.support import opened, watching

KILLS = 4
pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name == "nt", reason="kills as POSIX knows them")]

# Logs until it has logged so many steps; prints each step once ``log`` has returned.
SCRIPT = """
import sys, time, trainscope_log
folder, first, last, pause, resumes = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4]), sys.argv[5] == "1"
after = {"resume": True, "after": first - 1} if resumes else {}
run = trainscope_log.start("killed", variant="net", folder=folder, repeat=1, **after)
for step in range(first, last + 1):
    time.sleep(pause)
    run.log(step, training_loss=1 / step, validation_loss=2 / step, perplexity=3.0 * step)
    print(step, flush=True)
run.finish(test_accuracy=0.5)
"""


def script(folder: Path, first: int, last: int, pause: float, resumes: bool = False) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", SCRIPT, str(folder), str(first), str(last), str(pause), str(int(resumes))]
    environment = os.environ | {"PYTHONPATH": str(RESOURCES / "logger")}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603


def watcher(folder: Path, workspace: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, str(ROOT / "main.py"), "--watch", str(folder), "--workspace", str(workspace)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603


def logged(folder: Path) -> list[dict[str, Any]]:
    (file,) = folder.rglob("*.jsonl")
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if "training_loss" in line]


def test_a_watcher_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    folder, workspace, draw = tmp_path / "logs", tmp_path / "ws", random.Random(21)  # noqa: S311
    writer = script(folder, 1, 2000, 0.005)
    assert writer.stdout is not None
    for _ in range(KILLS):
        steps = draw.randint(200, 400)
        for _ in range(steps // 2):
            writer.stdout.readline()
        reader = watcher(folder, workspace)
        for _ in range(steps // 2):
            writer.stdout.readline()
        reader.kill()
        reader.communicate()
    writer.communicate()
    last = watcher(folder, workspace)
    last.communicate()
    assert last.returncode == 0
    with opened(workspace) as store:
        (experiment,) = store.experiments(10)
        (run,) = store.runs(experiment.id)
        assert (run.status, run.test_accuracy) == (Status.FINISHED, 0.5)
        stored = [(each.step, each.training_loss, each.validation_loss, each.metrics) for each in store.records(run.id)]
    wanted = [
        (line["step"], line["training_loss"], line["validation_loss"], tuple(line["metrics"].items()))
        for line in logged(folder)
    ]
    assert stored == wanted
    assert len(stored) == 2000


def test_a_script_that_is_killed_again_and_again_loses_at_most_one_record(tmp_path: Path) -> None:
    folder, workspace, draw, first = tmp_path / "logs", tmp_path / "ws", random.Random(21), 1  # noqa: S311
    folder.mkdir()
    with watching(workspace, folder) as seen:
        for kill in range(KILLS):
            writer = script(folder, first, 1_000_000, 0.001, resumes=kill > 0)
            assert writer.stdout is not None
            returned = first - 1
            for _ in range(draw.randint(50, 300)):
                returned = int(writer.stdout.readline())
                seen.poll(after=0.001)
            writer.send_signal(signal.SIGKILL)
            rest, _ = writer.communicate()
            returned = max([returned, *map(int, rest.splitlines()[:-1])])
            seen.poll()
            seen.poll(after=SILENT_SECONDS + 1)
            assert seen.state.experiments[0].count(Status.INTERRUPTED) == 1
            with opened(workspace) as store:
                steps = [each.step for each in store.records(1)]
            assert steps == list(range(1, len(steps) + 1))
            assert returned <= len(steps) <= returned + 2
            first = len(steps) + 1 - draw.randint(0, 20)  # goes on from a checkpoint before
        script(folder, first, first + 10, 0.0, resumes=True).communicate()
        seen.poll()
        assert seen.state.experiments[0].count(Status.FINISHED) == 1
    with opened(workspace) as store:
        assert [each.step for each in store.records(1)] == list(range(1, first + 11))
        assert len(store.runs(1)) == 1
