"""What the logger measures by itself: weights of NumPy, PyTorch and Keras, gradients, and Keras' means."""

from __future__ import annotations

import base64
import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trainscope_log

from tests.resources.support import entries, of


def shown(path: Path) -> dict[int, dict[str, Any]]:
    """The logged weights by step, with ``values`` as an array."""
    found = {entry["step"]: entry["weights"] for entry in entries(path) if "weights" in entry}
    for weights in found.values():
        values = np.frombuffer(base64.b64decode(weights.pop("float32")), "<f4")
        weights["values"] = values.reshape(weights.pop("shape"))
    return found


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.asfortranarray, lambda values: values.tolist()])
def test_the_first_array_that_can_be_shown_is_logged(tmp_path: Path, kind: Any) -> None:
    run = trainscope_log.start("e", folder=tmp_path, image_shape=(2, 3))
    values = np.arange(24.0).reshape(6, 4) / 3
    run.log_weights(0, {"b1": np.zeros(4), "W1": kind(values), "W2": np.zeros((4, 10))}, inputs_first=True)
    run.log_weights(5, {"W1": kind(values.T)}, input_shape=(6,))
    found = shown(run.path)
    assert {step: (each["layer"], each["input_shape"]) for step, each in found.items()} == {
        0: ("W1", [2, 3, 1]),
        5: ("W1", [6]),
    }
    for each in found.values():
        assert np.array_equal(each["values"], values.T.astype(np.float32))


def test_colours_come_first_in_the_inputs_of_a_dense_layer(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path, image_shape=(2, 2, 3))
    images = np.arange(12.0).reshape(2, 2, 3)  # height, width, channels
    run.log_weights(1, {"W": images.reshape(12, 1)}, inputs_first=True, channels_last=True)
    assert np.array_equal(shown(run.path)[1]["values"].reshape(3, 2, 2), images.transpose(2, 0, 1))


def test_a_kernel_of_keras_layout_becomes_one_of_pytorch_s(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    kernel = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    run.log_weights(1, {"conv": kernel}, inputs_first=True)
    found = shown(run.path)[1]
    assert np.array_equal(found["values"], kernel.transpose(3, 2, 0, 1))
    assert found["input_shape"] == [2, 3, 4]


def test_weights_that_are_too_many_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainscope_log, "SHOWN_WEIGHTS", 10)
    run = trainscope_log.start("e", folder=tmp_path)
    for step in (1, 2):
        run.log_weights(step, {"W": np.zeros((4, 4))})
    assert shown(run.path) == {}
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is installed for benchmarks only")


def trained_with_torch(
    torch: Any, run: trainscope_log.Run, steps: int, every: int | None = 2, rate: float = 0.5
) -> Any:
    """Train a small network by plain SGD; return it, and gradients and weights of each layer before each step."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(36, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    run.watch(model, optimizer, every=every)
    told = []
    for _ in range(steps):
        loss = model(torch.randn(6, 3, 5, 5)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        told.append({n: (model[n].weight.grad.norm().item(), model[n].weight.detach().clone()) for n in (0, 3)})
        optimizer.step()
    return model, told


def test_gradients_updates_and_weights_of_a_torch_model_are_those_of_its_steps(tmp_path: Path, torch: Any) -> None:
    run = trainscope_log.start("e", folder=tmp_path, steps_per_epoch=3)
    model, told = trained_with_torch(torch, run, steps=7)
    run.finish()
    measured = [entry for entry in entries(run.path) if "gradient_norms" in entry]
    assert [entry["step"] for entry in measured] == [2, 4, 6]
    for entry in measured:
        norms = {str(n): gradient for n, (gradient, _) in told[entry["step"] - 1].items()}
        ratios = {str(n): 0.5 * g / w.norm().item() for n, (g, w) in told[entry["step"] - 1].items()}
        assert entry["gradient_norms"] == pytest.approx(norms, rel=1e-6)
        assert entry["update_ratios"] == pytest.approx(ratios, rel=1e-5)
        assert list(entry["update_ratios"]) == ["0", "3"]
    found = shown(run.path)
    assert list(found) == [0, 3, 6, 7], "at first, after each epoch, and at last"
    for step, weights in found.items():
        expected = model[0].weight if step == 7 else told[step][0][1]
        assert np.array_equal(weights["values"], expected.detach().numpy())
        assert (weights["layer"], weights["input_shape"]) == ("0", [5, 5, 3])
    described = entries(run.path)[1]
    assert (described["framework"], described["device"]) == ("PyTorch", "CPU")
    assert described["parameters"] == sum(each.numel() for each in model.parameters())


def test_a_watched_model_is_trained_saved_and_copied_as_any_other(tmp_path: Path, torch: Any) -> None:
    run = trainscope_log.start("e", folder=tmp_path)
    model, _ = trained_with_torch(torch, run, steps=4, every=1)
    unwatched, _ = trained_with_torch(torch, trainscope_log.Run({}, (), None), steps=4)
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), unwatched.parameters(), strict=True))
    fresh = torch.nn.Sequential(torch.nn.Linear(2, 2))
    run.watch(fresh, torch.optim.Adam(fresh.parameters()))
    pickle.dumps(fresh)
    copy.deepcopy(fresh)


@pytest.mark.parametrize(("share", "expected"), [(0.5, [10, 20, 30, 40]), (0.0, [10, 20, 40])])
def test_costly_measurements_are_made_less_often(
    tmp_path: Path, torch: Any, monkeypatch: pytest.MonkeyPatch, share: float, expected: list[int]
) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(
        trainscope_log.time, "perf_counter", lambda: next(clock)
    )  # a measurement takes half of the time
    monkeypatch.setattr(trainscope_log, "SHARE", share)
    run = trainscope_log.start("e", folder=tmp_path)
    trained_with_torch(torch, run, steps=45, every=None)
    assert [entry["step"] for entry in entries(run.path) if "gradient_norms" in entry] == expected


def test_steps_of_a_resumed_script_are_counted_on(tmp_path: Path, torch: Any) -> None:
    run = trainscope_log.start("e", folder=tmp_path, resume=True, after=10)
    trained_with_torch(torch, run, steps=3)
    assert of("step", run.path) == [10, 12]
    assert list(shown(run.path)) == [10]


def test_a_layer_without_gradient_or_weights_of_zero_is_left_out(
    tmp_path: Path, torch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.LayerNorm(2))
    model[0].weight.requires_grad_(False)
    torch.nn.init.zeros_(model[1].weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = trainscope_log.start("e", folder=tmp_path)
    run.watch(model, optimizer, every=1)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    (entry,) = [entry for entry in entries(run.path) if "gradient_norms" in entry]
    assert (list(entry["gradient_norms"]), "update_ratios" in entry) == (["1"], False)
    assert capsys.readouterr().err == ""


def fit_keras(run: trainscope_log.Run, every: int, rate: float, epochs: int = 2) -> Any:
    """Train on 4 batches of 8 and one of 3, in order; return model and data."""
    import keras

    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    images, labels = generator.normal(size=(35, 2, 2, 3)), generator.integers(0, 3, 35)
    model = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile(
        optimizer=keras.optimizers.SGD(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top_2")],
    )
    callback = trainscope_log.KerasCallback(run, every=every)
    held_out = (images[:10] + 0.5, labels[:10])
    model.fit(
        images,
        labels,
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=held_out,
        callbacks=[callback],
    )
    return model, images, labels, held_out


@pytest.mark.long
def test_the_keras_callback_logs_means_since_the_last_record(tmp_path: Path) -> None:
    """At a rate of 0 the weights stay, so every mean can be computed from the final ones."""
    run = trainscope_log.start("e", folder=tmp_path)
    model, images, labels, held_out = fit_keras(run, every=3, rate=0.0)
    run.finish()
    logits = np.asarray(model(images), dtype=np.float64)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(35), labels]
    right = logits.argmax(axis=1) == labels
    begins = [0, 8, 16, 24, 32]
    batches = [np.arange(begin, min(begin + 8, 35)) for begin in begins] * 2
    records = {entry["step"]: entry for entry in entries(run.path) if "training_loss" in entry}
    assert list(records) == [3, 6, 9]
    for step, record in records.items():
        seen = np.concatenate(batches[step - 3 : step])
        assert record["training_loss"] == pytest.approx(losses[seen].mean(), rel=1e-5)
        assert record["training_accuracy"] == pytest.approx(right[seen].mean(), rel=1e-5)
        assert record["epoch"] == (1 if step <= 5 else 2)
        assert 0 <= record["metrics"]["training_top_2"] <= 1
        assert record["learning_rate"] == 0.0
    loss, accuracy, _ = model.evaluate(*held_out, verbose=0)
    validated = [entry for entry in entries(run.path) if "validation_loss" in entry]
    assert [(entry["step"], entry["epoch"]) for entry in validated] == [(5, 1), (10, 2)]
    for entry in validated:
        assert (entry["validation_loss"], entry["validation_accuracy"]) == pytest.approx((loss, accuracy), rel=1e-5)
    description = entries(run.path)[1]
    assert description == description | {"parameters": 39, "epochs": 2, "steps_per_epoch": 5, "framework": "Keras"}


@pytest.mark.long
def test_the_keras_callback_logs_the_first_layer_in_pytorch_s_layout_and_goes_on(tmp_path: Path) -> None:
    run = trainscope_log.start("e", folder=tmp_path, resume=True, after=20)
    model, *_ = fit_keras(run, every=5, rate=0.1)
    found = shown(run.path)
    assert list(found) == [20, 25, 30]
    kernel = np.asarray(model.layers[-1].kernel)
    expected = kernel.T.reshape(3, 2, 2, 3).transpose(0, 3, 1, 2).reshape(3, 12)
    assert np.array_equal(found[30]["values"], expected)
    assert found[30]["input_shape"] == [2, 2, 3]
    assert not np.array_equal(found[20]["values"], found[25]["values"])
    losses = of("training_loss", run.path)
    assert len(losses) == 2
    assert all(map(math.isfinite, losses))
