"""Continue training in the window: a network that can't be continued is refused in a sentence when Run is pressed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLineEdit, QToolButton
from pytestqt.qtbot import QtBot

from engine.storage.store import Store
from tests.engine.support import INFO, ScriptedExecutor
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import until
from tests.gui.support import find, tab_of
from tests.gui.window.support import message, whole_run


def layer(kind: str, name: str, **settings: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **settings}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Keras writes of mlp_1 with tanh, as far as it is read before training; Keras is not loaded here."""
    layers = [
        layer("InputLayer", "images", batch_shape=[None, *INFO.shape], dtype="float32"),
        layer("Flatten", "flatten", data_format="channels_last"),
        layer("Dense", "dense_1", units=32, use_bias=True, activation="tanh"),
        layer("Dense", "prediction", units=len(INFO.class_names), use_bias=True, activation="softmax"),
    ]
    file = tmp_path_factory.mktemp("trained") / "net.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": layers}}))
    return file


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"architecture": "cnn_4"}, "its layer 'dense_1' is FC-32, and cnn_4 has Conv-3x3x16 there; set architecture="),
        ({"activation": "relu"}, "is Tanh, and the setting activation is relu; set activation=as-trained"),
        ({"model": "net.h5"}, "it is an HDF5 file, the former format of Keras; load it in Keras and save it as .keras"),
    ],
)
def test_what_can_not_be_continued_is_said_and_nothing_is_stored(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, trained: Path, changes: dict[str, Any], reason: str
) -> None:
    (trained.parent / "net.h5").touch()
    window = make_window(ScriptedExecutor(whole_run))
    tab = tab_of(window, "train-on")
    tab.form.show_values(
        {"architecture": "mlp_1"} | changes | {"model": str(trained.parent / changes.get("model", "net.keras"))}
    )
    find(tab, QAbstractButton, "run").click()
    until(qtbot, lambda: reason in message(window))
    until(qtbot, lambda: not window.is_training)
    store = Store(workspace)
    assert store.experiments(1) == []
    store.close()


def test_a_network_is_continued_as_it_was_trained(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, trained: Path
) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    tab = tab_of(window, "train-on")
    tab.form.show_values({"architecture": "mlp_1", "model": str(trained)})
    with qtbot.waitSignal(window.training_ended):
        find(tab, QAbstractButton, "run").click()
    store = Store(workspace)
    (run,) = store.runs(1)
    assert run.spec.network.activation == "tanh"
    assert "net.keras does not say how" in store.experiment(1).dataset.warnings[0]  # type: ignore[union-attr]
    store.close()


def test_a_chosen_file_sets_the_architecture(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    tab = tab_of(window, "train-on")
    architecture = find(tab, QComboBox, "architecture_list")
    assert architecture.currentText() == "as trained"
    tab.form.show_values({"architecture": "cnn_4"})
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(trained), ""))
    find(tab, QToolButton, "model_open").click()
    assert architecture.currentText() == "as trained"
    architecture.setCurrentText("cnn_4")
    find(tab, QLineEdit, "model_path").editingFinished.emit()  # as when it loses the focus
    assert architecture.currentText() == "cnn_4", "the file is still the same"
    architecture.setCurrentText("as trained")
    with qtbot.waitSignal(window.training_ended):
        find(tab, QAbstractButton, "run").click()
    store = Store(workspace)
    (run,) = store.runs(1)
    assert (run.spec.architecture, run.spec.variant) == ("mlp_1", "mlp_1/on")
    store.close()
