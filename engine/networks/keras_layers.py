"""The layers of Keras that layers of a network stand for, with their initial values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.config.specs import NetworkSpec
from engine.networks.layers import (
    Act,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    Dropout,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    MaxPool,
    Shape,
    Skip,
    SpatialDropout,
)

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class _Place:
    """Where a layer is built."""

    name: str
    input_shape: Shape
    spec: NetworkSpec
    kernel_seed: int
    bias_seed: int


def keras_layers(
    layer: Layer, name: str, input_shape: Shape, spec: NetworkSpec, kernel_seed: int, bias_seed: int
) -> list[keras.layers.Layer]:
    """Return what computes ``layer`` in Keras.

    It is one layer named ``name``; before a dense layer that has an image as input there is another one, which flattens
    the image.

    Args:
        layer: the layer; a ``Skip`` stands for its sum alone.
        name: its name.
        input_shape: without the batch.
        spec: activation and initialisation.
        kernel_seed: determines the initial weights.
        bias_seed: determines the initial biases.
    """
    built: keras.layers.Layer = _BUILDERS[type(layer)](layer, _Place(name, input_shape, spec, kernel_seed, bias_seed))
    if isinstance(layer, Dense) and len(input_shape) > 1:
        from keras import layers

        return [layers.Flatten(name=f"flatten_{name}"), built]
    return [built]


def _conv(layer: Conv, place: _Place) -> keras.layers.Layer:
    from keras import layers

    initial = _initializers(place, layer.height * layer.width * place.input_shape[2])
    settings = {"strides": layer.stride, "padding": layer.padding, "use_bias": layer.bias, "name": place.name}
    penalty = _penalty(layer.l2)
    size = (layer.height, layer.width)
    return layers.Conv2D(layer.filters, size, kernel_regularizer=penalty, **settings, **initial)


def _depthwise_conv(layer: DepthwiseConv, place: _Place) -> keras.layers.Layer:
    from keras import initializers, layers

    initial = _initializers(place, layer.height * layer.width)
    kernel = initial.pop("kernel_initializer")
    if place.spec.initializer == "course":  # Keras would take the fan-in of all channels
        limit = 1 / math.sqrt(layer.height * layer.width)
        kernel = initializers.RandomUniform(-limit, limit, seed=place.kernel_seed)
    settings = {"strides": layer.stride, "padding": layer.padding, "use_bias": layer.bias, "name": place.name}
    penalty = _penalty(layer.l2)
    size = (layer.height, layer.width)
    return layers.DepthwiseConv2D(
        size, depthwise_initializer=kernel, depthwise_regularizer=penalty, **settings, **initial
    )


def _dense(layer: Dense, place: _Place) -> keras.layers.Layer:
    from keras import layers

    initial = _initializers(place, math.prod(place.input_shape))
    penalty = _penalty(layer.l2)
    return layers.Dense(layer.units, use_bias=layer.bias, kernel_regularizer=penalty, name=place.name, **initial)


def _max_pool(layer: MaxPool, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.MaxPooling2D(layer.size, layer.strides, layer.padding, name=place.name)


def _avg_pool(layer: AvgPool, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.AveragePooling2D(layer.size, layer.strides, layer.padding, name=place.name)


def _global_avg_pool(_layer: GlobalAvgPool, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.GlobalAveragePooling2D(name=place.name)


def _batch_norm(layer: BatchNorm, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon, name=place.name)


def _layer_norm(layer: LayerNorm, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.LayerNormalization(epsilon=layer.epsilon, name=place.name)


def _dropout(layer: Dropout, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.Dropout(layer.rate, seed=place.kernel_seed, name=place.name)


def _spatial_dropout(layer: SpatialDropout, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.SpatialDropout2D(layer.rate, seed=place.kernel_seed, name=place.name)


def _activation(layer: Act, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.Activation(layer.name or place.spec.activation, name=place.name)


def _sum(_layer: Skip, place: _Place) -> keras.layers.Layer:
    from keras import layers

    return layers.Add(name=place.name)


_BUILDERS: dict[type[Layer], Callable[[Any, _Place], keras.layers.Layer]] = {
    Conv: _conv,
    DepthwiseConv: _depthwise_conv,
    Dense: _dense,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    GlobalAvgPool: _global_avg_pool,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    Dropout: _dropout,
    SpatialDropout: _spatial_dropout,
    Act: _activation,
    Skip: _sum,
}


def _initializers(place: _Place, fan_in: int) -> dict[str, Any]:
    """Return Keras' initialiser arguments for kernel and bias.

    ``course`` is PyTorch's default, uniform in ±1/sqrt(fan_in) for both: variance scaling by 1/3 has the limit
    sqrt(3 * (1/3) / fan_in), which is the same. Keras doesn't know a bias' fan-in, so its limit is given explicitly.
    """
    from keras import initializers

    if place.spec.initializer == "keras":
        return {"kernel_initializer": initializers.GlorotUniform(seed=place.kernel_seed), "bias_initializer": "zeros"}
    limit = 1 / math.sqrt(fan_in)
    return {
        "kernel_initializer": initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=place.kernel_seed),
        "bias_initializer": initializers.RandomUniform(-limit, limit, seed=place.bias_seed),
    }


def _penalty(l2: float) -> keras.regularizers.Regularizer | None:
    from keras import regularizers

    return regularizers.L2(l2) if l2 else None
