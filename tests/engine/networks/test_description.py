"""engine.networks.description: networks of Keras are read as they are, or refused by the name of a layer."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from engine.config.specs import NetworkSpec
from engine.experiments.fields import normalize_architecture
from engine.networks.architectures import build_network
from engine.networks.comparison import AS_TRAINED
from engine.networks.continuation import open_start
from engine.networks.loading import load_weights
from engine.utils.errors import NetworkError
from tests.engine.networks.keras_networks import (
    CLASSES,
    SHAPE,
    Build,
    chain,
    checked,
    conv,
    crossed,
    dense_sum,
    end,
    flattened_sum,
    functional,
    joined,
    mobilenet,
    nested_sums,
    norm_flat,
    own_class,
    relu,
    residual,
    resnet,
    saved,
    shared,
    two_inputs,
    two_outputs,
    with_other_statistics,
)

_SAME = "same, no bias, L2 0.0005"
_BODY = f"Conv-3x3x4({_SAME}), BatchNorm(epsilon 1.001e-05)"
_WIDER = _BODY.replace("x4", "x6")
OWN: dict[str, tuple[Build, str]] = {
    "residual network": (
        resnet,
        f"Conv-3x3x4(same), ReLU, Skip[{_BODY}, ReLU, {_BODY}], ReLU, Skip[{_WIDER.replace('same', 'same, stride 2')}, "
        f"ReLU, {_WIDER} | Conv-1x1x6(stride 2), BatchNorm], ReLU, GlobalAvgPool",
    ),
    "separable convolutions": (
        mobilenet,
        "DepthwiseConv-3x3(same, no bias), BatchNorm, ReLU, Conv-1x1x5(same, no bias), BatchNorm, ReLU, "
        "DepthwiseConv-3x3(same, stride 2, no bias), BatchNorm, ReLU, Conv-1x1x5(same, no bias), BatchNorm, ReLU, "
        "GlobalAvgPool, Dropout-0.1",
    ),
    "sums in sums": (
        nested_sums,
        "Skip[Conv-3x3x3(same), Skip[Conv-1x1x3], LayerNorm | Conv-1x1x3, SpatialDropout-0.2]",
    ),
    "sums of dense layers": (dense_sum, "FC-6, GELU, Skip[FC-6, BatchNorm]"),
    "a convolution and the image": (residual, "Skip[Conv-1x1x1]"),
    "pooling": (
        lambda: chain(
            *(conv(), layers.MaxPooling2D(3, strides=2, padding="same"), layers.AveragePooling2D(2, 1), relu()),
            *(layers.AveragePooling2D(2, padding="same"), *end()),
        ),
        "Conv-3x3x4, MaxPool-3x3(same, stride 2), AvgPool-2x2(stride 1), ReLU, AvgPool-2x2(same)",
    ),
    "batch normalisation and dropout": (
        lambda: chain(
            *(conv(kernel_regularizer="l2"), layers.BatchNormalization(momentum=0.9), relu(), layers.Dropout(0.25)),
            *(layers.Flatten(), layers.Dense(5, activation="tanh"), layers.Dropout(0), layers.Dense(CLASSES)),
        ),
        "Conv-3x3x4(L2 0.01), BatchNorm(momentum 0.9), ReLU, Dropout-0.25, FC-5, Tanh",
    ),
}

KIND = "is of a kind that networks here do not have; "
REFUSED: dict[str, tuple[Build, str]] = {
    "Rescaling": (
        lambda: chain(layers.Rescaling(1 / 255), conv(), relu(), *end()),
        rf"\(Rescaling\) {KIND}save the network without that layer and choose the normalization",
    ),
    "Normalization": (
        lambda: chain(layers.Normalization(mean=0.5, variance=0.25), conv(), relu(), *end()),
        rf"\(Normalization\) {KIND}save",
    ),
    "PReLU": (lambda: chain(conv(), layers.PReLU(), *end()), rf"\(PReLU\) {KIND}"),
    "Reshape": (lambda: chain(layers.Reshape(SHAPE), conv(), relu(), *end(), shape=(64,)), rf"\(Reshape\) {KIND}"),
    "augmentation": (lambda: chain(layers.RandomFlip(), conv(), relu(), *end()), rf"\(RandomFlip\) {KIND}"),
    "Lambda": (lambda: chain(layers.Lambda(lambda x: x / 2), conv(), relu(), *end()), rf"\(Lambda\) {KIND}"),
    "nested": (lambda: chain(chain(conv(), relu()), *end()), rf"\(Sequential\) {KIND}"),
    "BatchNormalization on flat images": (
        norm_flat,
        r"its layer 'bn' \(BatchNormalization\) normalises something other than the channels",
    ),
    "BatchNormalization of rows": (
        lambda: chain(conv(), layers.BatchNormalization(axis=1), *end()),
        r"\(BatchNormalization\) normalises something other than the channels",
    ),
    "LayerNormalization of all": (
        lambda: chain(conv(), layers.LayerNormalization(axis=(1, 2, 3)), *end()),
        r"\(LayerNormalization\) normalises something other than the channels",
    ),
    "BatchNormalization without scale": (
        lambda: chain(conv(), layers.BatchNormalization(scale=False), *end()),
        r"\(BatchNormalization\) has scale=False, and networks here have scale=True",
    ),
    "synchronised": (
        lambda: chain(conv(), layers.BatchNormalization(synchronized=True), *end()),
        r"\(BatchNormalization\) has synchronized=True",
    ),
    "noise_shape": (
        lambda: chain(conv(), layers.Dropout(0.5, noise_shape=(None, 1, 1, 4)), *end()),
        r"\(Dropout\) has noise_shape=\[None, 1, 1, 4\]",
    ),
    "depth multiplier": (
        lambda: chain(layers.DepthwiseConv2D(3, depth_multiplier=2), *end()),
        r"\(DepthwiseConv2D\) has depth_multiplier=2",
    ),
    "strides": (
        lambda: chain(conv(strides=(1, 2)), relu(), *end()),
        r"\(Conv2D\) has strides=\[1, 2\], and networks here have two equal numbers",
    ),
    "pooling of rows": (
        lambda: chain(conv(), layers.MaxPooling2D((1, 2)), *end()),
        r"\(MaxPooling2D\) has pool_size=\[1, 2\], and networks here have two equal",
    ),
    "long stride": (
        lambda: chain(conv(strides=65), *end(), shape=(80, 80, 1)),
        r"the stride in 'Conv-3x3x4\(stride 65\)' must be from 1 to 64",
    ),
    "padding": (lambda: chain(layers.ZeroPadding2D(), conv(), *end()), rf"\(ZeroPadding2D\) {KIND}"),
    "Concatenate": (
        lambda: joined(layers.Concatenate(name="beside")),
        rf"its layer 'beside' \(Concatenate\) {KIND}",
    ),
    "product": (lambda: joined(layers.Multiply()), rf"\(Multiply\) {KIND}"),
    "three summands": (
        lambda: joined(lambda pair: layers.Add(name="three")([*pair, pair[0]])),
        r"its layer 'three' \(Add\) has other inputs than the output of two layers before it",
    ),
    "doubled": (
        lambda: joined(lambda pair: layers.Add(name="twofold")([pair[0], pair[0]])),
        r"its layer 'twofold' \(Add\) adds a value to itself",
    ),
    "a number added": (lambda: joined(lambda pair: pair[0] + 1), "have inputs other than the outputs"),
    "used elsewhere": (crossed, r"its layer 'one' \(Conv2D\) has an output that is used in several places"),
    "a layer used twice": (shared, "its layer 'twice' is used more than once"),
    "two inputs": (two_inputs, "it has not one input"),
    "two outputs": (two_outputs, "it has not one output"),
    "flat and not flat": (flattened_sum, r"its layer 'both' \(Add\) adds what is flattened to what is not"),
    "dilation": (lambda: chain(conv(dilation_rate=2), relu(), *end()), r"\(Conv2D\) has dilation_rate=\[2, 2\]"),
    "groups": (lambda: chain(conv(), conv(groups=2), relu(), *end()), r"\(Conv2D\) has groups=2"),
    "last layer without bias": (lambda: chain(conv(), relu(), *end(use_bias=False)), r"last layer .* has no bias"),
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
        lambda: chain(conv(), relu(), layers.GlobalAveragePooling2D(), *end()[1:], shape=(None, None, 1)),
        "has no fixed size of images",
    ),
    "dropout that stays on": (lambda: functional(training=True), "have inputs other than the output"),
    "a class of its own": (own_class, "it is a OwnClass, and only a Sequential or functional model can be read"),
    "other activation": (
        lambda: chain(conv(activation="tanh"), relu(), *end()),
        "is ReLU, and a has none there; set architecture=as-trained",
    ),
    "fewer layers": (lambda: chain(conv(), *end()), "it has no layer where a has Act; set architecture=as-trained"),
    "other kernel": (
        lambda: chain(layers.Conv2D(4, (1, 3), name="c"), relu(), *end()),
        "'c' is Conv-3x1x4, and a has Conv-3x3x4 there; set architecture=as-trained",
    ),
    "dropout that is not set": (
        lambda: chain(conv(), relu(), layers.Dropout(0.5, name="drop"), *end()),
        "its layer 'drop' is Dropout-0.5, and a has none there; set architecture=as-trained",
    ),
    "more layers": (lambda: chain(conv(), relu(), layers.MaxPooling2D(2), *end()), "is MaxPool-2x2, and a has none"),
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


@pytest.mark.parametrize("name", OWN)
def test_the_network_of_a_file_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    build, notation = OWN[name]
    file = saved(lambda: with_other_statistics(build()), tmp_path)
    start = open_start(file)
    architecture = start.architecture_for(AS_TRAINED)
    assert architecture == f"net[{notation}]"
    assert normalize_architecture(architecture) == architecture
    activation = start.activation_for(AS_TRAINED, AS_TRAINED)
    assert start.activation_for(architecture, AS_TRAINED) == activation
    network = build_network(architecture, SHAPE, CLASSES, NetworkSpec(activation=activation), seed=5)
    load_weights(network, file, architecture, activation)
    images = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype(np.float32)
    outputs = keras.saving.load_model(file, compile=False)(images, training=False).numpy()
    logits = network(images, training=False).numpy()
    found = keras.ops.softmax(logits).numpy() if start.network.has_softmax else logits
    np.testing.assert_allclose(found, outputs, rtol=1e-6, atol=1e-6)
    assert np.ptp(outputs) > 0.01


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_what_differs_is_refused_by_name(tmp_path: Path, name: str) -> None:
    build, reason = REFUSED[name]
    file = saved(build, tmp_path)
    with pytest.raises(NetworkError, match=reason) as refused:
        checked(file)
    sentence = str(refused.value)
    assert sentence.startswith(f"Training can't be continued from {file}: ")
    assert sentence.count("; ") == 1
    assert sentence.endswith(".")


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
