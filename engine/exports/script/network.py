"""A network of Keras as the source that builds it, with the same names, settings and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.exports.script.code import Call, Name, changed_arguments, check_identifier, source

if TYPE_CHECKING:
    import keras

# Arguments without a default, by class; of the others those are written that differ from their defaults.
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
_MODULES = ("keras.initializers", "keras.regularizers")  # whose objects are arguments of layers
_INDENT = 4


def network_source(network: keras.Model) -> str:
    """Return the body of a function that builds ``network``; ``network_imports`` has what it takes."""
    import keras

    if isinstance(network, keras.Sequential):
        calls = [call for layer in network.layers for _, call in _layer_calls(layer)]
        parts = [Call("keras.Input", (tuple(network.input_shape[1:]),)), *calls]
        call = Call("keras.Sequential", (parts,), (("name", network.name),))
        return source(call, _INDENT, "return ")
    return "\n".join(_functional(network))


def network_imports(network: keras.Model) -> list[str]:
    """Return the import statements for the body that builds ``network``."""
    import keras

    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    calls = [each for layer in layers for _, each in _layer_call(layer).keywords if isinstance(each, Call)]
    return [
        f"from {module} import {', '.join(names)}"
        for module in _MODULES
        if (names := sorted({call.function for call in calls if _is_in(module, call.function)}))
    ]


def _is_in(module: str, name: str) -> bool:
    import keras

    return hasattr(getattr(keras, module.removeprefix("keras.")), name)


def _functional(network: keras.Model) -> Iterator[str]:
    first, *others = network.layers
    names = {id(network.inputs[0]): "images"}
    yield source(Call("keras.Input", (tuple(network.input_shape[1:]),), (("name", first.name),)), _INDENT, "images = ")
    for layer in others:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        taken = [Name(names[id(tensor)]) for tensor in inputs]
        names[id(layer.output)] = layer.name
        argument = source(taken if isinstance(layer.input, list) else taken[0])
        for name, call in _layer_calls(layer):
            check_identifier(name)
            yield source(call, _INDENT, f"{name} = ", f"({argument})")
            argument = name
    output = Name(names[id(network.outputs[0])])
    yield source(Call("keras.Model", (Name("images"), output), (("name", network.name),)), _INDENT, "return ")


def chooses_pixels(layer: keras.layers.Layer) -> bool:
    """Whether a layer is a 1x1 convolution with a stride.

    Its gradient overwrites memory in TensorFlow 2.21 with oneDNN and several threads, so that scripts choose the pixels
    by pooling before.
    """
    return type(layer).__name__ == "Conv2D" and layer.kernel_size == (1, 1) and layer.strides != (1, 1)


def _layer_calls(layer: keras.layers.Layer) -> Iterator[tuple[str, Call]]:
    """Yield the calls that make a layer like ``layer``, each with the name of its layer."""
    call = _layer_call(layer)
    if chooses_pixels(layer):
        name = f"{layer.name}_pixels"
        yield name, Call("layers.MaxPooling2D", (1,), (("strides", tuple(layer.strides)), ("name", name)))
        call = replace(call, keywords=tuple(each for each in call.keywords if each[0] != "strides"))
    yield layer.name, call


def _layer_call(layer: keras.layers.Layer) -> Call:
    """Return the call that makes a layer like ``layer``."""
    kind = type(layer).__name__
    config = layer.get_config()
    required = _REQUIRED.get(kind, ())
    defaults = type(layer)(**{name: config[name] for name in required}).get_config()
    left_out = {*required, "name"} | (set() if config.get("use_bias", True) else {"bias_initializer"})
    changed = [
        (name, _argument(value))
        for name, value in config.items()
        # Once it is built, a layer has its axis as a list.
        if name not in left_out and value not in (defaults.get(name), [defaults.get(name)])
    ]
    return Call(f"layers.{kind}", tuple(_argument(config[name]) for name in required), (*changed, ("name", layer.name)))


def _argument(value: Any) -> Any:
    """Return an entry of a layer's configuration as an argument.

    Raises:
        ValueError: if it is an object other than an initialiser or a regulariser.
    """
    if not isinstance(value, dict):
        return value
    module, name, config = value["module"], value["class_name"], value["config"]
    if module not in _MODULES:
        raise ValueError(f"{name} is no initialiser or regulariser")
    import keras

    kind = getattr(getattr(keras, module.removeprefix("keras.")), name)
    changed = changed_arguments(kind, config) if module == "keras.initializers" else dict(config)
    seed = {"seed": changed.pop("seed")} if "seed" in changed else {}  # first in the configuration, best read last
    return Call(name, (), tuple((changed | seed).items()))
