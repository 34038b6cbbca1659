"""The scalars in the ``Event`` messages of TensorBoard's event files.

The messages are parsed by the runtime of Protocol Buffers, from descriptors made here of the fields that matter; the
package of TensorBoard that has them is not needed, and TensorFlow, which has them too, takes seconds to import. Numbers
and types of the fields are those of event.proto, summary.proto and tensor.proto in
https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto.

In proto2 even a scalar field tells whether it was set, so that a value of 0 differs from none; names are read as bytes,
as one that is no UTF-8 would make the whole message invalid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

SCALAR_PLUGIN = b"scalars"
_PACKAGE = "trainscope.tensorboard"
_START = 1  # of SessionLog.SessionStatus
_FIELDS: dict[str, tuple[tuple[str, int, str], ...]] = {
    "Event": (
        ("wall_time", 1, "double"),
        ("step", 2, "int64"),
        ("summary", 5, "Summary"),
        ("session_log", 7, "SessionLog"),
    ),
    "SessionLog": (("status", 1, "int32"),),
    "Summary": (("value", 1, "repeated Value"),),
    "Value": (
        ("tag", 1, "bytes"),
        ("simple_value", 2, "float"),
        ("tensor", 8, "Tensor"),
        ("metadata", 9, "Metadata"),
    ),
    "Metadata": (("plugin_data", 1, "PluginData"),),
    "PluginData": (("plugin_name", 1, "bytes"),),
    "Tensor": (
        ("dtype", 1, "int32"),
        ("tensor_shape", 2, "Shape"),
        ("tensor_content", 4, "bytes"),
        ("float_val", 5, "repeated float"),
        ("double_val", 6, "repeated double"),
        ("int_val", 7, "repeated int32"),
        ("int64_val", 10, "repeated int64"),
        ("half_val", 13, "repeated int32"),
        ("uint32_val", 16, "repeated uint32"),
        ("uint64_val", 17, "repeated uint64"),
    ),
    "Shape": (("dim", 2, "repeated Dim"),),
    "Dim": (("size", 1, "int64"),),
}
_HALF, _BFLOAT16 = 19, 14
# Of the types of tensors: the field of their values, and how NumPy calls them in ``tensor_content``.
_TENSOR_TYPES = {
    1: ("float_val", "<f4"),
    2: ("double_val", "<f8"),
    3: ("int_val", "<i4"),
    4: ("int_val", "<u1"),
    5: ("int_val", "<i2"),
    6: ("int_val", "<i1"),
    9: ("int64_val", "<i8"),
    _BFLOAT16: ("half_val", "<u2"),
    17: ("int_val", "<u2"),
    _HALF: ("half_val", "<f2"),
    22: ("uint32_val", "<u4"),
    23: ("uint64_val", "<u8"),
}


@dataclass(frozen=True)
class Event:
    """What matters of a message.

    Attributes:
        wall_time: seconds since 1970.
        scalars: tags and values.
        is_start: whether a program resumes at ``step``: all of that and later steps that was logged before is void.
    """

    wall_time: float
    step: int
    scalars: tuple[tuple[str, float], ...] = ()
    is_start: bool = False


def parse_event(content: bytes) -> Event | None:
    """Parse a message; None if it is none."""
    message_class, error_class = _event_class()
    try:
        message = message_class.FromString(content)
    except error_class:
        return None
    is_start = message.HasField("session_log") and message.session_log.status == _START
    return Event(message.wall_time, message.step, tuple(_scalars(message.summary)), is_start)


def _scalars(summary: Any) -> Iterator[tuple[str, float]]:
    for value in summary.value:
        if value.HasField("simple_value"):
            number: float | None = value.simple_value
        elif value.HasField("tensor") and value.metadata.plugin_data.plugin_name in (b"", SCALAR_PLUGIN):
            number = _scalar(value.tensor)
        else:
            continue
        if number is not None:
            yield value.tag.decode("utf-8", "replace"), number


def _scalar(tensor: Any) -> float | None:
    """Return the value of a tensor of one number, None for any other."""
    if tensor.dtype not in _TENSOR_TYPES or any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return None
    field, dtype = _TENSOR_TYPES[tensor.dtype]
    content, values = tensor.tensor_content, getattr(tensor, field)
    if content and len(content) == np.dtype(dtype).itemsize:
        value = np.frombuffer(content, dtype)[0]
    elif not content and len(values) == 1:
        value = values[0]
        if tensor.dtype == _HALF:
            value = np.array(value & 0xFFFF, "<u2").view(dtype)
    else:
        return None
    if tensor.dtype == _BFLOAT16:  # the upper half of a float32
        value = np.array((int(value) & 0xFFFF) << 16, "<u4").view("<f4")
    return float(value)


@cache
def _event_class() -> tuple[Any, type[Exception]]:
    """Return the class of the messages and the error that parsing raises; the import takes 30 ms."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _FIELDS.items():
        described = file.message_type.add(name=name)
        for field, number, kind in fields:
            label, _, kind_name = kind.rpartition(" ")
            entry = described.field.add(name=field, number=number)
            entry.label = kinds.LABEL_REPEATED if label else kinds.LABEL_OPTIONAL
            if kind_name in _FIELDS:
                entry.type, entry.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind_name}"
            else:
                entry.type = getattr(kinds, f"TYPE_{kind_name.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName(f"{_PACKAGE}.Event")
    return message_factory.GetMessageClass(descriptor), message.DecodeError
