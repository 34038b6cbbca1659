"""gui.watch.snippets: the code shown in the dialog runs, and logs what it says."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gui.dialogs.logger_file import LOGGER
from gui.watch.snippets import SNIPPETS, snippet

EPOCHS, BATCHES = 2, 3


@pytest.fixture
def trainscope_log(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The logger, to be imported by the code as if it were saved beside it."""
    spec = importlib.util.spec_from_file_location("trainscope_log", LOGGER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def run_code(framework: str, folder: Path, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the code of a framework and return the lines it logged."""
    exec(compile(snippet(framework, str(folder)), framework, "exec"), names)  # noqa: S102
    (file,) = folder.glob("**/*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def values(lines: list[dict[str, Any]], key: str) -> list[Any]:
    return [line[key] for line in lines if key in line]


def check(lines: list[dict[str, Any]]) -> None:
    """Check what all of them log."""
    assert lines[0]["experiment"] == "my experiment"
    assert lines[0]["variant"] == "my network"
    assert lines[0]["epochs"] == EPOCHS
    assert values(lines, "validation_accuracy") == [0.75] * EPOCHS
    assert values(lines, "test") == [{"accuracy": 0.5}]
    assert lines[-1] == {"ended": "finished"}


def test_numpy(trainscope_log: ModuleType, tmp_path: Path) -> None:
    names = {
        "epochs": EPOCHS,
        "batches": [(np.ones((4, 6)), np.zeros(4, int))] * BATCHES,
        "learning_rate": 0.5,
        "weights": {"W1": np.zeros((6, 3))},
        "loss_and_gradients": lambda _weights, _images, _labels: (1.5, {"W1": np.ones((6, 3))}),
        "accuracy": lambda _weights, images: {"validation": 0.75, "test": 0.5}[images],
        "validation": "validation",
        "test": "test",
    }
    lines = run_code("NumPy", tmp_path / "it's here", names)
    check(lines)
    assert values(lines, "training_loss") == [1.5] * EPOCHS * BATCHES
    assert [each["shape"] for each in values(lines, "weights")] == [[3, 6]] * EPOCHS


def test_pytorch(trainscope_log: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls; what the logger reads of a module is tested with PyTorch beside the logger."""
    watched: list[tuple[object, object]] = []
    monkeypatch.setattr(trainscope_log.Run, "watch", lambda _run, *words: watched.append(words))
    model, optimizer = Ignoring(), Ignoring()
    names = {
        "epochs": EPOCHS,
        "batch_size": 4,
        "train_loader": [("images", "labels")] * BATCHES,
        "validation_loader": 0.75,
        "test_loader": 0.5,
        "model": model,
        "optimizer": optimizer,
        "criterion": lambda _outputs, _labels: Ignoring(),
        "accuracy": lambda _model, loader: loader,
    }
    lines = run_code("PyTorch", tmp_path, names)
    check(lines)
    assert values(lines, "training_loss") == [1.5] * EPOCHS * BATCHES
    assert watched == [(model, optimizer)]
    assert lines[0]["steps_per_epoch"] == BATCHES


def test_keras(trainscope_log: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls; the callback is tested with Keras beside the logger."""
    monkeypatch.setattr(trainscope_log, "KerasCallback", lambda run: run)

    class Model:
        def fit(self, *_data: Any, epochs: int, callbacks: list[Any], **_more: Any) -> None:
            for epoch in range(epochs):
                callbacks[0].log(epoch + 1, validation_accuracy=0.75)

        def evaluate(self, *_data: Any) -> tuple[None, float]:
            return None, 0.5

    data = dict.fromkeys(("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test"))
    check(run_code("Keras", tmp_path, {"model": Model(), "epochs": EPOCHS, "batch_size": 4} | data))


def test_each_has_a_tab_of_code_that_is_narrow_enough() -> None:
    assert list(SNIPPETS) == ["PyTorch", "Keras", "NumPy"]
    widest = max(len(line) for name in SNIPPETS for line in snippet(name, "logs").splitlines())
    assert widest <= 92


class Ignoring:
    """A model, an optimiser or a loss that takes every call."""

    def __call__(self, *_words: Any) -> Ignoring:
        return self

    def item(self) -> float:
        return 1.5

    def __getattr__(self, _name: str) -> Ignoring:
        return self
