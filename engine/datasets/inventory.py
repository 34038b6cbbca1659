"""Inventory of data sets: downloads, decoded images, sizes; reads only headers and file sizes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from engine.datasets.base import RemoteFile
from engine.datasets.cache import CacheKey
from engine.datasets.download import downloads_folder
from engine.datasets.formats import cifar10
from engine.datasets.formats.cifar import CIFAR100
from engine.datasets.registry import DATASETS
from engine.utils.errors import DatasetError
from engine.utils.files import check_file, open_file
from engine.utils.paths import cache_folder


class Presence(StrEnum):
    """Whether a data set can be used without a download."""

    BUILT_IN = "built in"
    INSTALLED = "installed"
    PARTLY = "partly"
    ABSENT = "not downloaded"
    OWN = "own"
    MISSING = "missing"


@dataclass(frozen=True)
class DatasetEntry:
    """A line of the inventory.

    Attributes:
        dataset: name or path.
        downloaded: bytes in the downloads folder.
        decoded: bytes of decoded images in the cache folder.
        images: number of training and test images; None until decoded once.
        classes: number of classes; None until decoded once.
    """

    dataset: str
    title: str
    summary: str
    presence: Presence
    downloaded: int
    decoded: int
    images: int | None
    classes: int | None

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own."""
        return self.presence in (Presence.OWN, Presence.MISSING)

    @property
    def is_usable(self) -> bool:
        """Whether its images are available without a download."""
        return self.presence in (Presence.BUILT_IN, Presence.INSTALLED, Presence.OWN)


def inventory(own: Iterable[Path]) -> list[DatasetEntry]:
    """List the named data sets, then those of the user at the paths ``own``."""
    return [*(_named(name) for name in DATASETS), *(_own(path) for path in own)]


def cached_paths(dataset: str) -> list[Path]:
    """Return the files and folders of a data set in the cache folder: downloads and decoded images."""
    return [*_downloads(dataset), *decoded_folders(dataset)]


def remove_cached(dataset: str) -> int:
    """Remove ``cached_paths`` and return the bytes freed; targets of links are kept. Propagates ``DatasetError``."""
    return _remove(cached_paths(dataset))


def remove_decoded(dataset: str) -> int:
    """Remove only the decoded images of a data set; otherwise as ``remove_cached``."""
    return _remove(decoded_folders(dataset))


def _remove(paths: Iterable[Path]) -> int:
    freed = 0
    for path in paths:
        size = _size(path)
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DatasetError(f"{path} can't be removed ({reason}); end what still uses it and try again.") from None
        freed += size
    return freed


def _named(name: str) -> DatasetEntry:
    source = DATASETS[name]
    found = [file for file in source.files if _downloaded_path(file) is not None]
    replaced = any((downloads_folder() / each).exists() for each in source.replacements)
    if not source.files:
        presence = Presence.BUILT_IN
    elif replaced or len(found) == len(source.files):
        presence = Presence.INSTALLED
    else:
        presence = Presence.PARTLY if found else Presence.ABSENT
    return _entry(name, source.title, source.summary, presence, source.numbers)


def _own(path: Path) -> DatasetEntry:
    there = _exists(path)
    kind = "Folder of your own" if path.is_dir() else "File of your own"
    summary = f"{kind}: {path}" if there else f"No longer there: {path}"
    return _entry(str(path), path.name or str(path), summary, Presence.OWN if there else Presence.MISSING, None)


def _entry(dataset: str, title: str, summary: str, presence: Presence, numbers: tuple[int, int] | None) -> DatasetEntry:
    entries = decoded_folders(dataset)
    images, classes = numbers or next(filter(None, map(_numbers, entries)), (None, None))
    downloaded = sum(map(_size, _downloads(dataset)))
    return DatasetEntry(dataset, title, summary, presence, downloaded, sum(map(_size, entries)), images, classes)


def _downloads(dataset: str) -> list[Path]:
    source = DATASETS.get(dataset)
    if source is None:
        return []
    files = [path for file in source.files if (path := _downloaded_path(file)) is not None]
    others = [path for each in source.replacements if _exists(path := downloads_folder() / each) or path.is_symlink()]
    return [*files, *others]


def _downloaded_path(file: RemoteFile) -> Path | None:
    path = downloads_folder() / file.name
    candidates = [path, path.with_suffix("")] if path.suffix == ".gz" and path.stem.endswith("ubyte") else [path]
    return next((each for each in candidates if each.is_file()), None)


def decoded_folders(dataset: str) -> list[Path]:
    """Return the cache entries made from a data set, of any side."""
    families = {key.family for key in _keys(dataset)}
    folder = cache_folder() / "decoded"
    with suppress(OSError):
        return sorted(entry for entry in folder.iterdir() if entry.name.partition("-")[0] in families)
    return []


def _keys(dataset: str) -> Iterator[CacheKey]:
    source = DATASETS.get(dataset)
    if source is not None:
        yield from (CacheKey(source.cache_kind, downloads_folder() / path, None, "") for path in source.cache_paths)
        return
    path = Path(dataset)
    for kind in ("folder", "npz", "npy", f"idx {path.name}"):
        yield CacheKey(kind, path, None, "")
    for cifar in (cifar10.FORMAT, CIFAR100):
        yield from (CacheKey(cifar.kind, each, None, "") for each in (path, *(path / name for name in cifar.folders)))


def _numbers(entry: Path) -> tuple[int, int] | None:
    """Return the number of images and classes of an entry from its headers; None if it is damaged."""
    try:
        with open_file(entry / "about.json") as file:
            about = json.load(file)
        return sum(_length(entry / f"y_{part}.npy") for part in about["parts"]), len(about["class_names"])
    except Exception:  # a damaged header makes NumPy raise almost anything
        return None


def _length(path: Path) -> int:
    check_file(path)
    return len(np.load(path, mmap_mode="r", allow_pickle=False))


def _size(path: Path) -> int:
    """Return the bytes of a file or of the files in a folder; 0 for a link, whose target is elsewhere."""
    with suppress(OSError):
        if path.is_symlink():
            return 0
        files: Sequence[Path] = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files)
    return 0


def _exists(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.exists()
    return False
