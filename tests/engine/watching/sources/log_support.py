"""Logs as the programs write them, and reading of whole logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.watching.sources.base import LogEntry, Restarted, Source

HEADER = {"trainscope_log": 1, "experiment": "Homework", "variant": "cnn_4", "repeat": 2}


def line(**values: Any) -> bytes:
    return json.dumps(values).encode() + b"\n"


def header(**values: Any) -> bytes:
    return line(**HEADER, **values)


def write(path: Path, *lines: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))
    return path


def append(path: Path, *lines: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(lines))


def read_all(source: Source) -> list[LogEntry]:
    entries = list(source.read())
    while source.has_more:
        entries += source.read()
    return entries


def since_restart(entries: Sequence[LogEntry]) -> list[LogEntry]:
    """Return what holds in the end."""
    restarts = [index for index, entry in enumerate(entries) if isinstance(entry, Restarted)]
    return list(entries[restarts[-1] + 1 :] if restarts else entries)
