"""Files of an export: the check of the folder, text and JSON, and file names."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from engine.utils.errors import ExportError
from engine.utils.files import write_atomic

# Of lone surrogates, by which Python keeps the bytes of file names that are no UTF-8.
NOT_UTF_8 = (
    "a name or text in it has characters that can't be written as UTF-8; rename the class folders whose names look "
    "broken, or change the title and notes, and run it again."
)


def check_writable(folder: Path) -> None:
    """Create a folder if it is missing, and try to write into it.

    Raises:
        ExportError: if that fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:  # a null byte in the path raises ValueError
        reason = getattr(error, "strerror", None) or error
        raise ExportError(f"{folder} can't be written ({reason}); choose another folder.") from error


def write_json(path: Path, values: dict[str, Any]) -> Path:
    """Write strict, indented JSON as UTF-8, and return the file."""
    return write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False))


def write_text(path: Path, text: str) -> Path:
    """Write text and a final newline as UTF-8, and return the file."""
    write_atomic(path, text + "\n")
    return path


def file_name(name: str) -> str:
    """Return a variant's name as a file name: the slash in ``cnn_5/relu`` must not create a folder."""
    return name.replace("/", "_")


def to_json_value(value: Any) -> Any:
    """Convert a value for JSON: arrays to lists, NaN and infinity to null.

    Numbers of float32 arrays get the fewest digits that float32 is read back from, half of those of a float.
    """
    if isinstance(value, np.ndarray):
        value = (value.astype(str).astype(float) if value.dtype == np.float32 else value).tolist()
    if isinstance(value, list):
        return [to_json_value(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
