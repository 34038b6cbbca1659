"""Files of an export: folders that can be written, text, and names that are no paths."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from engine.utils.errors import ExportError
from engine.utils.files import write_atomic


def check_writable(folder: Path) -> None:
    """Make ``folder`` if need be and try to write into it; raises :class:`ExportError` where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:  # a null byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise ExportError(f"{folder} can't be written ({reason}); choose another folder.") from error


def write_json(path: Path, values: dict[str, Any]) -> Path:
    """Write strict JSON, made to be read by people too."""
    return write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False))


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` and a line's end as UTF-8."""
    write_atomic(path, text + "\n")
    return path


def file_name(name: str) -> str:
    """Variants such as ``cnn_5/relu`` name no folder."""
    return name.replace("/", "_")


def to_json_value(value: Any) -> Any:
    """What JSON can hold: lists for arrays, null for NaN and infinity."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [to_json_value(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
