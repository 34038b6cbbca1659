"""The settings of a described layer, and the layer here that does the same.

Every setting is read, has the one value that layers here have, or does not change what the layer computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from engine.config.specs import Activation
from engine.networks.description.graph import ADD, Node
from engine.networks.description.saved import UnfitError
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
    SpatialDropout,
)
from engine.utils.text import safe_repr

MAX_LAYER_SIZE = 65_536  # units, filters or side of a layer

SOFTMAX = "softmax"

# Layers that pass on their input unchanged in a network that is not being trained, and are left out.
_TRAINING_LAYERS = {
    "GaussianDropout": {"rate", "seed"},
    "GaussianNoise": {"stddev", "seed"},
    "AlphaDropout": {"rate", "seed", "noise_shape"},
    "ActivityRegularization": {"l1", "l2"},
}
# Settings that are read into a layer, and those that must have the given value.
_READ: Mapping[str, set[str]] = {
    "Conv2D": {"filters", "kernel_size", "strides", "padding", "use_bias", "activation"},
    "DepthwiseConv2D": {"kernel_size", "strides", "padding", "use_bias", "activation"},
    "Dense": {"units", "use_bias", "activation"},
    "MaxPooling2D": {"pool_size", "strides", "padding"},
    "AveragePooling2D": {"pool_size", "strides", "padding"},
    "BatchNormalization": {"axis", "momentum", "epsilon", "renorm_momentum"},
    "LayerNormalization": {"axis", "epsilon"},
    "Dropout": {"rate", "seed"},
    "SpatialDropout2D": {"rate", "seed"},
    "Activation": {"activation"},
    **_TRAINING_LAYERS,
}
_LAST = {"data_format": "channels_last"}
_REQUIRED: Mapping[str, dict[str, Any]] = {
    "Conv2D": {**_LAST, "dilation_rate": [1, 1], "groups": 1},
    "DepthwiseConv2D": {**_LAST, "dilation_rate": [1, 1], "depth_multiplier": 1},
    "MaxPooling2D": _LAST,
    "AveragePooling2D": _LAST,
    "GlobalAveragePooling2D": {**_LAST, "keepdims": False},
    "BatchNormalization": {"center": True, "scale": True},
    "LayerNormalization": {"center": True, "scale": True},
    "SpatialDropout2D": _LAST,
    "Flatten": _LAST,
    ADD: {},
    "ReLU": {"max_value": None, "negative_slope": 0, "threshold": 0},
    "LeakyReLU": {"negative_slope": 0.2},  # that of the activation leaky_relu; the layer's own default is 0.3
    "ELU": {"alpha": 1},
    "Softmax": {"axis": -1},
}
# As required, where versions of Keras do not write them.
_REQUIRED_IF_WRITTEN: Mapping[str, dict[str, Any]] = {
    "BatchNormalization": {"synchronized": False, "renorm": False},
    "LayerNormalization": {"rms_scaling": False},
    "Dropout": {"noise_shape": None},
}
_ACTIVATION_LAYERS: Mapping[str, Activation] = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu"}
_PENALTIES = {"Conv2D": "kernel_regularizer", "Dense": "kernel_regularizer", "DepthwiseConv2D": "depthwise_regularizer"}
# Settings that matter only while a network is trained.
_TRAINING_SUFFIXES = ("_regularizer", "_constraint")
_COMMON = {"name", "trainable", "dtype"}

KNOWN = {*_READ, *_REQUIRED}


def layers_of(node: Node) -> list[Layer | str]:
    """Return the layer that a node describes and its activation, or nothing where it does not compute.

    Raises:
        UnfitError: if nothing here does the same.
    """
    _check_settings(node.name, node.kind, node.config)
    name, kind, config = node.name, node.kind, node.config
    if kind == "Flatten" or kind in _TRAINING_LAYERS:
        return []
    found = _weighted(node) or _pooling(node) or _regularizing(node)
    if found is not None:
        return [found, *_activation(name, config.get("activation"))]
    match kind:
        case "GlobalAveragePooling2D":
            return [GlobalAvgPool()]
        case "Activation":
            return _activation(name, config.get("activation"))
        case "Softmax":
            return [SOFTMAX]
        case _ if kind in _ACTIVATION_LAYERS:
            return [Act(_ACTIVATION_LAYERS[kind])]
    raise UnfitError(f"its layer {node.label} is not described as Keras describes it")


def training_settings(node: Node) -> Iterator[str]:
    """Yield what acts only while the network is trained, and is not known here."""
    name, kind, config = node.name, node.kind, node.config
    if kind in _TRAINING_LAYERS:
        yield f"{name} ({kind})"
    if config.get("trainable") is False:
        yield f"{name} (trainable=False)"
    if node.is_frozen and kind == "BatchNormalization":
        yield f"{name} (training=False)"
    for key, value in config.items():
        is_known = key == _PENALTIES.get(kind) and _squared(value) is not None
        if value is not None and key.endswith(_TRAINING_SUFFIXES) and not is_known:
            yield f"{name} ({key})"


def _check_settings(name: str, kind: str, config: Mapping[str, Any]) -> None:
    """Check every setting that is not read, as an unknown one may change what the layer computes.

    Raises:
        UnfitError: if one differs.
    """
    required, if_written = _REQUIRED.get(kind, {}), _REQUIRED_IF_WRITTEN.get(kind, {})
    for key, value in (required | if_written).items():
        if config.get(key, ...) != value and (key in required or key in config):
            raise UnfitError(
                f"its layer '{name}' ({kind}) has {key}={safe_repr(config.get(key))}, and networks here have "
                f"{key}={value!r}"
            )
    policy = _dtype_name(config.get("dtype"))
    if policy != "float32":
        raise UnfitError(
            f"its layer '{name}' ({kind}) computes in {policy}, and networks here in float32",
            "build it in Keras with the policy float32, copy its weights, and save it again",
        )
    known = {*_COMMON, *required, *if_written, *_READ.get(kind, ())}
    for key, value in config.items():
        is_initial = key.endswith(("_initializer", *_TRAINING_SUFFIXES))
        if key not in known and value is not None and not is_initial:
            raise UnfitError(f"its layer '{name}' ({kind}) has {key}={safe_repr(value)}, which is not known here")


def _dtype_name(policy: Any) -> str:
    match policy:
        case None:
            return "float32"
        case str():
            return policy
        case {"class_name": "DTypePolicy", "config": {"name": str(name)}}:
            return name
    return "a type of its own"


def _weighted(node: Node) -> Layer | None:
    """Return a convolution or dense layer; None if it is none as Keras describes it."""
    config, kind = node.config, node.kind
    l2 = _squared(config.get(_PENALTIES.get(kind, ""))) or 0.0
    match config:
        case {"units": int(units), "use_bias": bool(bias)} if kind == "Dense":
            return Dense(_size(units), bias, l2)
        case {"kernel_size": [int(height), int(width)], "padding": "valid" | "same" as padding, "use_bias": bool(bias)}:
            side = _size(height), _size(width)
            stride = _equal(node, "strides")
            if kind == "DepthwiseConv2D":
                return DepthwiseConv(*side, padding, stride, bias, l2)
            if kind == "Conv2D" and isinstance(filters := config.get("filters"), int):
                return Conv(*side, _size(filters), padding, stride, bias, l2)
    return None


def _pooling(node: Node) -> Layer | None:
    """Return a pooling layer; None if it is none as Keras describes it."""
    kinds: dict[str, type[MaxPool | AvgPool]] = {"MaxPooling2D": MaxPool, "AveragePooling2D": AvgPool}
    padding = node.config.get("padding")
    if node.kind not in kinds or padding not in ("valid", "same"):
        return None
    size, stride = _equal(node, "pool_size"), _equal(node, "strides")
    return kinds[node.kind](size, stride if stride != size else None, padding)


def _regularizing(node: Node) -> Layer | None:
    """Return a normalisation or dropout; None if it is none as Keras describes it."""
    match node.kind, node.config:
        case "BatchNormalization", {"momentum": int() | float() as momentum, "epsilon": int() | float() as epsilon}:
            return BatchNorm(float(momentum), float(epsilon))
        case "LayerNormalization", {"epsilon": int() | float() as epsilon}:
            return LayerNorm(float(epsilon))
        case "Dropout", {"rate": int() | float() as rate}:
            return Dropout(float(rate))
        case "SpatialDropout2D", {"rate": int() | float() as rate}:
            return SpatialDropout(float(rate))
    return None


def _equal(node: Node, key: str) -> int:
    """Return the setting ``key``, which must be two equal numbers.

    Raises:
        UnfitError: if it is something else.
    """
    match node.config.get(key):
        case [int(one), int(other)] if one == other:
            return _size(one)
    raise UnfitError(
        f"its layer {node.label} has {key}={safe_repr(node.config.get(key))}, and networks here have two equal numbers"
    )


def _squared(regularizer: Any) -> float | None:
    """Return the factor of a penalty on squared weights; None if it is another penalty."""
    match regularizer:
        case {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": float(l2), **others}} if not others:
            return l2
        case {"module": "keras.regularizers", "class_name": "L1L2", "config": {"l1": 0, "l2": float(l2)}}:
            return l2
    return None


def _activation(name: str, value: Any) -> list[Layer | str]:
    match value:
        case None | "linear":
            return []
        case "softmax":
            return [SOFTMAX]
        case "swish":  # the former name
            return [Act("silu")]
        case str() if value in get_args(Activation):
            return [Act(value)]  # type: ignore[arg-type]
        case {"module": "keras.layers", "class_name": str(kind), "config": dict(config)} if kind in _ACTIVATION_LAYERS:
            _check_settings(name, kind, config)
            return [Act(_ACTIVATION_LAYERS[kind])]
    what = f"the activation {value!r}" if isinstance(value, str) else "an activation of its own"
    raise UnfitError(f"its layer '{name}' has {what}, which networks here do not have")


def _size(value: int) -> int:
    if not 1 <= value <= MAX_LAYER_SIZE:
        raise UnfitError("it has layers of impossible sizes")
    return value
