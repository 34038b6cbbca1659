"""Decoded images on disk, so that the second start is fast.

An entry is a folder with ``x_train.npy``, ``y_train.npy`` (and the test part's), and ``about.json``, which is
written last: everything is written under a temporary name, synced to disk and then renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.datasets.base import Decoded, Part, RawImages, check, hashed
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import check_file, open_file
from engine.utils.paths import cache_folder

_FORMAT = 1  # part of every key: raise it when images are decoded differently
_ABANDONED_SECONDS = 24 * 3600  # a half-made entry older than this belongs to a process that died


@dataclass(frozen=True)
class CacheKey:
    """What an entry is of: a kind and path, the side asked for, and a digest of the files as they are now."""

    kind: str
    path: Path
    side: int | None
    signature: str

    @property
    def family(self) -> str:
        """Start of the names of all entries made from the same path."""
        return hashlib.sha256(f"{_FORMAT}:{self.kind}:{self.path}".encode("utf-8", "surrogateescape")).hexdigest()[:24]

    @property
    def name(self) -> str:
        """Name of the entry's folder."""
        return f"{self.family}-{self.side or 'own'}-{self.signature[:24]}"


def signature_of(files: Iterable[tuple[str, int, int]]) -> str:
    """SHA-256 in hex over names, sizes in bytes and modification times in nanoseconds."""
    return hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()


def signature_of_paths(paths: Iterable[Path]) -> str:
    """The same over files at ``paths``; raises OSError where one can't be looked at."""
    stats = [(path, path.stat()) for path in paths]
    return signature_of((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def cached(key: CacheKey, make: Callable[[], Decoded]) -> RawImages:
    """The entry of ``key``, its images as read-only memory maps; ``make`` is called where it is missing or damaged.

    Raises :class:`DatasetError` where the cache can't be written, and whatever ``make`` raises.
    """
    entry = cache_folder() / "decoded" / key.name
    found = _read(entry)
    if found is None:
        try:
            _make(entry, make)
            found = _read(entry)
        except OSError as error:
            raise DatasetError(
                f"The decoded images can't be kept in {entry.parent} ({error.strerror or error}); free some space "
                "there or let the environment variable TRAINSCOPE_CACHE name another folder."
            ) from None
    if found is None:
        raise DatasetError(f"What was just written to {entry} can't be read back; check that disk.")
    _remove_outdated(key, entry)
    return found


def _make(entry: Path, make: Callable[[], Decoded]) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=entry.parent))
    try:
        _write(temporary, make())
        _put(temporary, entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(folder: Path, decoded: Decoded) -> None:
    check(decoded)
    digest = hashlib.sha256()
    for name, part in decoded.parts.items():
        _write_images(folder / f"x_{name}.npy", part, hashed(part, digest))
        _write_array(folder / f"y_{name}.npy", part.labels)
    about = {"title": decoded.title, "class_names": decoded.class_names, "fingerprint": digest.hexdigest()}
    with (folder / "about.json").open("w", encoding="utf-8") as file:
        json.dump(about | {"parts": list(decoded.parts)}, file)
        _sync(file)


def _write_images(path: Path, part: Part, blocks: Iterable[Array]) -> None:
    # Plain writes, not a writable memory map: on a full disk the latter ends the process with SIGBUS.
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(part.labels), *part.shape)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(block.tobytes())
        _sync(file)


def _write_array(path: Path, array: Array) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        _sync(file)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _put(temporary: Path, entry: Path) -> None:
    try:
        temporary.rename(entry)
    except OSError:
        if _read(entry) is not None:  # another process was first; its images are the same
            return
        _discard(entry)
        temporary.rename(entry)


def _discard(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _read(entry: Path) -> RawImages | None:
    """The entry, or None where there is none or it is damaged."""
    try:
        with open_file(entry / "about.json") as file:
            about = json.load(file)
        arrays = {name: _read_part(entry, name) for name in about["parts"]}
        x_test, y_test = arrays.get("test", (None, None))
        names = tuple(str(name) for name in about["class_names"])
        return RawImages(str(about["title"]), names, *arrays["train"], x_test, y_test, str(about["fingerprint"]))
    except Exception:  # a damaged header makes NumPy raise almost anything
        return None


def _read_part(entry: Path, name: str) -> tuple[Array, Array]:
    for array in ("x", "y"):
        check_file(entry / f"{array}_{name}.npy")
    images = np.load(entry / f"x_{name}.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load(entry / f"y_{name}.npy", allow_pickle=False)
    if images.dtype != np.uint8 or images.ndim != 4 or labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise ValueError("not what was written")
    return images, labels


def _remove_outdated(key: CacheKey, entry: Path) -> None:
    """Remove what was made from the same path as it used to be, and what dead processes left half-made."""
    with contextlib.suppress(OSError):  # another process may be removing the same; on Windows one may still read it
        for other in entry.parent.glob(f"{key.family}-*"):
            if not other.name.endswith(entry.name.rpartition("-")[2]):
                shutil.rmtree(other, ignore_errors=True)
        for other in entry.parent.glob(".making-*"):
            if time.time() - other.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
