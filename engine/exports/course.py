"""Result dictionaries for the course's plotting code."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine.experiments.base import CourseDictionary
from engine.exports.files import to_json_value, write_text
from engine.utils.files import write_atomic

MAX_JSON_VALUES = 2**18  # of an array: about 3 MB; the weights of 32 units on 512x512 RGB would take 570 MB


def write_course(folder: Path, name: str, dictionary: CourseDictionary) -> Iterator[Path]:
    """Write a dictionary as JSON and as pickle, and yield both files.

    Arrays of more than ``MAX_JSON_VALUES`` are in the pickle alone; in JSON they are null, and a further key names the
    file that holds them: ``weights_file`` for ``weights``.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.pkl"
    values: dict[str, Any] = {}
    for key, value in dictionary.items():
        is_large = isinstance(value, np.ndarray) and value.size > MAX_JSON_VALUES
        values |= {key: None, f"{key}_file": path.name} if is_large else {key: to_json_value(value)}
    yield write_text(folder / f"{name}.json", json.dumps(values, allow_nan=False))
    write_atomic(path, portable_pickle(dictionary))
    yield path


class _PortablePickler(pickle.Pickler):
    """Pickles arrays by NumPy's public names; NumPy's own reduction names a module that older versions lack."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(np.ascontiguousarray(value).tobytes()))
        return NotImplemented


def portable_pickle(dictionary: CourseDictionary) -> bytes:
    """Pickle a dictionary so that any version of NumPy can read it; its arrays are then writable."""
    file = io.BytesIO()
    _PortablePickler(file, protocol=4).dump(dictionary)
    return file.getvalue()
