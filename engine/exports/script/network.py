"""A network of Keras as the source that builds it, with the same names, settings and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.exports.script.code import Call, Name, changed_arguments, check_identifier, source

if TYPE_CHECKING:
    import keras

# Arguments without a default, by class; all others are written only if they differ from their defaults.
_REQUIRED = {
    "Conv2D": ("filters", "kernel_size"),
    "DepthwiseConv2D": ("kernel_size",),
    "MaxPooling2D": ("pool_size",),
    "AveragePooling2D": ("pool_size",),
    "Dense": ("units",),
    "Dropout": ("rate",),
    "SpatialDropout2D": ("rate",),
    "Activation": ("activation",),
}
# Modules of Keras whose objects are arguments of layers.
_MODULES = {"keras.initializers": "initializers", "keras.regularizers": "regularizers"}
_INDENT = 4


def network_source(network: keras.Model) -> str:
    """Return the body of a function that builds ``network``."""
    import keras

    if isinstance(network, keras.Sequential):
        parts = [Call("keras.Input", (tuple(network.input_shape[1:]),)), *map(layer_call, network.layers)]
        call = Call("keras.Sequential", (parts,), (("name", network.name),))
        return source(call, _INDENT, "return ")
    return "\n".join(_functional(network))


def _functional(network: keras.Model) -> Iterator[str]:
    names = {id(network.inputs[0]): "images"}
    yield source(Call("keras.Input", (tuple(network.input_shape[1:]),)), _INDENT, "images = ")
    for layer in network.layers:
        if id(layer.output) in names:  # the input
            continue
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        taken = [Name(names[id(tensor)]) for tensor in inputs]
        names[id(layer.output)] = layer.name
        check_identifier(layer.name)
        argument = source(taken if isinstance(layer.input, list) else taken[0])
        yield source(layer_call(layer), _INDENT, f"{layer.name} = ", f"({argument})")
    output = Name(names[id(network.outputs[0])])
    yield source(Call("keras.Model", (Name("images"), output), (("name", network.name),)), _INDENT, "return ")


def layer_call(layer: keras.layers.Layer) -> Call:
    """Return the call that makes a layer like ``layer``."""
    kind = type(layer).__name__
    config = layer.get_config()
    required = _REQUIRED.get(kind, ())
    defaults = type(layer)(**{name: config[name] for name in required}).get_config()
    changed = [
        name for name, value in config.items() if value != defaults.get(name) and name not in (*required, "name")
    ]
    keywords = [(name, _argument(config[name])) for name in changed]
    arguments = tuple(_argument(config[name]) for name in required)
    return Call(f"layers.{kind}", arguments, (*keywords, ("name", layer.name)))


def _argument(value: Any) -> Any:
    """Return an entry of a layer's configuration as an argument.

    Raises:
        ValueError: if it is an object other than an initialiser or a regulariser.
    """
    if not isinstance(value, dict):
        return value
    module, name = value["module"], value["class_name"]
    if module not in _MODULES:
        raise ValueError(f"{name} is no initialiser or regulariser")
    import keras

    kind = getattr(getattr(keras, _MODULES[module]), name)
    changed = changed_arguments(kind, value["config"])
    seed = {"seed": changed.pop("seed")} if "seed" in changed else {}  # first in the configuration, best read last
    return Call(f"{_MODULES[module]}.{name}", (), tuple((changed | seed).items()))
