"""The result dictionaries that the course's plotting reads."""

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


def write_course(folder: Path, name: str, dictionary: CourseDictionary) -> Iterator[Path]:
    """Write ``dictionary`` to ``folder`` as JSON and as pickle; gives both files."""
    folder.mkdir(exist_ok=True)
    yield write_text(
        folder / f"{name}.json", json.dumps({k: to_json_value(v) for k, v in dictionary.items()}, allow_nan=False)
    )
    path = folder / f"{name}.pkl"
    write_atomic(path, portable_pickle(dictionary))
    yield path


class _PortablePickler(pickle.Pickler):
    """Writes arrays by NumPy's public names: its own way names a module that older versions don't have."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(np.ascontiguousarray(value).tobytes()))
        return NotImplemented


def portable_pickle(dictionary: CourseDictionary) -> bytes:
    """``dictionary`` pickled so that any NumPy reads it back, its arrays writable."""
    file = io.BytesIO()
    _PortablePickler(file, protocol=4).dump(dictionary)
    return file.getvalue()
