"""engine.networks.inference: preparation as in training, and the output of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from engine.config.specs import DataSpec, NetworkSpec, Normalization
from engine.datasets import PreparedData, load_raw, prepare
from engine.datasets.prepare import Preparation, find_preparation
from engine.datasets.split import split, stored_part
from engine.networks import inference
from engine.networks.architectures import build_network
from engine.networks.files import read_network
from engine.networks.inference import MAX_CHANNELS, MAX_MAP_SIDE, MAX_UNITS, Prober, prepare_image, softmax
from engine.utils.arrays import Array
from engine.utils.errors import StoreError

SHAPE = (16, 16, 1)
GRAY = Preparation(np.zeros(1, np.float32), np.ones(1, np.float32), grayscale=True)
COLOUR = Preparation(np.zeros(3, np.float32), np.ones(3, np.float32), grayscale=False)


def quiet(_message: str, _done: int, _total: int) -> None:
    """Ignore progress."""


def prepared_both_ways(spec: DataSpec) -> tuple[PreparedData, Array]:
    """A data set prepared as for training, and its stored test images prepared singly."""
    raw = load_raw(spec, quiet)
    parts = split(raw, spec)
    preparation, prepared = find_preparation(raw, parts, spec), prepare(spec, quiet)
    images = stored_part(raw, "test")[0][parts.test]
    return prepared, np.stack([prepare_image(image, preparation, prepared.info.shape) for image in images])


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive of 60 training and 20 test images, 12x12 in colour, each channel with a different mean."""
    file = tmp_path_factory.mktemp("data") / "coloured.npz"
    random = np.random.default_rng(3)
    images = (random.integers(0, 256, (80, 12, 12, 3)) * np.array([1.0, 0.7, 0.3])).astype(np.uint8)
    labels = np.arange(80) % 4
    np.savez(file, x_train=images[:60], y_train=labels[:60], x_test=images[60:], y_test=labels[60:])
    return str(file)


@pytest.mark.parametrize("normalization", ["half", "none", "bytes", "per-dataset"])
@pytest.mark.parametrize("side", [None, 20])
def test_digits_are_prepared_as_in_training(normalization: Normalization, side: int | None) -> None:
    prepared, single = prepared_both_ways(DataSpec(normalization=normalization, image_size=side))
    assert single.dtype == np.float32
    assert np.array_equal(single, prepared.x_test)


@pytest.mark.parametrize("grayscale", [True, False])
@pytest.mark.parametrize("normalization", ["half", "cifar10", "none", "bytes", "per-dataset"])
def test_coloured_images_are_prepared_as_in_training(
    coloured: str, normalization: Normalization, grayscale: bool
) -> None:
    prepared, single = prepared_both_ways(DataSpec(dataset=coloured, normalization=normalization, grayscale=grayscale))
    assert single.shape == (20, 12, 12, 1 if grayscale else 3)
    assert single.dtype == np.float32
    assert np.array_equal(single, prepared.x_test)


ANY_IMAGE = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])))


@given(image=ANY_IMAGE, side=st.integers(4, 40), colour=st.booleans())
def test_any_image_fits_any_network(image: Array, side: int, colour: bool) -> None:
    shape = (side, side, 3 if colour else 1)
    prepared = prepare_image(image, COLOUR if colour else GRAY, shape)
    assert prepared.shape == shape
    assert prepared.dtype == np.float32
    assert 0 <= prepared.min() <= prepared.max() <= 1


def test_a_gray_picture_is_the_same_in_three_channels() -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(prepare_image(gray.repeat(3, axis=2), GRAY, SHAPE), prepare_image(gray, GRAY, SHAPE))
    coloured = prepare_image(gray, COLOUR, (16, 16, 3))
    assert np.array_equal(coloured, gray.repeat(3, axis=2) / np.float32(255))


def test_a_large_drawing_is_shrunk_as_the_data_sets_are() -> None:
    drawing = np.zeros((280, 280, 1), np.uint8)
    drawing[:140] = 255
    found = prepare_image(drawing, GRAY, (28, 28, 1))
    expected = np.asarray(Image.fromarray(drawing[..., 0]).resize((28, 28), Image.Resampling.BILINEAR, reducing_gap=3))
    assert np.array_equal(found[..., 0], expected / np.float32(255))


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=50))
def test_probabilities_sum_to_one_however_large_the_logits(logits: list[float]) -> None:
    probabilities = softmax(np.array(logits, np.float32))
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities.min() >= 0
    assert probabilities[int(np.argmax(logits))] == probabilities.max()


def test_probabilities_by_hand() -> None:
    assert softmax(np.log(np.array([1.0, 2.0, 5.0]))) == pytest.approx([0.125, 0.25, 0.625])


@pytest.fixture(scope="module")
def network() -> keras.Sequential:
    layers = "small[Conv-3x3x4, ReLU, MaxPool-2x2, FC-6, Sigmoid]"
    return build_network(layers, SHAPE, 3, NetworkSpec(), seed=1)


@pytest.fixture
def saved(network: keras.Sequential, tmp_path: Path) -> Path:
    return save(network, tmp_path / "small.keras")


def save(network: keras.Model, file: Path) -> Path:
    network.save(file)
    return file


def picture(seed: int = 0, shape: Sequence[int] = SHAPE) -> Array:
    return np.random.default_rng(seed).normal(size=tuple(shape)).astype(np.float32)


def test_every_layer_with_something_to_show(network: keras.Sequential, saved: Path) -> None:
    image = picture()
    probed = Prober().probe(saved, image)
    assert [(layer.name, layer.shape) for layer in probed.layers] == [
        *(("input", (16, 16, 1)), ("conv_1", (14, 14, 4)), ("act_1", (14, 14, 4)), ("maxpool_1", (7, 7, 4))),
        *(("dense_1", (6,)), ("act_2", (6,)), ("prediction", (3,))),
    ]
    assert np.array_equal(probed.layers[0].values, image)
    values = image[np.newaxis]
    shown = {layer.name: layer.values for layer in probed.layers}
    for layer in network.layers:
        values = np.asarray(layer(values))
        if layer.name in shown:
            np.testing.assert_allclose(shown[layer.name], values[0], rtol=1e-4, atol=1e-5)
            assert shown[layer.name].dtype == np.float32


def test_probabilities_are_those_of_the_logits(network: keras.Sequential, saved: Path) -> None:
    image = picture(1)
    logits = np.asarray(network(image[np.newaxis]))[0]
    assert Prober().probe(saved, image).probabilities == pytest.approx(softmax(logits), abs=1e-5)


def test_a_network_is_read_once_and_again_when_its_file_changes(
    saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[Path] = []

    def reading(path: Path) -> object:
        read.append(path)
        return read_network(path)

    monkeypatch.setattr(inference, "read_network", reading)
    prober = Prober()
    first = prober.probe(saved, picture()).probabilities
    assert np.array_equal(prober.probe(saved, picture()).probabilities, first)
    assert read == [saved]
    other = save(build_network("mlp_1", SHAPE, 3, NetworkSpec(), seed=2), tmp_path / "other.keras")
    assert len(prober.probe(other, picture()).layers) == 4
    other.replace(saved)
    assert len(prober.probe(saved, picture()).layers) == 4
    assert read == [saved, other, saved]


def test_very_large_outputs_are_shown_in_part(tmp_path: Path) -> None:
    shape = (260, 260, 1)
    wide = MAX_CHANNELS + 6
    network = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(wide, 1, name="conv_1"),
            keras.layers.MaxPooling2D(52, name="maxpool_1"),
            keras.layers.Flatten(),
            keras.layers.Dense(MAX_UNITS + 1, name="dense_1"),
            keras.layers.Dense(2, name="prediction"),
        ]
    )
    image = picture(shape=shape)
    input, conv, pool, dense, prediction = Prober().probe(save(network, tmp_path / "large.keras"), image).layers
    assert max(input.values.shape) <= MAX_MAP_SIDE
    thirds = image[:258, :258].reshape(86, 3, 86, 3, 1).mean(axis=(1, 3))
    np.testing.assert_allclose(input.values, thirds, rtol=1e-5, atol=1e-6)
    assert (conv.shape, conv.values.shape) == ((260, 260, wide), (86, 86, MAX_CHANNELS))
    assert (pool.shape, pool.values.shape) == ((5, 5, wide), (5, 5, MAX_CHANNELS))
    assert (dense.shape, dense.values.shape) == ((MAX_UNITS + 1,), (MAX_UNITS,))
    assert prediction.values.shape == (2,)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.keras can't be read .*choose another run"):
        Prober().probe(tmp_path / "gone.keras", picture())


def test_a_damaged_file_and_then_a_sound_one(saved: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(saved.read_bytes()[:2000])
    prober = Prober()
    prober.probe(saved, picture())
    for _ in range(2):
        with pytest.raises(StoreError, match=r"damaged\.keras can't be used .*train it again"):
            prober.probe(damaged, picture())
    assert prober.probe(saved, picture()).probabilities.shape == (3,)


def test_a_network_for_other_images(saved: Path) -> None:
    with pytest.raises(StoreError, match="no network for images of 8x8x1"):
        Prober().probe(saved, picture(shape=(8, 8, 1)))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    layers = [keras.Input(SHAPE), keras.layers.Lambda(lambda image: image), keras.layers.Flatten()]
    file = save(keras.Sequential(layers), tmp_path / "lambda.keras")
    with pytest.raises(StoreError, match="can't be used"):
        Prober().probe(file, picture())


def test_other_models_are_refused(tmp_path: Path) -> None:
    input = keras.Input(SHAPE)
    model = keras.Model(input, keras.layers.Flatten()(input))
    with pytest.raises(StoreError, match=r"can't be used: it has no layer .*, and networks here end with a Dense"):
        Prober().probe(save(model, tmp_path / "functional.keras"), picture())


def test_every_layer_of_a_graph_of_keras(tmp_path: Path) -> None:
    """Each output is that of the layer in Keras, before its activation where that is an argument."""
    image = keras.Input(SHAPE)
    eyes = keras.layers.Conv2D(4, 3, activation="relu", name="eyes")(image)
    hidden = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(4, 3, padding="same", name="more")(eyes))
    added = keras.layers.Dropout(0.5)(keras.layers.Add(name="sum")([hidden, eyes]))
    dense = keras.layers.Dense(3, activation="softmax", name="end")
    network = keras.Model(image, dense(keras.layers.GlobalAveragePooling2D(name="mean")(added)))
    random = np.random.default_rng(1)
    network.set_weights([random.uniform(0.1, 0.9, values.shape) for values in network.get_weights()])
    probed = Prober().probe(save(network, tmp_path / "graph.keras"), picture())
    names = [layer.name for layer in probed.layers]
    assert names == ["input", "eyes", "eyes, ReLU", "more", "norm", "sum", "mean", "end"]
    outputs = keras.Model(network.input, [network.get_layer(name).output for name in ("norm", "sum", "mean", "end")])
    norm, total, mean, end = (np.asarray(value)[0] for value in outputs(picture()[np.newaxis], training=False))
    shown = {layer.name: layer.values for layer in probed.layers}
    for name, expected in (("norm", norm), ("sum", total), ("mean", mean)):
        np.testing.assert_allclose(shown[name], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(probed.probabilities, end, rtol=1e-5)
