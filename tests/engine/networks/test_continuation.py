"""engine.networks.continuation: networks built with Keras are carried over exactly, or refused by name."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from engine.config.specs import DataSpec, NetworkSpec
from engine.networks.architectures import build_network
from engine.networks.continuation import AS_TRAINED, open_start
from engine.training.trainer import load_weights
from engine.utils.errors import NetworkError
from tests.engine.support import INFO

SHAPE = (8, 8, 1)
CLASSES = 10
Build = Callable[[], keras.Model]


def chain(*parts: keras.layers.Layer, shape: tuple[int | None, ...] = SHAPE, **settings: Any) -> keras.Sequential:
    return keras.Sequential([keras.Input(shape, **settings), *parts])


def conv(**settings: Any) -> keras.layers.Layer:
    return layers.Conv2D(4, 3, **settings)


def relu() -> keras.layers.Layer:
    return layers.Activation("relu")


def end(**settings: Any) -> list[keras.layers.Layer]:
    return [layers.Flatten(), layers.Dense(CLASSES, **settings)]


def functional(training: bool | None = None) -> keras.Model:
    image = keras.Input(SHAPE)
    hidden = layers.Dropout(0.5)(conv(activation="relu")(image), training=training)
    return keras.Model(image, layers.Dense(CLASSES)(layers.Flatten()(hidden)))


def residual() -> keras.Model:
    image = keras.Input(SHAPE)
    added = layers.Add(name="shortcut")([layers.Conv2D(1, 1)(image), image])
    return keras.Model(image, layers.Dense(CLASSES)(layers.Flatten()(added)))


def built_by_a_call() -> keras.Model:
    network = keras.Sequential([conv(), relu(), *end()])
    network(np.zeros((1, *SHAPE), np.float32))
    return network


def compiled() -> keras.Model:
    network = chain(conv(), relu(), *end())
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


class OwnClass(keras.Model):
    """A model that only its own program can build."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten, self.dense = end()

    def call(self, images: Any) -> Any:
        return self.dense(self.flatten(images))


def own_class() -> keras.Model:
    network = OwnClass()
    network(np.zeros((1, *SHAPE), np.float32))
    return network


CONV = "a[Conv-3x3x4, Act]"
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
    "Dropout": (lambda: chain(conv(), relu(), layers.Dropout(0.5), *end()), CONV, "relu"),
    "regularised": (lambda: chain(conv(kernel_regularizer="l2"), relu(), *end()), CONV, "relu"),
    "frozen": (lambda: chain(conv(trainable=False), relu(), *end()), CONV, "relu"),
    "names of their own": (lambda: chain(conv(name="eyes"), relu(), *end(name="mouth")), CONV, "relu"),
    "fixed batch": (lambda: chain(conv(), relu(), *end(), batch_size=4), CONV, "relu"),
    "compiled": (compiled, CONV, "relu"),
    "built by a call": (built_by_a_call, CONV, "relu"),
    "functional chain": (functional, CONV, "relu"),
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
}

KIND = "is of a kind that networks here do not have; "
REFUSED: dict[str, tuple[Build, str]] = {
    "BatchNormalization": (
        lambda: chain(conv(), layers.BatchNormalization(name="bn"), relu(), *end()),
        rf"its layer 'bn' \(BatchNormalization\) {KIND}choose a network of Conv2D",
    ),
    "Rescaling": (
        lambda: chain(layers.Rescaling(1 / 255), conv(), relu(), *end()),
        rf"\(Rescaling\) {KIND}save the network without that layer and choose the normalization",
    ),
    "Normalization": (
        lambda: chain(layers.Normalization(mean=0.5, variance=0.25), conv(), relu(), *end()),
        rf"\(Normalization\) {KIND}save",
    ),
    "AveragePooling": (
        lambda: chain(conv(), relu(), layers.AveragePooling2D(2), *end()),
        rf"\(AveragePooling2D\) {KIND}",
    ),
    "GlobalAveragePooling": (
        lambda: chain(conv(), relu(), layers.GlobalAveragePooling2D(), *end()[1:]),
        rf"\(GlobalAveragePooling2D\) {KIND}",
    ),
    "DepthwiseConv": (lambda: chain(layers.DepthwiseConv2D(3), relu(), *end()), rf"\(DepthwiseConv2D\) {KIND}"),
    "PReLU": (lambda: chain(conv(), layers.PReLU(), *end()), rf"\(PReLU\) {KIND}"),
    "Reshape": (lambda: chain(layers.Reshape(SHAPE), conv(), relu(), *end(), shape=(64,)), rf"\(Reshape\) {KIND}"),
    "augmentation": (lambda: chain(layers.RandomFlip(), conv(), relu(), *end()), rf"\(RandomFlip\) {KIND}"),
    "Lambda": (lambda: chain(layers.Lambda(lambda x: x / 2), conv(), relu(), *end()), rf"\(Lambda\) {KIND}"),
    "nested": (lambda: chain(chain(conv(), relu()), *end()), rf"\(Sequential\) {KIND}"),
    "padding": (lambda: chain(conv(padding="same"), relu(), *end()), r"\(Conv2D\) has padding='same', and networks"),
    "strides": (lambda: chain(conv(strides=2), relu(), *end()), r"\(Conv2D\) has strides=\[2, 2\], and networks"),
    "dilation": (lambda: chain(conv(dilation_rate=2), relu(), *end()), r"\(Conv2D\) has dilation_rate=\[2, 2\]"),
    "groups": (lambda: chain(conv(), conv(groups=2), relu(), *end()), r"\(Conv2D\) has groups=2"),
    "convolution without bias": (lambda: chain(conv(use_bias=False), relu(), *end()), r"\(Conv2D\) has use_bias=False"),
    "last layer without bias": (lambda: chain(conv(), relu(), *end(use_bias=False)), r"last layer .* has no bias"),
    "pooling with overlap": (
        lambda: chain(conv(), relu(), layers.MaxPooling2D(2, strides=1), *end()),
        r"\(MaxPooling2D\) has pool_size=\(2, 2\) and strides=\[1, 1\]",
    ),
    "padded pooling": (
        lambda: chain(conv(), relu(), layers.MaxPooling2D(2, padding="same"), *end()),
        r"\(MaxPooling2D\) has padding='same'",
    ),
    "ReLU with a maximum": (lambda: chain(conv(), layers.ReLU(6), *end()), r"\(ReLU\) has max_value=6"),
    "LeakyReLU as Keras has it": (lambda: chain(conv(), layers.LeakyReLU(), *end()), r"\(LeakyReLU\) has .*slope=0\.3"),
    "unknown activation": (lambda: chain(conv(activation="mish"), *end()), "has the activation 'mish'"),
    "written activation": (lambda: chain(conv(activation=lambda x: 2 * x), *end()), "has an activation of its own"),
    "softmax inside": (lambda: chain(conv(activation="softmax"), *end()), "has a softmax that is not at the end"),
    "sigmoid at the end": (lambda: chain(conv(), relu(), *end(activation="sigmoid")), "its last layer .* is Sigmoid"),
    "no dense layer": (lambda: chain(conv(), relu(), layers.Flatten()), "its last layer .* is ReLU"),
    "dense layer on pixels": (
        lambda: chain(conv(), relu(), layers.Dense(10, name="each"), layers.Flatten()),
        r"'each' \(Dense\) is applied to each pixel",
    ),
    "nothing hidden": (lambda: chain(*end()), "it has no layer before its last one"),
    "mixed precision": (
        lambda: chain(conv(dtype="mixed_float16"), relu(), *end()),
        r"\(Conv2D\) computes in mixed_float16, and networks here in float32; build it",
    ),
    "double precision": (lambda: chain(conv(), relu(), *end(dtype="float64")), r"\(Dense\) computes in float64"),
    "bytes": (lambda: chain(conv(), relu(), *end(), dtype="uint8"), "its input .* takes uint8, and images here are"),
    "any size": (
        lambda: chain(conv(), relu(), layers.GlobalMaxPooling2D(), *end()[1:], shape=(None, None, 1)),
        "has no fixed size of images",
    ),
    "two paths": (residual, r"its layer 'shortcut' \(Add\) has another input than the output of the layer before"),
    "dropout that stays on": (lambda: functional(training=True), "have inputs other than the output"),
    "a class of its own": (own_class, "it is a OwnClass, and only a Sequential or functional model can be read"),
    "other activation": (lambda: chain(conv(activation="tanh"), relu(), *end()), r"set architecture='a\[Conv-3x3x4, T"),
    "more layers": (lambda: chain(conv(), relu(), layers.MaxPooling2D(2), *end()), "is MaxPool-2x2, and a has none"),
    "fewer layers": (lambda: chain(conv(), *end()), "it has no layer where a has Act; set architecture='a"),
    "other kernel": (
        lambda: chain(layers.Conv2D(4, (1, 3), name="c"), relu(), *end()),
        "'c' is Conv-3x1x4, and a has Conv-3x3x4 there; set architecture='a\\[Conv-3x1x4, ReLU\\]'",
    ),
    "other size of images": (
        lambda: chain(conv(), relu(), *end(), shape=(9, 9, 1)),
        "images of 9x9 with 1 channel, and those of Digits are 8x8 with 1 channel; set image_size=9",
    ),
    "colour": (lambda: chain(conv(), relu(), *end(), shape=(8, 8, 3)), "with 3 channels, .*; set grayscale=false"),
    "other classes": (
        lambda: chain(conv(), relu(), layers.Flatten(), layers.Dense(3)),
        "it tells 3 classes apart, and Digits has 10; choose a data set with as many",
    ),
}


def saved(build: Build, folder: Path) -> Path:
    keras.utils.set_random_seed(1)
    file = folder / "net.keras"
    build().save(file)
    return file


def checked(file: Path, architecture: str = CONV, activation: str = AS_TRAINED) -> str:
    """Check all that is known before training; return the activation."""
    start = open_start(file)
    start.check_data(SHAPE, CLASSES, "Digits")
    return start.activation_for(architecture, activation)


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


def test_a_suffix_in_capitals_is_one_too(tmp_path: Path) -> None:
    file = saved(lambda: chain(conv(), relu(), *end()), tmp_path)
    capitals = file.rename(tmp_path / "NET.KERAS")
    network = build_network(CONV, SHAPE, CLASSES, NetworkSpec(), seed=5)
    load_weights(network, capitals, CONV, "relu")
    source = keras.saving.load_model(capitals.rename(file), compile=False)
    for loaded, expected in zip(network.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, expected)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_what_differs_is_refused_by_name(tmp_path: Path, name: str) -> None:
    build, reason = REFUSED[name]
    file = saved(build, tmp_path)
    with pytest.raises(NetworkError, match=reason) as refused:
        checked(file)
    sentence = str(refused.value)
    assert sentence.startswith(f"Training can't be continued from {file}: its") or "net.keras: it" in sentence
    assert sentence.count("; ") == 1
    assert sentence.endswith(".")


def test_another_activation_than_the_networks_is_refused_and_its_own_is_taken(tmp_path: Path) -> None:
    file = saved(lambda: chain(conv(activation="tanh"), *end()), tmp_path)
    assert checked(file, activation="tanh") == "tanh"
    with pytest.raises(NetworkError, match="is Tanh, and the setting activation is relu; set activation=as-trained"):
        checked(file, activation="relu")
    with pytest.raises(NetworkError, match=r"is Tanh, and a has ReLU there; set architecture='a\[Conv-3x3x4, Tanh\]'"):
        checked(file, "a[Conv-3x3x4, ReLU]")


def test_two_activations_are_not_one(tmp_path: Path) -> None:
    file = saved(lambda: chain(conv(activation="tanh"), conv(activation="elu"), *end()), tmp_path)
    with pytest.raises(NetworkError, match=r"is ELU, and the first Act is tanh; set architecture='a\[Conv.*, ELU\]'"):
        checked(file, "a[Conv-3x3x4, Act, Conv-3x3x4, Act]")
    assert checked(file, "a[Conv-3x3x4, Act, Conv-3x3x4, ELU]") == "tanh"


def test_the_built_in_architecture_is_named_where_it_is_one(tmp_path: Path) -> None:
    file = tmp_path / "net.keras"
    build_network("cnn_3", (32, 32, 1), CLASSES, NetworkSpec(activation="elu"), seed=1).save(file)
    with pytest.raises(NetworkError, match=r"and cnn_5 has Conv-3x3x8 there; set architecture=cnn_3\.$"):
        open_start(file).activation_for("cnn_5", AS_TRAINED)
    assert open_start(file).activation_for("cnn_3", AS_TRAINED) == "elu"


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


def test_a_setting_that_is_not_known_is_refused(tmp_path: Path) -> None:
    file = saved(lambda: chain(conv(), relu(), *end()), tmp_path)
    members = {name: zipfile.ZipFile(file).read(name) for name in zipfile.ZipFile(file).namelist()}
    description = json.loads(members["config.json"])
    description["config"]["layers"][1]["config"]["twist"] = 3
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (members | {"config.json": json.dumps(description)}).items():
            archive.writestr(name, content)
    with pytest.raises(NetworkError, match=r"\(Conv2D\) has twist=3, which is not known here"):
        open_start(file)


def test_what_acted_in_training_alone_is_named(tmp_path: Path) -> None:
    parts = (
        conv(trainable=False, name="eyes"),
        relu(),
        layers.Dropout(0.5, name="drop"),
        *end(kernel_constraint="non_neg", name="d"),
    )
    started = open_start(saved(lambda: chain(*parts), tmp_path))
    *_, warning = started.warnings(None, DataSpec(), INFO)
    assert warning.endswith("trained: eyes (trainable=False), drop (Dropout), d (kernel_constraint).")
