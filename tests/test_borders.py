"""Which packages each part of the program loads, checked in separate processes."""

from __future__ import annotations

import json
import tomllib

import pytest

import engine
from tests.engine.support import ROOT, python

HEAVY = ["tensorflow", "keras", "sklearn"]
QT = ["PySide6", "pyqtgraph"]


def modules_of(package: str) -> list[str]:
    """Return all modules of ``package`` by its files, without importing them."""
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / package).rglob("*.py"))
    return sorted(name.removesuffix(".__init__") for name in names)


ENGINE = modules_of("engine")
GUI = modules_of("gui")
TRAINING = [
    *(name for name in ENGINE if name.startswith("engine.training.") and name != "engine.training.timetable"),
    "engine.experiments.basics.gradient_recovery",
]


def test_every_experiment_is_among_those_that_are_kept_independent() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (independence,) = (each for each in contracts if each["type"] == "independence")
    folders = (path.parent.name for path in (ROOT / "engine" / "experiments").glob("*/__init__.py"))
    assert sorted(independence["modules"]) == sorted(f"engine.experiments.{folder}" for folder in folders)


def loaded(code: str, names: list[str]) -> list[str]:
    """Return which of the packages ``names`` a new process has loaded after running ``code``."""
    tell = f"import json, sys; print(json.dumps([n for n in {names!r} if n in sys.modules]))"
    ended = python("-c", f"{code}\n{tell}")
    assert ended.returncode == 0, ended.stderr
    found: list[str] = json.loads(ended.stdout.splitlines()[-1])
    return found


def imports(names: list[str]) -> str:
    return "\n".join(f"import {name}" for name in names)


def test_the_packages_are_found() -> None:
    assert {"engine", "engine.storage.store", "engine.datasets.prepare", "engine.executors.processes.worker"} <= set(
        ENGINE
    )
    assert {"engine.training.trainer", "engine.training.callbacks.recorder"} <= set(TRAINING)
    assert {"gui.app", "gui.window.main_window", "gui.background.engine_thread"} <= set(GUI)


def test_the_window_never_loads_the_training_libraries() -> None:
    assert loaded(imports(["gui.app", "gui.window.main_window", *GUI]), HEAVY) == []


def test_the_engine_beside_training_never_loads_qt_nor_the_training_libraries() -> None:
    light = [name for name in ENGINE if name not in TRAINING]
    assert loaded(imports(light), [*QT, "gui", *HEAVY]) == []


@pytest.mark.long
def test_training_loads_neither_qt_nor_the_libraries_that_keras_can_do_without() -> None:
    code = f"""
import sys
from engine.devices.hardware import load_tensorflow
load_tensorflow()
import engine.training.trainer
early = [name for name in ("matplotlib", "pandas", "scipy", "sklearn") if name in sys.modules]
assert not early, early
{imports(TRAINING)}
import sklearn.metrics
"""
    assert loaded(code, ["sklearn", "scipy", *QT, "gui"]) == ["sklearn", "scipy"], "these afterwards"


def test_importing_the_engine_loads_nothing_heavy() -> None:
    assert loaded("import engine.cli.arguments", [*HEAVY, *QT, "matplotlib"]) == []


def test_help_loads_nothing_heavy() -> None:
    code = """
import runpy, sys
sys.argv = ["main.py", "--help"]
try:
    runpy.run_path("main.py", run_name="__main__")
except SystemExit as stop:
    assert stop.code == 0
"""
    assert loaded(code, [*HEAVY, *QT, "matplotlib"]) == []


def test_refusing_bad_input_loads_no_training_libraries_and_no_qt() -> None:
    code = """
import runpy, sys
sys.argv = ["main.py", "--batch", "architectures", "--set", "epoch=3"]
try:
    runpy.run_path("main.py", run_name="__main__")
except SystemExit as stop:
    assert stop.code == 1
"""
    assert loaded(code, [*HEAVY, *QT]) == []


def test_the_version_is_a_version() -> None:
    assert len(engine.__version__.split(".")) == 3
