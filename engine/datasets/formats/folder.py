"""Folders of images: ``train/<class>/*.png`` with or without ``test/<class>/*.png``, or only ``<class>/*.png``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, Part, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, file_state, signature_of
from engine.datasets.formats.decode import ColourFoundError, ImageLayout, choose_layout, decode_files
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")  # in any case; the first frame of animations


@dataclass(frozen=True)
class _Images:
    """Images of a part: paths ordered by class and name, labels int64 [n]."""

    paths: tuple[str, ...]
    labels: Array


@dataclass(frozen=True)
class _Listing:
    class_names: tuple[str, ...]
    train: _Images
    test: _Images | None
    signature: str


def load(folder: Path, side: int | None, progress: ProgressCallback) -> RawImages:
    """Load the images of a folder, decoded once and then cached.

    Each sub-folder is a class, in the order of their names; hidden files, unknown endings and deeper folders are
    ignored. ``train/`` is the training part if it has sub-folders, else a class of that name. Images that differ in
    size or are not square are resized to ``side`` pixels square; if None, to the most common longer side (4 to 512).
    The result has one channel if every image is gray, else three; transparent parts become white. EXIF orientation is
    ignored.

    Raises:
        DatasetError: naming what is wrong.
    """
    progress(f"Looking through {folder.name}", 0, 0)
    try:
        listing = _list(folder)
    except OSError as error:
        raise DatasetError(f"{error.filename} can't be read ({error.strerror}); check its permissions.") from None
    key = CacheKey("folder", folder, side, listing.signature)
    return _cached(key, folder.name or str(folder), listing, progress)


def _cached(key: CacheKey, title: str, listing: _Listing, progress: ProgressCallback) -> RawImages:
    """Return the cached images; decode again with three channels if a colour image is found in a gray folder."""

    def decode(channels: int | None = None) -> Decoded:
        layout = choose_layout(listing.train.paths, key.side)
        return _decode(title, listing, layout if channels is None else replace(layout, channels=channels), progress)

    try:
        return cached(key, decode)
    except ColourFoundError:
        return cached(key, lambda: decode(3))


def _decode(title: str, listing: _Listing, layout: ImageLayout, progress: ProgressCallback) -> Decoded:
    total = len(listing.train.paths) + (len(listing.test.paths) if listing.test else 0)

    def part(images: _Images, before: int) -> Part:
        def decoded(done: int) -> None:
            progress("Decoding images", before + done, total)

        return Part(images.labels, layout.shape, decode_files(images.paths, layout, decoded))

    test = part(listing.test, len(listing.train.paths)) if listing.test else None
    return Decoded(title, listing.class_names, part(listing.train, 0), test)


def check_layout(folder: Path) -> None:
    """Check that there are class folders, without looking at images.

    Raises:
        DatasetError: if not, or if they can't be read.
    """
    try:
        _classes(folder)
    except OSError as error:
        raise DatasetError(f"{error.filename} can't be read ({error.strerror}); check its permissions.") from None


def _classes(folder: Path) -> tuple[Path, list[str]]:
    """Return the folder of the training part and the names of its classes.

    Raises:
        DatasetError: if there are none.
    """
    train = folder / "train" if _sub_folders(folder / "train") else folder
    names = _sub_folders(train)
    if not names:
        raise DatasetError(f"{folder} holds no images in folders; lay it out as train/<class>/*.png or <class>/*.png.")
    return train, names


def _list(folder: Path) -> _Listing:
    train, names = _classes(folder)
    facts: list[tuple[str, ...]] = [(name,) for name in names]  # so that empty classes affect the signature
    train_images = _images(train, names, names, facts)
    test_images = None
    if train != folder and (test_names := _sub_folders(folder / "test")):
        test_images = _images(folder / "test", test_names, names, facts)
    return _Listing(tuple(names), train_images, test_images, signature_of(facts))


def _sub_folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _images(folder: Path, names: Sequence[str], classes: list[str], facts: list[tuple[str, ...]]) -> _Images:
    """List the images of a part, adding their states to ``facts`` for the cache signature.

    Raises:
        DatasetError: if there are none, or a class is not in the training part.
    """
    paths: list[str] = []
    labels: list[int] = []
    for name in names:
        if name not in classes:
            raise DatasetError(f"{folder / name} has no counterpart in train; the test classes must be among those.")
        found = _class_facts(folder / name)
        paths += [state[0] for state in found]
        labels += [classes.index(name)] * len(found)
        facts += found
    if not paths:
        raise DatasetError(f"{folder} holds no images; place {', '.join(ENDINGS)} files in its class folders.")
    return _Images(tuple(paths), np.array(labels, np.int64))


def _class_facts(folder: Path) -> list[tuple[str, ...]]:
    """Return the states of the images in a folder, path first, sorted by path."""
    with os.scandir(folder) as entries:
        return sorted(
            file_state(entry.path, os.stat(entry.path))  # noqa: PTH116  (an entry's own lacks the inode on Windows)
            for entry in entries
            if entry.name.lower().endswith(ENDINGS) and not entry.name.startswith(".") and entry.is_file()
        )
