"""The examples of own code, run as their users do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.networks.architectures import ARCHITECTURES, summarize
from tests.resources.support import EXAMPLES, LOGGER, entries, environment, of

STEPS = 26  # of an epoch of the digits


def run_example(name: str, folder: Path, *arguments: str) -> Path:
    """Run an example on the digits, and return its log."""
    command = [sys.executable, str(EXAMPLES / name), *arguments, "--folder", str(folder)]
    ended = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, env=environment(), timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "trainscope_log:" not in ended.stderr
    told = re.fullmatch(r"Test accuracy (\d+\.\d)%, logged in (.+)", ended.stdout.splitlines()[-1])
    assert told is not None
    assert of("test", Path(told[2]))[0]["accuracy"] == pytest.approx(float(told[1]) / 100, abs=0.0006)
    return Path(told[2])


def check(path: Path, epochs: int, accuracy: float) -> list[dict[str, Any]]:
    """Check that a log has what the window shows, of a network that has learned; return the records of training."""
    found = entries(path)
    records = [entry for entry in found if "training_loss" in entry]
    assert [entry["step"] for entry in records] == list(range(10, STEPS * epochs + 1, 10))
    assert records[-1]["training_loss"] < records[0]["training_loss"]
    assert {entry["step"] for entry in found if "weights" in entry} >= {0, STEPS * epochs}
    test = of("test", path)[0]
    matrix = np.array(test["confusion"])
    assert (matrix.shape, matrix.sum()) == ((10, 10), 360)
    assert np.trace(matrix) / 360 == pytest.approx(test["accuracy"], abs=1e-6)
    assert test["accuracy"] > accuracy
    assert found[-1] == {"ended": "finished"}
    return records


def test_the_network_in_numpy(tmp_path: Path) -> None:
    path = run_example("numpy_mlp.py", tmp_path, "--epochs", "2", "--seed", "1")
    records = check(path, 2, 0.8)
    assert all(set(entry["gradient_norms"]) == {"W1", "W2"} for entry in records)
    assert entries(path)[0]["parameters"] == summarize_parameters("mlp_1")


@pytest.mark.long
def test_the_gradients_of_the_network_in_numpy_are_those_of_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import numpy_mlp

    generator = np.random.default_rng(0)
    shapes = {"W1": (6, 4), "b1": (4,), "W2": (4, 10), "b2": (10,)}
    weights = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    images, labels = generator.normal(size=(5, 6)), generator.integers(0, 10, 5)
    loss, _, gradients = numpy_mlp.backward(weights, images, labels)
    assert loss == pytest.approx(numpy_mlp.evaluate(weights, images, labels)[0])
    for name, values in weights.items():
        values.flat[1] += 1e-6
        moved = numpy_mlp.evaluate(weights, images, labels)[0]
        values.flat[1] -= 1e-6
        assert (moved - loss) / 1e-6 == pytest.approx(gradients[name].flat[1], abs=1e-4)


def summarize_parameters(architecture: str) -> int:
    return sum(layer.parameters for layer in summarize(architecture, (32, 32, 1), 10))


@pytest.mark.long
def test_the_network_in_keras(tmp_path: Path) -> None:
    path = run_example("keras_fit.py", tmp_path, "cnn_3", "--epochs", "2")
    check(path, 2, 0.6)
    assert entries(path)[1]["parameters"] == summarize_parameters("cnn_3")
    assert len(of("validation_accuracy", path)) == 2


@pytest.mark.long
@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_the_course_s_networks_in_pytorch(tmp_path: Path, architecture: str) -> None:
    pytest.importorskip("torch", reason="PyTorch is installed for benchmarks only")
    path = run_example("pytorch_course.py", tmp_path, architecture, "--epochs", "2")
    check(path, 2, 0.3)
    assert entries(path)[1]["parameters"] == summarize_parameters(architecture)
    layers = [each for each in summarize(architecture, (32, 32, 1), 10) if each.parameters]
    measured = of("gradient_norms", path)
    assert len(measured) == 5
    assert all(len(norms) == len(layers) for norms in measured)


@pytest.mark.long
def test_a_folder_of_images_is_read_in_pytorch_s_example(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is installed for benchmarks only")
    from PIL import Image

    generator = np.random.default_rng(0)
    for part, count in (("train", 60), ("test", 6)):
        for label, name in enumerate(("ant", "bee")):
            folder = tmp_path / "images" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(100 * label, 100 + 100 * label, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    path = run_example("pytorch_course.py", tmp_path / "logs", "mlp_1", "--images", str(tmp_path / "images"))
    description = entries(path)[0]
    assert description == description | {"classes": ["ant", "bee"], "images": [108, 12, 12], "dataset": "images"}


def test_logger_and_examples_are_in_the_folder_that_the_bundle_includes() -> None:
    specification = Path(EXAMPLES.parents[1], "packaging", "trainscope.spec").read_text(encoding="utf-8")
    assert '(str(ROOT / "resources"), "resources")' in specification
    assert LOGGER.parent.name == EXAMPLES.parent.name == "resources"
