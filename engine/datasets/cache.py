"""Cache of decoded images on disk.

An entry is a folder with ``x_train.npy``, ``y_train.npy`` (and those of the other parts), and ``about.json``, written
last: everything is written under a temporary name, synced to disk and then renamed.
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
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike

from engine.datasets.base import Decoded, PixelCheck, RawImages, check_decoded, hash_blocks, raw_images
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.files import check_file, open_file
from engine.utils.paths import cache_folder

_LARGE_SIDE = 200  # pixels; the course's networks are made for 32
_FORMAT = 2  # part of every name, one digit: increment when decoding changes
_ABANDONED_SECONDS = 24 * 3600  # older temporary folders belong to dead processes


@dataclass(frozen=True)
class CacheKey:
    """Identity of an entry.

    Attributes:
        kind: format of the source.
        path: the source.
        side: requested image side in pixels; None keeps the source's own.
        signature: digest of the source files' present state.
    """

    kind: str
    path: Path
    side: int | None
    signature: str

    @property
    def family(self) -> str:
        """Common prefix of the names of all entries from the same source."""
        # The number is that of the first format, so that entries of earlier versions are found and removed.
        return hashlib.sha256(f"1:{self.kind}:{self.path}".encode("utf-8", "surrogateescape")).hexdigest()[:24]

    @property
    def name(self) -> str:
        """Name of the entry's folder."""
        return f"{self.family}-{self.side or 'own'}-{_FORMAT}{self.signature[:23]}"


def file_state(path: str, stat: os.stat_result) -> tuple[str, ...]:
    """Return what tells a file from an earlier one at the same path.

    Files that were swapped, or replaced with their times kept, have another number (inode) or another time of change
    than the modification time that programs can set.
    """
    return path, *map(str, (stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns))


def signature_of(facts: Iterable[tuple[str, ...]]) -> str:
    """Return the SHA-256 in hex over facts such as the states of files, in any order."""
    return hashlib.sha256(json.dumps(sorted(facts)).encode()).hexdigest()


def signature_of_paths(paths: Iterable[Path]) -> str:
    """Return the signature of files; propagates ``OSError`` if one is not accessible."""
    return signature_of(file_state(str(path), path.stat()) for path in paths)


def cached(key: CacheKey, make: Callable[[], Decoded]) -> RawImages:
    """Return the images of an entry as read-only memory maps.

    Args:
        key: the entry.
        make: reads the source; called if the entry is missing or damaged.

    Raises:
        DatasetError: if the cache can't be written or read. Errors of ``make`` are propagated.
    """
    entry = cache_folder() / "decoded" / key.name
    found = _read(entry)
    if found is None:
        try:
            _create(entry, lambda: _with_advice(make(), key.side))
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


def _with_advice(decoded: Decoded, side: int | None) -> Decoded:
    """Add a warning if the images are large and no side was asked for."""
    own = decoded.train.shape[0]
    if side is None and own >= _LARGE_SIDE:
        decoded.warnings.append(
            f"The images are {own} pixels wide, with which training is slow and takes much memory; image_size=64 "
            f"leaves {(64 / own) ** 2:.1%} of the pixels."
        )
    return decoded


def _create(entry: Path, make: Callable[[], Decoded]) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=entry.parent))
    try:
        _write(temporary, make())
        _publish(temporary, entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(folder: Path, decoded: Decoded) -> None:
    check_decoded(decoded)
    digest, check = hashlib.sha256(), PixelCheck(decoded.title)
    for name, part in decoded.parts.items():
        with (folder / f"x_{name}.npy").open("wb") as file:
            write_blocks(file, (len(part.labels), *part.shape), np.uint8, check(hash_blocks(part, digest)))
            _fsync(file)
        _write_array(folder / f"y_{name}.npy", part.labels)
    about = {"title": decoded.title, "class_names": decoded.class_names, "fingerprint": digest.hexdigest()}
    with (folder / "about.json").open("w", encoding="utf-8") as file:
        json.dump(
            about | {"parts": list(decoded.parts), "warnings": [*decoded.warnings, *check.warnings(decoded.warnings)]},
            file,
        )
        _fsync(file)


def write_blocks(file: BinaryIO, shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[Array]) -> None:
    """Write an .npy file of an array of ``shape`` that comes in blocks; propagates ``OSError``."""
    # Not a writable memory map, which ends the process with SIGBUS if the disk is full.
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    for block in blocks:
        file.write(np.ascontiguousarray(block).data)


def _write_array(path: Path, array: Array) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        _fsync(file)


def _fsync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(temporary: Path, entry: Path) -> None:
    try:
        temporary.rename(entry)
    except OSError:
        if _read(entry) is not None:  # another process was faster; its images are the same
            return
        _remove(entry)
        temporary.rename(entry)


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _read(entry: Path) -> RawImages | None:
    """Read an entry; None if it is missing or damaged."""
    try:
        with open_file(entry / "about.json") as file:
            about = json.load(file)
        arrays = {name: _read_part(entry, name) for name in about["parts"]}
        return raw_images(
            str(about["title"]),
            map(str, about["class_names"]),
            arrays,
            str(about["fingerprint"]),
            map(str, about["warnings"]),
        )
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
    """Remove entries made from earlier states of the same source, and temporary folders of dead processes."""
    with contextlib.suppress(OSError):  # another process may remove it too; on Windows one may still read it
        for other in entry.parent.glob(f"{key.family}-*"):
            if not other.name.endswith(entry.name.rpartition("-")[2]):
                shutil.rmtree(other, ignore_errors=True)
        for other in entry.parent.glob(".making-*"):
            if time.time() - other.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
