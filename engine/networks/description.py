"""Reading of the network that a .keras file describes, without building or running anything of it.

A description is taken only if it is a chain of layers that can be trained here, and means the same here: every setting
of a layer that changes its output must have the value that it has in ``engine.networks.architectures``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from engine.config.specs import Activation
from engine.networks.architectures import summarize_layers
from engine.networks.layers import Act, Conv, Dense, Layer, MaxPool, Shape
from engine.networks.notation import format_network
from engine.utils.errors import NetworkError
from engine.utils.text import safe_repr

MAX_LAYER_SIZE = 65_536  # units, filters or side of a layer
MAX_OUTPUTS = 2**30  # values per image and layer

KNOWN_LAYERS = "Conv2D, MaxPooling2D, Dense, Flatten, Dropout and activations"

# Layers that pass on their input unchanged in a network that is not being trained.
_TRAINING_LAYERS = {
    "Dropout": {"rate", "seed", "noise_shape"},
    "SpatialDropout2D": {"rate", "seed", "noise_shape", "data_format"},
    "GaussianDropout": {"rate", "seed"},
    "GaussianNoise": {"stddev", "seed"},
    "AlphaDropout": {"rate", "seed", "noise_shape"},
    "ActivityRegularization": {"l1", "l2"},
}
# Settings that are read into a layer, and those that must have the given value.
_READ: Mapping[str, set[str]] = {
    "Conv2D": {"filters", "kernel_size", "activation"},
    "Dense": {"units", "use_bias", "activation"},
    "MaxPooling2D": {"pool_size", "strides"},
    "Activation": {"activation"},
    **_TRAINING_LAYERS,
}
_REQUIRED: Mapping[str, dict[str, Any]] = {
    "Conv2D": {
        "strides": [1, 1],
        "padding": "valid",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "groups": 1,
        "use_bias": True,
    },
    "MaxPooling2D": {"padding": "valid", "data_format": "channels_last"},
    "Flatten": {"data_format": "channels_last"},
    "ReLU": {"max_value": None, "negative_slope": 0, "threshold": 0},
    "LeakyReLU": {"negative_slope": 0.2},  # that of the activation leaky_relu; the layer's own default is 0.3
    "ELU": {"alpha": 1},
    "Softmax": {"axis": -1},
}
_ACTIVATION_LAYERS: Mapping[str, Activation] = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu"}
_SOFTMAX = "softmax"
# Settings that matter only while a network is trained.
_TRAINING_SUFFIXES = ("_regularizer", "_constraint")
_COMMON = {"name", "trainable", "dtype"}

_INSTEAD = {
    "Rescaling": "save the network without that layer and choose the normalization that does the same",
    "Normalization": "save the network without that layer and choose the normalization that does the same",
}


class UnfitError(ValueError):
    """A file's network can't be trained here.

    Args:
        reason: why, as a clause.
        advice: what to do instead, as a clause.
    """

    def __init__(self, reason: str, advice: str = f"choose a network of {KNOWN_LAYERS} alone") -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True)
class SavedLayer:
    """A layer and its name in the file; an activation given as an argument has the name of its layer."""

    name: str
    layer: Layer


@dataclass(frozen=True)
class SavedNetwork:
    """The network of a file.

    Attributes:
        input_shape: of an image, without the batch: height, width and channels, or fewer.
        layers: those that compute, in order. The last is a ``Dense``, which gives the logits.
        has_softmax: whether the file's network turns its logits into probabilities.
        training_only: what acts only while a network is trained, such as ``dropout (Dropout)``.
    """

    input_shape: Shape
    layers: tuple[SavedLayer, ...]
    has_softmax: bool
    training_only: tuple[str, ...]

    @property
    def classes(self) -> int:
        """Number of logits."""
        last = self.layers[-1].layer
        return last.units if isinstance(last, Dense) else 0

    def takes(self, shape: Shape) -> bool:
        """Whether images of ``shape`` have the values that it takes, in the same order."""
        if len(self.input_shape) == 1:
            return self.input_shape == (math.prod(shape),)
        return shape in (self.input_shape, (*self.input_shape, 1))


@dataclass
class _Chain:
    """What was read so far."""

    is_flat: bool
    layers: list[SavedLayer] = field(default_factory=list)
    softmax: str | None = None  # name of the layer that has one
    training_only: list[str] = field(default_factory=list)

    def add(self, name: str, layer: Layer | str) -> None:
        """Append a layer.

        Raises:
            UnfitError: if nothing here does the same.
        """
        if self.softmax is not None:
            raise UnfitError(f"its layer '{self.softmax}' has a softmax that is not at the end")
        if isinstance(layer, str):
            self.softmax = name
            return
        if isinstance(layer, Dense) and not self.is_flat:
            raise UnfitError(f"its layer '{name}' (Dense) is applied to each pixel, as no Flatten comes before it")
        self.is_flat = self.is_flat or isinstance(layer, Dense)
        self.layers.append(SavedLayer(name, layer))


def read_description(description: Any) -> SavedNetwork:
    """Read the parsed ``config.json`` of a .keras file.

    Raises:
        UnfitError: naming the layer that nothing here does the same as.
    """
    first, *others = _chain_of(description)
    shape = _input_shape(first)
    chain = _Chain(is_flat=len(shape) == 1)
    for each in others:
        _read_layer(each, chain)
    last = chain.layers[-1] if chain.layers else None
    if last is None or not isinstance(last.layer, Dense):
        found = f"its last layer '{last.name}' is {format_network([last.layer])}" if last is not None else "it has none"
        raise UnfitError(f"{found}, and networks here end with a Dense layer, or the softmax of one")
    _check_sizes(chain.layers, shape)
    return SavedNetwork(shape, tuple(chain.layers), chain.softmax is not None, tuple(chain.training_only))


def _chain_of(description: Any) -> list[dict[str, Any]]:
    """Return the described layers in the order in which they are applied.

    Raises:
        UnfitError: if they are no chain.
    """
    match description:
        case {"class_name": "Sequential", "config": {"layers": [_, _, *_] as layers}}:
            return _checked(layers)
        case {"class_name": "Functional", "config": {"layers": [_, _, *_] as layers} as config}:
            layers = _checked(layers)
            names = [each["config"]["name"] for each in layers]
            for source, each in zip([[], *([name] for name in names)], layers, strict=False):
                if _names_in(each.get("inbound_nodes")) != source:
                    raise UnfitError(f"its layer {_label(each)} has another input than the output of the layer before")
            if [_names_in(config.get(key)) for key in ("input_layers", "output_layers")] != [names[:1], names[-1:]]:
                raise UnfitError("it has other inputs or outputs than its first and last layer")
            return layers
        case {"class_name": str(name)}:
            raise UnfitError(f"it is a {name}, and only a Sequential or functional model can be read")
    raise UnfitError("it describes no network")


def _label(described: dict[str, Any]) -> str:
    return f"'{described['config']['name']}' ({described['class_name']})"


def _checked(layers: Sequence[Any]) -> list[dict[str, Any]]:
    for each in layers:
        match each:
            case {"module": str(), "class_name": str(), "config": {"name": str()}}:
                pass
            case _:
                raise UnfitError("its layers are not described as Keras describes them")
    return list(layers)


def _names_in(history: Any) -> list[str]:
    """Return the names of the layers whose outputs are referred to, one for each reference.

    Raises:
        UnfitError: if there are values other than those outputs, such as ``training=True``.
    """
    match history:
        case None | False | []:
            return []
        case [str(name), int(), int()]:
            return [name]
        case {"class_name": "__keras_tensor__", "config": {"keras_history": found}}:
            return _names_in(found)
        case {"args": args, "kwargs": dict(keywords)}:
            return [*_names_in(args), *_names_in(list(keywords.values()))]
        case [*items]:
            return [name for item in items for name in _names_in(item)]
    raise UnfitError("its layers have inputs other than the output of the layer before")


def _input_shape(layer: dict[str, Any]) -> Shape:
    match layer:
        case {"class_name": "InputLayer", "config": {"name": name, "batch_shape": [_, *shape], "dtype": dtype}}:
            if not 1 <= len(shape) <= 3 or not all(isinstance(size, int) and size > 0 for size in shape):
                raise UnfitError(f"its input '{name}' has no fixed size of images")
            if dtype != "float32":
                raise UnfitError(
                    f"its input '{name}' takes {dtype}, and images here are float32",
                    "save the network with an input of float32, and choose the normalization it was trained with",
                )
            return tuple(shape)
    raise UnfitError("it does not say what shape its images have", "call it on images once and save it again")


def _read_layer(described: dict[str, Any], chain: _Chain) -> None:
    kind, config = described["class_name"], described["config"]
    name = config["name"]
    if described["module"] != "keras.layers" or (kind not in _READ and kind not in _REQUIRED):
        raise UnfitError(
            f"its layer {_label(described)} is of a kind that networks here do not have",
            _INSTEAD.get(kind, f"choose a network of {KNOWN_LAYERS} alone"),
        )
    _check_settings(name, kind, config)
    chain.training_only += _training_settings(name, kind, config)
    if kind == "Flatten":
        chain.is_flat = True
    elif kind not in _TRAINING_LAYERS:
        for layer in _layers_of(name, kind, config):
            chain.add(name, layer)


def _check_settings(name: str, kind: str, config: dict[str, Any]) -> None:
    """Check every setting that is not read, as an unknown one may change what the layer computes.

    Raises:
        UnfitError: if one differs.
    """
    required = _REQUIRED.get(kind, {})
    for key, value in required.items():
        if key not in config or config[key] != value:
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
    for key, value in config.items():
        known = key in _COMMON or key in required or key in _READ.get(kind, ())
        if not known and value is not None and not key.endswith(("_initializer", *_TRAINING_SUFFIXES)):
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


def _training_settings(name: str, kind: str, config: dict[str, Any]) -> Iterator[str]:
    if kind in _TRAINING_LAYERS:
        yield f"{name} ({kind})"
    if config.get("trainable") is False:
        yield f"{name} (trainable=False)"
    for key, value in config.items():
        if value is not None and key.endswith(_TRAINING_SUFFIXES):
            yield f"{name} ({key})"


def _layers_of(name: str, kind: str, config: dict[str, Any]) -> list[Layer | str]:
    """Return the layer that ``config`` describes, and its activation.

    Raises:
        UnfitError: if it is incomplete, or pools otherwise than layers here.
    """
    match kind, config:
        case "Dense", {"units": int(units), "use_bias": bool(bias)}:
            return [Dense(_checked_size(units), bias), *_activation(name, config.get("activation"))]
        case "Conv2D", {"filters": int(filters), "kernel_size": [int(height), int(width)]}:
            sizes = (_checked_size(height), _checked_size(width), _checked_size(filters))
            return [Conv(*sizes), *_activation(name, config.get("activation"))]
        case "MaxPooling2D", {"pool_size": [int(height), int(width)], "strides": strides}:
            if height != width or strides != [height, width]:
                raise UnfitError(
                    f"its layer '{name}' (MaxPooling2D) has pool_size={height, width} and strides={safe_repr(strides)}"
                    ", and pooling here has square windows side by side"
                )
            return [MaxPool(_checked_size(height))]
        case "Activation", {"activation": activation}:
            return _activation(name, activation)
        case "Softmax", _:
            return [_SOFTMAX]
    if kind in _ACTIVATION_LAYERS:
        return [Act(_ACTIVATION_LAYERS[kind])]
    raise UnfitError(f"its layer '{name}' ({kind}) is not described as Keras describes it")


def _activation(name: str, value: Any) -> list[Layer | str]:
    match value:
        case None | "linear":
            return []
        case "softmax":
            return [_SOFTMAX]
        case "swish":  # the former name
            return [Act("silu")]
        case str() if value in get_args(Activation):
            return [Act(value)]  # type: ignore[arg-type]
        case {"module": "keras.layers", "class_name": str(kind), "config": dict(config)} if kind in _ACTIVATION_LAYERS:
            _check_settings(name, kind, config)
            return [Act(_ACTIVATION_LAYERS[kind])]
    what = f"the activation {value!r}" if isinstance(value, str) else "an activation of its own"
    raise UnfitError(f"its layer '{name}' has {what}, which networks here do not have")


def _checked_size(value: int) -> int:
    if not 1 <= value <= MAX_LAYER_SIZE:
        raise UnfitError("it has layers of impossible sizes")
    return value


def _check_sizes(layers: Sequence[SavedLayer], input_shape: Shape) -> None:
    shape = (*input_shape, 1) if len(input_shape) == 2 else input_shape
    *hidden, prediction = (each.layer for each in layers)
    try:
        summaries = summarize_layers(hidden, shape, prediction.units if isinstance(prediction, Dense) else 0)
    except NetworkError as error:
        raise UnfitError(str(error).rstrip(".")) from None
    if any(math.prod(summary.output_shape) > MAX_OUTPUTS for summary in summaries):
        raise UnfitError("it has layers of impossible sizes")
