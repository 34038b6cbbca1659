"""What the logger writes, and what it makes of wrong calls."""

from __future__ import annotations

import ast
import math
import os
import re
import sys
import threading
from argparse import Namespace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trainscope_log
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.resources.support import LOGGER, entries, of, run_script


def test_a_run_is_written_as_it_was_logged(tmp_path: Path) -> None:
    run = trainscope_log.start(
        "rates", "rate 0.1", folder=tmp_path, epochs=2, seed=3, classes=["cat", "dog"], settings={"batch_size": 50}
    )
    run.log(10, epoch=1, training_loss=0.1 + 0.2, validation_accuracy=0.5, perplexity=3)
    run.log(20, gradient_norms={"conv1": 0.25}, update_ratios={"conv1": 1e-3})
    run.finish(test_accuracy=0.75, test_loss=1.5)
    assert run.path == tmp_path / "rates" / "rate 0.1-1.jsonl"
    header, first, second, test, end = entries(run.path)
    described = {"trainscope_log": 1, "experiment": "rates", "variant": "rate 0.1", "repeat": 1, "epochs": 2, "seed": 3}
    assert header == header | described | {"settings": {"batch_size": 50}, "classes": ["cat", "dog"]}
    assert header["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert first.pop("seconds") <= second.pop("seconds") < 60
    further = {"metrics": {"perplexity": 3.0}}
    assert first == {"step": 10, "epoch": 1, "training_loss": 0.1 + 0.2, "validation_accuracy": 0.5} | further
    assert second == {"step": 20, "gradient_norms": {"conv1": 0.25}, "update_ratios": {"conv1": 1e-3}}
    assert [test, end] == [{"test": {"accuracy": 0.75, "loss": 1.5}}, {"ended": "finished"}]


def test_numbers_of_any_library_are_written_and_none_are_left_out(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    values = {"a": np.float32(0.1), "b": np.array([2.0]), "c": 3, "d": Decimal("0.5"), "e": True, "f": None}
    run.log(np.int64(1), **values, training_loss=math.nan, validation_loss=math.inf, learning_rate=np.float64("-inf"))
    (entry,) = [entry for entry in entries(run.path) if "step" in entry]
    assert entry["metrics"] == {"a": float(np.float32(0.1)), "b": 2.0, "c": 3.0, "d": 0.5, "e": 1.0}
    assert math.isnan(entry["training_loss"])
    assert (entry["validation_loss"], entry["learning_rate"]) == (math.inf, -math.inf)
    assert entry["step"] == 1


@given(st.dictionaries(st.text(min_size=1), st.floats(), max_size=4), st.integers(1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_number_comes_back_to_the_bit(tmp_path: Path, numbers: dict[str, float], step: int) -> None:
    run = trainscope_log.start("bits", folder=tmp_path)
    taken = {name: value for name, value in numbers.items() if name not in ("step", "epoch", "self")}
    run.log(step, **{f"_{name}": value for name, value in taken.items()})
    run.finish()
    (entry,) = [entry for entry in entries(run.path) if "step" in entry]
    found = entry.get("metrics", {})
    assert {name: repr(value) for name, value in found.items()} == {f"_{name}": repr(taken[name]) for name in taken}
    assert entry["step"] == step


def test_a_percentage_is_written_as_it_is_and_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    for step in (1, 2):
        run.log(step, training_accuracy=43.5, training_loss=43.5)
    assert of("training_accuracy", run.path) == [43.5, 43.5]
    assert capsys.readouterr().err == (
        "trainscope_log: training_accuracy is 43.5; log a fraction from 0 to 1, a percentage divided by 100.\n"
    )


WRONG_CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("x",), {}),
    ((1.5,), {"training_loss": 1.0}),
    ((None,), {}),
    ((), {}),
    ((0,), {"training_loss": 1.0}),
    ((-3,), {"training_loss": 1.0}),
    ((5, 0.3), {}),
    ((5,), {"epoch": "first"}),
    ((5,), {"gradient_norms": 3}),
]


@pytest.mark.parametrize(("positional", "named"), WRONG_CALLS)
def test_a_wrong_call_is_said_once_and_logs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], positional: tuple[Any, ...], named: dict[str, Any]
) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    for _ in range(3):
        run.log(*positional, **named)
    run.log(7, training_loss=1.0)
    assert of("step", run.path) == [7]
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("value", ["high", [1, 2], np.zeros(3), object(), 1j])
def test_what_is_no_number_is_left_out_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: object
) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    for step in (1, 2):
        run.log(step, training_loss=value, validation_loss=0.5)
    assert (of("training_loss", run.path), of("validation_loss", run.path)) == ([], [0.5, 0.5])
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("log_weights", (1, 5)),
        ("log_weights", (1, {"b": np.zeros(3)})),
        ("watch", ("model", "optimizer")),
        ("finish", (1,)),
        ("describe", (1,)),
    ],
)
def test_nothing_raises(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, arguments: tuple[Any, ...]
) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    getattr(run, method)(*arguments)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert len(entries(run.path)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"repeat": "first"},
        {"classes": 1.5},
        {"folder": 7},
        {"after": "x", "resume": True},
    ],
)
def test_a_start_with_wrong_arguments_gives_a_run_that_logs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: dict[str, Any]
) -> None:
    run = trainscope_log.start(**{"experiment": "e", "folder": tmp_path} | arguments)
    run.log(1, training_loss=1.0)
    run.finish()
    assert run.path is None
    assert list(tmp_path.rglob("*.jsonl")) == []
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_settings_that_are_none_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trainscope_log.start("e", folder=tmp_path, settings=5, rate=0.5)
    run.finish()
    assert entries(run.path)[0]["settings"] == {"rate": 0.5}
    assert "must be a dictionary or a namespace, not 5" in capsys.readouterr().err


def test_usual_short_names_are_those_of_the_standard_numbers(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    run.log(1, loss=2.0, val_acc=0.5, lr=0.1, other=3.0)
    run.log(2, loss=np.float32(1.5))
    first, second = (entry for entry in entries(run.path) if "step" in entry)
    del first["seconds"], second["seconds"]
    numbers = {"training_loss": 2.0, "validation_accuracy": 0.5, "learning_rate": 0.1}
    assert first == {"step": 1, **numbers, "metrics": {"other": 3.0}}
    assert second == {"step": 2, "training_loss": 1.5}


def test_settings_are_taken_from_mappings_namespaces_and_arguments(tmp_path: Path) -> None:
    shown = {"rate": np.float32(0.5), "sizes": (1, 2), "net": Path("a"), "none": None, "nan": math.nan}
    first = trainscope_log.start("e", folder=tmp_path, settings=shown, momentum=0.9)
    second = trainscope_log.start("e", folder=tmp_path, settings=Namespace(rate=1))
    found = entries(first.path)[0]["settings"]
    assert math.isnan(found.pop("nan"))
    assert found == {"rate": 0.5, "sizes": [1, 2], "net": "a", "none": None, "momentum": 0.9}
    assert entries(second.path)[0]["settings"] == {"rate": 1}


def test_what_is_known_later_describes_the_run_again(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    run.log(1, training_loss=1.0)
    run.describe(parameters=5, device=None)
    run.describe(parameters=5)
    first, _, again = entries(run.path)
    assert again == first | {"parameters": 5}


def test_repeats_take_the_next_free_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = [trainscope_log.start("e", "v", repeat, folder=tmp_path).repeat for repeat in (None, None, 5, None)]
    assert numbers == [1, 2, 5, 6]
    assert capsys.readouterr().err == ""
    assert trainscope_log.start("e", "v", 2, folder=tmp_path).repeat == 3
    assert capsys.readouterr().err == "trainscope_log: Repeat 2 of 'v' exists already; this is repeat 3.\n"
    assert trainscope_log.start("e", "v", 0, folder=tmp_path).repeat == 7
    assert {entries(path)[0]["repeat"] for path in (tmp_path / "e").iterdir()} == {1, 2, 3, 5, 6, 7}


def test_scripts_that_start_at_once_take_different_numbers(tmp_path: Path) -> None:
    runs: list[trainscope_log.Run] = []
    threads = [
        threading.Thread(target=lambda: runs.append(trainscope_log.start("e", "v", folder=tmp_path))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.repeat for run in runs) == list(range(1, 13))


NAMES = st.text(st.characters(exclude_categories=()), max_size=300)
UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\ud800-\udfff]')


@given(NAMES, NAMES)
@example("../../etc", "..")
@example("a/b", "a:b")
@example("NUL", "com1.txt")
@example("x" * 300, "\N{SNAKE}" * 300)
@example("\0", "\ud800")
@example("", " . ")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_gets_a_file_in_the_folder_and_is_in_its_header(tmp_path: Path, first: str, second: str) -> None:
    runs = [trainscope_log.start("e", name, folder=tmp_path) for name in (first, second)]
    names = [entries(run.path)[0]["variant"] for run in runs]
    clean = [name.encode(errors="replace").decode().replace("\0", "\ufffd") or "default" for name in (first, second)]
    assert names == clean
    for run in runs:
        assert run.path.parent == tmp_path / "e"
        assert len(run.path.name.encode()) < 140
        assert not UNSAFE.search(run.path.name)
        assert not trainscope_log.RESERVED.match(run.path.name)
        assert not run.path.name.startswith((".", " "))
    stems = [run.path.stem.rsplit("-", 1)[0] for run in runs]
    assert (stems[0] == stems[1]) == (clean[0] == clean[1])


@given(NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_experiment_gets_a_folder_in_that_of_all(tmp_path: Path, name: str) -> None:
    run = trainscope_log.start(name, folder=tmp_path)
    assert run.path.parent.parent == tmp_path
    run.finish()


def test_the_folder_is_the_variable_s_or_beside_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "my script.py"
    script.write_text("import trainscope_log\nprint(trainscope_log.start().path, end='')", encoding="utf-8")
    code = "import runpy\nsys.argv = [sys.argv[1]]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    ended = run_script(code, str(script))
    assert ended.stdout == str(tmp_path / "trainscope-logs" / "my script" / "default-1.jsonl"), ended.stderr
    monkeypatch.setenv("TRAINSCOPE_LOGS", str(tmp_path / "other"))
    assert trainscope_log.start("e").path == tmp_path / "other" / "e" / "default-1.jsonl"


def test_it_is_of_python_3_8_and_imports_nothing_else() -> None:
    source = (LOGGER / "trainscope_log.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    ended = run_script("print({'numpy', 'torch', 'keras', 'tensorflow'} & set(sys.modules))")
    assert ended.stdout == "set()\n"


@pytest.mark.parametrize("error", [ValueError("it diverged"), KeyboardInterrupt(), SystemExit(1)])
def test_a_block_that_raises_is_told_and_raises_all_the_same(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), trainscope_log.start("e", folder=tmp_path) as run:
        raise error
    (end,) = [entry for entry in entries(run.path) if "ended" in entry]
    expected = {"ended": "failed", "reason": "ValueError: it diverged"}
    assert end == (expected if isinstance(error, ValueError) else end | {"ended": "stopped"})


def test_a_block_that_ends_finishes_the_run_once(tmp_path: Path) -> None:
    with trainscope_log.start("e", folder=tmp_path) as run:
        run.finish(test_accuracy=0.5)
    run.finish(test_accuracy=0.7)
    run.log(3, training_loss=1.0)
    assert entries(run.path)[1:] == [{"test": {"accuracy": 0.5}}, {"ended": "finished"}]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise ValueError('it diverged')", {"ended": "failed", "reason": "ValueError: it diverged"}),
        ("raise KeyboardInterrupt", {"ended": "stopped", "reason": "KeyboardInterrupt"}),
        ("pass", {"ended": "stopped", "reason": "The script ended without finish()."}),
        ("if os.fork() == 0: sys.exit(0)\nos.wait(); run.finish()", {"ended": "finished"}),
    ],
)
def test_how_a_script_ends_is_told_once(tmp_path: Path, code: str, expected: dict[str, str]) -> None:
    if "fork" in code and not hasattr(os, "fork"):
        pytest.skip("there is no fork")
    begin = "run = trainscope_log.start('e', folder=sys.argv[1])\nrun.log(1, training_loss=1.0)"
    run_script(f"{begin}\n{code}", str(tmp_path))
    assert entries(tmp_path / "e" / "default-1.jsonl")[2:] == [expected]


def test_a_run_that_is_dropped_is_stopped(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    path = run.path
    del run
    assert entries(path)[1:] == [{"ended": "stopped", "reason": "The script ended without finish()."}]


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    threads = [
        threading.Thread(target=lambda own=own: [run.log(step, loss=own) for step in range(1, 301)]) for own in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(of("step", run.path)) == sorted(list(range(1, 301)) * 4)


def test_a_matrix_counts_predictions_in_rows_of_true_classes(tmp_path: Path) -> None:
    labels, predictions = [0, 0, 1, 2], [0, 1, 1, 0]
    expected = [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    scores = np.eye(3)[predictions] * 0.5
    assert trainscope_log.confusion_matrix(labels, predictions) == expected
    assert trainscope_log.confusion_matrix(np.array(labels), scores) == expected
    assert trainscope_log.confusion_matrix([0], [0], classes=["a", "b"]) == [[1, 0], [0, 0]]
    run = trainscope_log.start("e", folder=tmp_path, classes=3)
    run.finish(labels=labels, predictions=scores)
    assert of("test", run.path) == [{"accuracy": 0.5, "confusion": expected}]


@pytest.mark.parametrize(("labels", "predictions"), [([0], [0, 1]), ([-1], [0]), ("ab", [0, 1]), (5, 5), ([], [])])
def test_labels_that_do_not_match_give_no_matrix(tmp_path: Path, labels: Any, predictions: Any) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    run.finish(test_loss=0.5, labels=labels, predictions=predictions)
    assert entries(run.path)[1:] == [{"test": {"loss": 0.5}}, {"ended": "finished"}]
