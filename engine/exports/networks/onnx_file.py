"""Trained networks as ONNX files.

They are composed here, by the package ``onnx`` itself, as tf2onnx is tested with TensorFlow up to 2.15 and looks for a
maintainer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import engine
from engine.exports.networks.onnx_graph import INPUT, IR_VERSION, LOGITS, OPSET, PROBABILITIES, build_graph

if TYPE_CHECKING:
    import keras
    import onnx

BATCH = "batch"  # name of the dimension of any size


def onnx_model(network: keras.Model, properties: Mapping[str, str]) -> onnx.ModelProto:
    """Convert a network, and check the result.

    Propagates ``ExportError`` if it has a layer that can't be converted.

    Args:
        network: from images [batch, height, width, channels] to logits [batch, classes].
        properties: texts that the file keeps as metadata.
    """
    import onnx
    from onnx import TensorProto, helper

    built = build_graph(network)
    shape, classes = network.input_shape[1:], network.output_shape[-1]
    graph = helper.make_graph(
        built.nodes,
        network.name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, *shape])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, classes]) for name in (LOGITS, PROBABILITIES)],
        built.constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="Trainscope",
        producer_version=engine.__version__,
    )
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model, full_check=True)
    return model


def write_onnx(path: Path, network: keras.Model, properties: Mapping[str, str]) -> None:
    """Write a network to ``path``; propagates ``ExportError`` and ``OSError``."""
    path.write_bytes(onnx_model(network, properties).SerializeToString())
