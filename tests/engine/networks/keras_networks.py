"""Networks as they are built with Keras, and their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from engine.networks.comparison import AS_TRAINED
from engine.networks.continuation import open_start

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


def ended(image: Any, hidden: Any) -> keras.Model:
    return keras.Model(image, layers.Dense(CLASSES)(layers.Flatten()(hidden)))


def residual() -> keras.Model:
    image = keras.Input(SHAPE)
    return ended(image, layers.Add(name="shortcut")([layers.Conv2D(1, 1)(image), image]))


def residual_block(x: Any, filters: int, stride: int = 1) -> Any:
    """As in a ResNet of keras.applications."""
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = layers.BatchNormalization(axis=3)(layers.Conv2D(filters, 1, strides=stride)(x))
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, kernel_regularizer=L2)(x)
    x = layers.BatchNormalization(axis=3, epsilon=1.001e-5)(x)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_regularizer=L2)(x)
    x = layers.BatchNormalization(axis=3, epsilon=1.001e-5)(x)
    return layers.ReLU()(layers.Add()([shortcut, x]))


def resnet() -> keras.Model:
    image = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = residual_block(residual_block(x, 4), 6, stride=2)
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def separable(x: Any, stride: int) -> Any:
    """As in a MobileNet of keras.applications."""
    x = layers.DepthwiseConv2D(3, padding="same", strides=stride, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(5, 1, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def mobilenet() -> keras.Model:
    image = keras.Input(SHAPE)
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(separable(separable(image, 1), 2)))
    return keras.Model(image, layers.Softmax()(layers.Dense(CLASSES)(x)))


def nested_sums() -> keras.Model:
    image = keras.Input(SHAPE)
    first = layers.Conv2D(3, 3, padding="same")(image)
    inner = layers.Conv2D(3, 1)(first) + first
    outer = layers.Add()([layers.LayerNormalization()(inner), layers.SpatialDropout2D(0.2)(layers.Conv2D(3, 1)(image))])
    return ended(image, outer)


def dense_sum() -> keras.Model:
    image = keras.Input(SHAPE)
    x = layers.Dense(6, activation="gelu")(layers.Flatten()(image))
    x = layers.Add()([layers.BatchNormalization()(layers.Dense(6)(x)), x])
    return keras.Model(image, layers.Dense(CLASSES)(x))


def crossed() -> keras.Model:
    """The output of a layer is used in two blocks that overlap."""
    image = keras.Input(SHAPE)
    one = layers.Conv2D(1, 1, name="one")(image)
    two = layers.Add()([layers.Conv2D(1, 1)(one), image])
    return ended(image, layers.Add()([layers.Conv2D(1, 1)(two), one]))


def joined(join: keras.layers.Layer) -> keras.Model:
    image = keras.Input(SHAPE)
    return ended(image, join([conv()(image), conv()(image)]))


def shared() -> keras.Model:
    image, layer = keras.Input(SHAPE), layers.Conv2D(1, 1, name="twice")
    return ended(image, layer(layer(image)))


def two_inputs() -> keras.Model:
    images = [keras.Input(SHAPE), keras.Input(SHAPE)]
    return ended(images, layers.Add()(images))


def two_outputs() -> keras.Model:
    image = keras.Input(SHAPE)
    hidden = layers.Flatten()(image)
    return keras.Model(image, [layers.Dense(2)(hidden), layers.Dense(3)(hidden)])


def flattened_sum() -> keras.Model:
    image = keras.Input((1, 1, 3))
    added = layers.Add(name="both")([layers.Flatten()(layers.Conv2D(3, 1)(image)), image])
    return ended(image, added)


def norm_flat() -> keras.Model:
    return chain(conv(), layers.Flatten(), layers.BatchNormalization(name="bn"), layers.Dense(CLASSES))


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


L2 = keras.regularizers.L2(5e-4)
CONV = "a[Conv-3x3x4, Act]"


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


def with_other_statistics(network: keras.Model) -> keras.Model:
    """Give all weights, and the moving averages, values unlike those at the start of a training."""
    random = np.random.default_rng(4)
    network.set_weights([random.uniform(0.2, 0.8, values.shape) for values in network.get_weights()])
    return network
