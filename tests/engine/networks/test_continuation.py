"""engine.networks.continuation: networks built with Keras are carried over exactly, or refused by name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from engine.config.specs import DataSpec, NetworkSpec
from engine.networks.architectures import build_network
from engine.networks.comparison import AS_TRAINED
from engine.networks.continuation import open_start
from engine.networks.loading import load_weights
from engine.utils.errors import NetworkError
from tests.engine.networks.keras_networks import (
    CLASSES,
    CONV,
    SHAPE,
    Build,
    built_by_a_call,
    chain,
    checked,
    compiled,
    conv,
    end,
    functional,
    relu,
    saved,
)
from tests.engine.support import INFO

TAKEN: dict[str, tuple[Build, str, str]] = {
    "separate activation": (lambda: chain(conv(), relu(), *end()), CONV, "relu"),
    "activation as an argument": (lambda: chain(conv(activation="tanh"), *end()), CONV, "tanh"),
    "layer ReLU": (lambda: chain(conv(), layers.ReLU(), *end()), CONV, "relu"),
    "layer LeakyReLU": (lambda: chain(conv(), layers.LeakyReLU(negative_slope=0.2), *end()), CONV, "leaky_relu"),
    "layer ELU": (lambda: chain(conv(), layers.ELU(), *end()), CONV, "elu"),
    "LeakyReLU as an argument": (
        lambda: chain(conv(activation=layers.LeakyReLU(negative_slope=0.2)), *end()),
        CONV,
        "leaky_relu",
    ),
    "linear activations": (lambda: chain(conv(activation="linear"), relu(), *end()), CONV, "relu"),
    "softmax as an argument": (lambda: chain(conv(), relu(), *end(activation="softmax")), CONV, "relu"),
    "layer Softmax": (lambda: chain(conv(), relu(), *end(), layers.Softmax()), CONV, "relu"),
    "noise": (lambda: chain(conv(), relu(), layers.GaussianNoise(0.5), *end()), CONV, "relu"),
    "other penalty": (lambda: chain(conv(kernel_regularizer="l1"), relu(), *end()), CONV, "relu"),
    "last layer regularised": (lambda: chain(conv(), relu(), *end(kernel_regularizer="l2")), CONV, "relu"),
    "frozen": (lambda: chain(conv(trainable=False), relu(), *end()), CONV, "relu"),
    "names of their own": (lambda: chain(conv(name="eyes"), relu(), *end(name="mouth")), CONV, "relu"),
    "fixed batch": (lambda: chain(conv(), relu(), *end(), batch_size=4), CONV, "relu"),
    "compiled": (compiled, CONV, "relu"),
    "built by a call": (built_by_a_call, CONV, "relu"),
    "functional chain": (functional, "a[Conv-3x3x4, Act, Dropout-0.5]", "relu"),
    "max-pooling": (lambda: chain(conv(), layers.MaxPooling2D(2), *end()), "a[Conv-3x3x4, MaxPool-2x2]", "relu"),
    "no bias": (
        lambda: chain(layers.Flatten(), layers.Dense(5, use_bias=False), relu(), *end()),
        "a[FC-5(no bias), ReLU]",
        "relu",
    ),
    "two activations": (
        lambda: chain(conv(activation="tanh"), layers.Flatten(), layers.Dense(5, activation="silu"), *end()[1:]),
        "a[Conv-3x3x4, Act, FC-5, SiLU]",
        "tanh",
    ),
    "images without channels": (
        lambda: chain(layers.Flatten(), layers.Dense(32, activation="relu"), *end(), shape=(8, 8)),
        "mlp_1",
        "relu",
    ),
    "flat images": (lambda: chain(layers.Dense(32, activation="relu"), *end(), shape=(64,)), "mlp_1", "relu"),
    "stride of the pooling written": (
        lambda: chain(conv(), layers.MaxPooling2D(2), *end()),
        "a[Conv-3x3x4, MaxPool-2x2(stride 2)]",
        "relu",
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_gives_the_same_logits_as_in_keras(tmp_path: Path, name: str) -> None:
    build, architecture, activation = TAKEN[name]
    file = saved(build, tmp_path)
    assert checked(file, architecture) == activation
    network = build_network(architecture, SHAPE, CLASSES, NetworkSpec(activation=activation), seed=5)  # type: ignore[arg-type]
    load_weights(network, file, architecture, activation)
    images = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype(np.float32)
    logits = network(images).numpy()
    source = keras.saving.load_model(file, compile=False)
    outputs = source(images.reshape(4, *source.input_shape[1:]), training=False).numpy()
    expected = keras.ops.softmax(logits).numpy() if "oftmax" in name else logits
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    ("file", "name"),
    [("my net.v2", "my_net_v2"), ("resnet_20", "net_resnet_20"), ("20", "net_20"), ("çiçek", "i_ek")],
)
def test_the_network_is_named_after_its_file(tmp_path: Path, file: str, name: str) -> None:
    path = saved(lambda: chain(conv(), relu(), *end()), tmp_path).rename(tmp_path / f"{file}.keras")
    assert open_start(path).architecture_for(AS_TRAINED) == f"{name}[Conv-3x3x4, ReLU]"


def test_a_suffix_in_capitals_is_one_too(tmp_path: Path) -> None:
    file = saved(lambda: chain(conv(), relu(), *end()), tmp_path)
    capitals = file.rename(tmp_path / "NET.KERAS")
    network = build_network(CONV, SHAPE, CLASSES, NetworkSpec(), seed=5)
    load_weights(network, capitals, CONV, "relu")
    source = keras.saving.load_model(capitals.rename(file), compile=False)
    for loaded, expected in zip(network.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, expected)


def test_another_activation_than_the_networks_is_refused_and_its_own_is_taken(tmp_path: Path) -> None:
    file = saved(lambda: chain(conv(activation="tanh"), *end()), tmp_path)
    for architecture in (CONV, AS_TRAINED):
        assert checked(file, architecture, activation="tanh") == checked(file, architecture) == "tanh"
        with pytest.raises(NetworkError, match="is Tanh, and the setting activation is relu; set activation=as-tr"):
            checked(file, architecture, activation="relu")
    with pytest.raises(NetworkError, match="is Tanh, and a has ReLU there; set architecture=as-trained"):
        checked(file, "a[Conv-3x3x4, ReLU]")


def test_two_activations_are_not_one(tmp_path: Path) -> None:
    file = saved(lambda: chain(conv(activation="tanh"), conv(activation="elu"), *end()), tmp_path)
    with pytest.raises(NetworkError, match="is ELU, and the first Act is tanh; set architecture=as-trained"):
        checked(file, "a[Conv-3x3x4, Act, Conv-3x3x4, Act]")
    assert checked(file, "a[Conv-3x3x4, Act, Conv-3x3x4, ELU]") == checked(file, AS_TRAINED) == "tanh"


def test_the_built_in_architecture_is_found_where_it_is_one(tmp_path: Path) -> None:
    file = tmp_path / "net.keras"
    build_network("cnn_3", (32, 32, 1), CLASSES, NetworkSpec(activation="elu"), seed=1).save(file)
    start = open_start(file)
    with pytest.raises(NetworkError, match=r"and cnn_5 has Conv-3x3x8 there; set architecture=as-trained\.$"):
        start.activation_for("cnn_5", AS_TRAINED)
    assert start.architecture_for(AS_TRAINED) == "cnn_3"
    assert start.architecture_for("cnn_5") == "cnn_5"
    assert start.activation_for("cnn_3", AS_TRAINED) == start.activation_for(AS_TRAINED, "elu") == "elu"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("net.h5", r"is an HDF5 file, .* save it as \.keras \(model\.save\('net\.keras'\)\)"),
        ("NET.HDF5", "is an HDF5 file"),
        ("net.weights.h5", r"holds weights without their layers; save it as \.keras .*, the whole model"),
        ("net.keras", "is an HDF5 file, the former format of Keras, whatever its name"),
        ("net.pt", r"is a file of PyTorch; build the same network in Keras, .* save it as \.keras"),
        ("net.pth", "is a file of PyTorch"),
        ("net.onnx", "is a file of ONNX"),
        ("net.tflite", "is a file of TensorFlow Lite"),
        ("net", r"its name does not end with \.keras"),
    ],
)
def test_other_formats_are_to_be_saved_as_keras(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(NetworkError, match=reason):
        open_start(tmp_path / name)


def test_folders_and_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="it is a folder"):
        open_start(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(NetworkError, match=r"it is a SavedModel; load it in Keras and save it as \.keras"):
        open_start(tmp_path)
    for file in (tmp_path / "none.keras", tmp_path / "none.h5", Path("\0")):
        with pytest.raises(NetworkError, match="it does not exist"):
            open_start(file)


def test_weights_that_are_not_those_described_are_not_taken(tmp_path: Path) -> None:
    """The description of one file with the weights of another, as no program writes it."""
    described = saved(lambda: chain(conv(), relu(), *end()), tmp_path)
    config = zipfile.ZipFile(described).read("config.json")
    other = saved(lambda: chain(conv(), layers.BatchNormalization(), relu(), *end()), tmp_path)
    weights = zipfile.ZipFile(other).read("model.weights.h5")
    with zipfile.ZipFile(tmp_path / "mixed.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights)
    network = build_network(CONV, SHAPE, CLASSES, NetworkSpec(), seed=5)
    with pytest.raises(NetworkError, match="its weights are not those of its layers; load it in Keras 3"):
        load_weights(network, tmp_path / "mixed.keras", CONV, "relu")


def test_what_acted_in_training_alone_is_named(tmp_path: Path) -> None:
    parts = (
        conv(trainable=False, name="eyes"),
        relu(),
        layers.GaussianDropout(0.5, name="drop"),
        *end(kernel_constraint="non_neg", name="d"),
    )
    started = open_start(saved(lambda: chain(*parts), tmp_path))
    *_, warning = started.warnings(None, DataSpec(), INFO)
    assert warning.endswith("trained: eyes (trainable=False), drop (GaussianDropout), d (kernel_constraint).")
