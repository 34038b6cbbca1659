"""engine.exports.script: exported scripts train as the program does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from engine.config.export_formats import Format
from engine.config.specs import NetworkSpec
from engine.datasets import PreparedData
from engine.executors.inline import InlineExecutor
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.continuation import CONTINUATION_EXPERIMENT
from engine.exports import export_experiment
from engine.exports.script.code import Call, Name, source
from engine.exports.script.network import network_imports, network_source
from engine.exports.script.source import plain
from engine.networks.architectures import build_network
from engine.storage.store import Store
from tests.engine.exports.every_layer import ARCHITECTURE
from tests.engine.stored_results import by_variant, ended
from tests.engine.support import ROOT, python, run_session

# No bias precedes batch normalisation, as rounding would soon grow there.
RESIDUAL = (
    "residual[Conv-3x3x8(same, stride 2, no bias, L2 0.1), BatchNorm(momentum 0.8), ReLU, "
    "Skip[DepthwiseConv-3x3(same, no bias), BatchNorm(momentum 0.8), ReLU, Conv-1x1x8(no bias, L2 0.1), "
    "BatchNorm(momentum 0.8)], ReLU, AvgPool-4x4, FC-64(L2 0.1), ReLU]"
)

# Names as of files and classes of anyone's.
NASTY = ('"""', "'); import os  #", "{{ seed }}", "a\nb", "\\", "\u202eabc", "Ärger", "\udc80")


def exported(store: Store, folder: Path, digits: PreparedData, architecture: str = "mlp_1", **changes: Any) -> str:
    """The script of an experiment with one run of ``changes`` on the digits."""
    name = architecture.partition("[")[0]
    how = {"info": digits.info, "architectures": [architecture], "repeats": 1} | changes
    number = ended(store, "architectures", by_variant({name: [0.5]}), **how)
    export = export_experiment(store, number, folder, [Format.KERAS_SCRIPT])
    assert not export.problems
    return (folder / f"scripts/train_{name}.py").read_text(encoding="utf-8")


def check_style(script: Path) -> None:
    """With the rules of the program's own code, less those on output and on methods that Keras names."""
    config = str(ROOT / "pyproject.toml")
    for command in (["check", "--ignore", "T20,INP,D101"], ["format", "--check"]):
        ended = subprocess.run(  # noqa: S603 - a fixed command
            [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", config, str(script)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout


def test_images_are_those_of_the_program(store: Store, tmp_path: Path, digits: PreparedData) -> None:
    exported(store, tmp_path, digits)
    with np.load(tmp_path / "scripts/images.npz") as archive:
        parts = {name: (archive[f"x_{name}"], archive[f"y_{name}"]) for name in ("train", "validation", "test")}
    for name, (images, labels) in parts.items():
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images / np.float32(255) * 2 - 1, getattr(digits, f"x_{name}"))
        np.testing.assert_array_equal(labels, getattr(digits, f"y_{name}"))


@pytest.mark.parametrize(
    "changes",
    [
        {"normalization": "per-dataset", "initializer": "keras"},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.001, "clip_norm": 1.0},
        {"label_smoothing": 0.1, "ema_momentum": 0.9, "brightness": 0.1, "warm_up": 0.5, "rate_over_time": "cosine"},
        {"rate_over_time": "one-cycle", "warm_up": 1, "early_stopping": "val_loss", "stop_patience": 2},
        {"class_weights": "balanced", "flip": True, "shift": 2, "border": "black", "cutout": 5},
        {"mixup": 0.2, "contrast": 0.5, "optimizer": "adamw"},
    ],
)
def test_scripts_of_all_settings_are_well_formed(
    store: Store, tmp_path: Path, digits: PreparedData, changes: dict[str, Any]
) -> None:
    text = exported(store, tmp_path, digits, **changes)
    compile(text, "train_mlp_1.py", "exec")
    check_style(tmp_path / "scripts/train_mlp_1.py")
    settings = changes.keys() & {"momentum", "weight_decay", "clip_norm", "ema_momentum"}
    names = {"clip_norm": "global_clipnorm"}
    assert all(f"{names.get(each, each)}={changes[each]}" in text for each in settings)


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({}, 'keras.metrics.SparseCategoricalCrossentropy("cross_entropy", from_logits=True)'),
        ({"label_smoothing": 0.1}, "cross_entropy"),
    ],
)
def test_early_stopping_monitors_the_loss_without_penalties(
    store: Store, tmp_path: Path, digits: PreparedData, changes: dict[str, Any], metric: str
) -> None:
    how = changes | {"early_stopping": "val_loss"}
    text = exported(store, tmp_path / "l2", digits, "small[FC-4(L2 0.01), ReLU]", **how)
    check_style(tmp_path / "l2/scripts/train_small.py")
    assert f'metrics=["accuracy", {metric}],' in text
    assert re.search(r'EarlyStopping\(\s*"val_cross_entropy"', text)
    text = exported(store, tmp_path / "plain", digits, **how)
    assert 'metrics=["accuracy"],' in text
    assert re.search(r'EarlyStopping\(\s*"val_loss"', text)


def settings(layer: keras.layers.Layer) -> dict[str, Any]:
    config: dict[str, Any] = layer.get_config()
    if not config.get("use_bias", True):
        del config["bias_initializer"]  # of no effect
    if config.get("kernel_size") == (1, 1):
        del config["strides"]  # in a pooling before
    return config


def test_the_source_of_a_network_builds_the_same() -> None:
    for architecture in (ARCHITECTURE, "cnn_3"):
        network = build_network(architecture, (24, 24, 3), 4, NetworkSpec(activation="gelu"), seed=3)
        lines = ["import keras", "from keras import layers", *network_imports(network)]
        text = "\n".join([*lines, "def build_network():", network_source(network)])
        scope: dict[str, Any] = {}
        exec(text, scope)  # noqa: S102 - as a user runs it
        built = scope["build_network"]()
        alike = [layer for layer in built.layers if not layer.name.endswith("_pixels")]
        assert [settings(layer) for layer in alike] == [settings(layer) for layer in network.layers]
        assert all((a.numpy() == b.numpy()).all() for a, b in zip(built.weights, network.weights, strict=True))
        images = np.random.default_rng(0).normal(size=(2, 24, 24, 3)).astype(np.float32)
        np.testing.assert_array_equal(built(images, training=False), network(images, training=False))


def test_no_name_becomes_code() -> None:
    assert ast.literal_eval(source(list(NASTY))) == list(NASTY)
    written = source(list(NASTY))
    assert not set(written) & set("\n\u202e\udc80")  # nor what an editor shows in another order, or can't read
    (expression,) = ast.parse(written).body  # a list of literals, and nothing beside it
    assert isinstance(expression, ast.Expr)
    assert isinstance(expression.value, ast.List)
    assert [type(each) for each in expression.value.elts] == [ast.Constant] * len(NASTY)
    for name in ("os.system('')", "a b", "", "class", "ä"):
        with pytest.raises(ValueError, match="is no name in Python"):
            Name(name)
        with pytest.raises(ValueError, match="is no name in Python"):
            Call("f", (), ((name, 1),))
    with pytest.raises(TypeError, match="a script can't hold a object"):
        source([object()])
    for name in NASTY:
        assert not set(plain(name)) & set("\"'\\\n{}\udc80")


def test_images_that_have_changed_are_named(store: Store, tmp_path: Path, digits: PreparedData) -> None:
    info = replace(digits.info, fingerprint="0" * 64)
    number = ended(store, "architectures", by_variant({"mlp_1": [0.5]}), info=info, architectures=["mlp_1"], repeats=1)
    export = export_experiment(store, number, tmp_path, [Format.KERAS_SCRIPT])
    assert [path.name for path in export.files] == ["settings.toml"]
    assert export.problems == [
        "No Keras script was exported: The images of Digits are no longer those that were trained on."
    ]


def run_script(script: Path) -> tuple[list[tuple[float, float]], float]:
    """Validation loss and accuracy of each epoch, and the test accuracy, that a script prints."""
    ended = python("-W", "ignore", str(script))
    assert ended.returncode == 0, ended.stderr
    epochs = re.findall(r"val_accuracy: ([\d.]+) - val_(?:cross_entropy|loss): ([\d.]+)", ended.stdout)
    tested = re.search(r"Test accuracy: ([\d.]+)%", ended.stdout)
    assert tested is not None
    return [(float(loss), float(accuracy)) for accuracy, loss in epochs], float(tested[1]) / 100


@pytest.mark.long
@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["cnn_3"], "epochs": 2, "rate_over_time": "one-cycle", "warm_up": 0.5},
        {
            **{"architectures": ["mlp_1"], "epochs": 3, "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9},
            **{"nesterov": True, "weight_decay": 0.001, "clip_norm": 1.0, "label_smoothing": 0.1, "ema_momentum": 0.9},
            **{"class_weights": "balanced", "mixup": 0.3, "normalization": "per-dataset"},
            **{"flip": True, "shift": 2, "rotation": 10, "zoom": 0.1, "border": "black"},
            **{"brightness": 0.2, "contrast": 0.2, "cutout": 6, "early_stopping": "val_loss", "stop_patience": 1},
        },
        # Penalties included, the loss would fall by more than the least gain for another epoch.
        {
            **{"architectures": [RESIDUAL], "epochs": 7, "early_stopping": "val_loss"},
            **{"stop_patience": 1, "stop_delta": 0.21},
        },
    ],
)
def test_a_script_trains_along_the_curve_of_the_program(tmp_path: Path, changes: dict[str, Any]) -> None:
    """They differ by rounding alone, which takes a few steps to reach the fourth digit.

    Losses may differ by 0.01, accuracies by two of 144 validation images and by three of 360 test images.
    """
    spec = ARCHITECTURES_EXPERIMENT.preset("quick", repeats=1, record_every=26, **changes)
    with closing(Store(tmp_path / "workspace")) as store:
        outcome, _ = run_session(store, InlineExecutor(), spec)
        assert outcome.experiment is not None, outcome.reason
        export_experiment(store, outcome.experiment, tmp_path, [Format.KERAS_SCRIPT])
        (run,) = store.runs(outcome.experiment)
        records = store.records(run.id)
    (script,) = (tmp_path / "scripts").glob("*.py")
    curve, tested = run_script(script)
    losses, accuracies = np.transpose(curve)
    np.testing.assert_allclose(losses, [each.validation_loss for each in records], atol=0.01)
    np.testing.assert_allclose(accuracies, [each.validation_accuracy for each in records], atol=0.015)
    assert run.test_accuracy is not None
    assert abs(tested - run.test_accuracy) <= 0.01
    assert (tmp_path / f"scripts/{run.trained_spec.variant}.keras").exists()


@pytest.mark.long
def test_a_script_starts_from_the_network_that_the_run_started_from(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "workspace")) as store:
        first = ARCHITECTURES_EXPERIMENT.preset("quick", architectures=["mlp_1"], epochs=2, repeats=1)
        outcome, _ = run_session(store, InlineExecutor(), first)
        assert outcome.experiment is not None, outcome.reason
        (run,) = store.runs(outcome.experiment)
        assert run.model is not None
        spec = CONTINUATION_EXPERIMENT.preset(
            "quick", architecture="mlp_1", model=str(run.model), epochs=2, repeats=1, record_every=26
        )
        outcome, _ = run_session(store, InlineExecutor(), spec, experiment=CONTINUATION_EXPERIMENT)
        assert outcome.experiment is not None, outcome.reason
        export = export_experiment(store, outcome.experiment, tmp_path, [Format.KERAS_SCRIPT])
        started = [each for each in store.runs(outcome.experiment) if each.trained_spec.start_from is not None]
        records = store.records(started[0].id)
    (script,) = (each for each in export.files if each.suffix == ".py" and "start_" in each.read_text(encoding="utf-8"))
    curve, _ = run_script(script)
    expected = [(each.validation_loss, each.validation_accuracy) for each in records]
    np.testing.assert_allclose(curve, expected, atol=0.01)
