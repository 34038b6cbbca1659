"""Folders of images: ``train/<class>/*.png`` with or without ``validation/`` and ``test/``, or ``<class>/*.png``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, Part, ProgressCallback, RawImages
from engine.datasets.cache import CacheKey, cached, file_state, signature_of
from engine.datasets.formats.decode import ColourFoundError, ImageLayout, Observed, choose_layout, decode_files
from engine.datasets.formats.layout import (
    FolderLayout,
    check_has_folders,
    find_layout,
    image_files,
    no_images_message,
    passed_over,
)
from engine.utils.arrays import Array
from engine.utils.errors import BrokenImagesError, DatasetError
from engine.utils.text import pluralise

_SHOWN = 10  # broken files named in a sentence


@dataclass(frozen=True)
class _Images:
    """Images of a part: paths ordered by class and name, labels int64 [n]."""

    paths: tuple[str, ...]
    labels: Array

    def without(self, broken: dict[str, str]) -> _Images:
        kept = [number for number, path in enumerate(self.paths) if path not in broken]
        return _Images(tuple(self.paths[number] for number in kept), self.labels[kept])


@dataclass(frozen=True)
class _Listing:
    """The image files of a folder by part, and sentences on what else it holds."""

    folder: Path
    class_names: tuple[str, ...]
    parts: dict[str, _Images]
    warnings: tuple[str, ...]
    signature: str

    @property
    def total(self) -> int:
        return sum(len(images.paths) for images in self.parts.values())


class _BrokenFilesError(Exception):
    """Image files can't be read; ``broken`` maps their paths to reasons."""

    def __init__(self, broken: dict[str, str]) -> None:
        super().__init__(len(broken))
        self.broken = broken


def load(folder: Path, side: int | None, progress: ProgressCallback, skip_broken: bool = False) -> RawImages:
    """Load the images of a folder, decoded once and then cached.

    Each sub-folder is a class, in the order of their names; ``engine.datasets.formats.layout`` finds the parts. Images
    that differ in size or are not square are resized to ``side`` pixels square; if None, to the most common longer side
    (4 to 512). The result has one channel if every image is gray, else three; photos are turned upright, and
    transparent parts become white. With ``skip_broken``, files that can't be read are left out.

    Raises:
        DatasetError: naming what is wrong.
        BrokenImagesError: naming the files that can't be read.
    """
    progress(f"Looking through {folder.name}", 0, 0)
    try:
        listing = _list(folder)
    except OSError as error:
        raise DatasetError(_no_access_message(error)) from None
    state = signature_of([(listing.signature,), ("skip broken",)]) if skip_broken else listing.signature
    key = CacheKey("folder", folder, side, state)
    try:
        return _cached(key, listing, progress)
    except _BrokenFilesError as error:
        others = _without(listing, error.broken)
        can_skip = all(images.paths for images in others.parts.values())
        if not (skip_broken and can_skip):
            raise BrokenImagesError(_broken_message(listing, error.broken, can_skip), len(error.broken)) from None
        return _cached(key, others, progress)


def check_layout(folder: Path) -> None:
    """Check that there are folders, by names alone: a window waits for it.

    Raises:
        DatasetError: if not, or if they can't be read.
    """
    try:
        check_has_folders(folder)
    except OSError as error:
        raise DatasetError(_no_access_message(error)) from None


def _cached(key: CacheKey, listing: _Listing, progress: ProgressCallback) -> RawImages:
    """Return the cached images; decode again with three channels if a colour image is found in a gray folder."""

    def decode(channels: int | None = None) -> Decoded:
        layout = choose_layout(listing.parts["train"].paths, key.side)
        return _decode(listing, layout if channels is None else replace(layout, channels=channels), progress)

    try:
        return cached(key, decode)
    except ColourFoundError:
        return cached(key, lambda: decode(3))


def _decode(listing: _Listing, layout: ImageLayout, progress: ProgressCallback) -> Decoded:
    observed = Observed()
    warnings = list(listing.warnings)
    parts: dict[str, Part] = {}
    before = 0
    for name, images in listing.parts.items():

        def decoded(done: int, before: int = before) -> None:
            progress("Decoding images", before + done, listing.total)

        parts[name] = Part(images.labels, layout.shape, decode_files(images.paths, layout, observed, decoded))
        before += len(images.paths)
    last = list(parts)[-1]  # parts are read in this order
    parts[last] = replace(parts[last], blocks=_then_check(parts[last].blocks, observed, warnings))
    title = listing.folder.name or str(listing.folder)
    return Decoded(title, listing.class_names, parts["train"], parts.get("test"), parts.get("validation"), warnings)


def _then_check(blocks: Iterable[Array], observed: Observed, warnings: list[str]) -> Iterator[Array]:
    """Yield the last blocks, then report what was observed in all.

    Raises:
        _BrokenFilesError: if files could not be read.
    """
    yield from blocks
    if observed.broken:
        raise _BrokenFilesError(observed.broken)
    warnings.extend(observed.warnings())


def _list(folder: Path) -> _Listing:
    layout = find_layout(folder)
    facts: list[tuple[str, ...]] = [
        (name,) for name in layout.class_names
    ]  # so that empty classes affect the signature
    parts = {part: _images(folder, part, layout, facts) for part in layout.parts}
    class_folders = [path for classes in layout.parts.values() for paths in classes.values() for path in paths]
    warnings = (*layout.warnings, *passed_over(class_folders))
    facts += [(warning,) for warning in warnings]
    return _Listing(folder, layout.class_names, parts, warnings, signature_of(facts))


def _images(folder: Path, part: str, layout: FolderLayout, facts: list[tuple[str, ...]]) -> _Images:
    """List the images of a part, adding their states to ``facts`` for the cache signature.

    Raises:
        DatasetError: if there are none, or none of a class to be trained on.
    """
    paths: list[str] = []
    labels: list[int] = []
    title = folder.name or folder
    for name, folders in layout.parts[part].items():
        found = sorted(_state(entry.path) for each in folders for entry in image_files(each))
        if not found and part == "train":
            raise DatasetError(no_images_message(folder, folders, f"The class '{name}' of {title}"))
        paths += [state[0] for state in found]
        labels += [layout.class_names.index(name)] * len(found)
        facts += found
    if not paths:
        class_folders = [path for folders in layout.parts[part].values() for path in folders]
        raise DatasetError(no_images_message(folder, class_folders, f"The {part} part of {title}"))
    return _Images(tuple(paths), np.array(labels, np.int64))


def _state(path: str) -> tuple[str, ...]:
    try:
        return file_state(path, os.stat(path))  # noqa: PTH116  (a directory entry's lacks the inode on Windows)
    except FileNotFoundError:  # a link to nothing: decoding reports it
        return path, ""


def _without(listing: _Listing, broken: dict[str, str]) -> _Listing:
    left_out = f"Left out: {pluralise(len(broken), 'image file')} that can't be read: {_named(listing, broken)}."
    parts = {name: images.without(broken) for name, images in listing.parts.items()}
    return replace(listing, parts=parts, warnings=(*listing.warnings, left_out))


def _broken_message(listing: _Listing, broken: dict[str, str], can_skip: bool) -> str:
    if len(broken) == 1:
        ((path, reason),) = broken.items()
        subject = f"{path} can't be read as an image ({reason})"
    else:
        subject = f"{len(broken):,} of {listing.total:,} image files in {listing.folder} can't be read: " + _named(
            listing, broken
        )
    if not can_skip:
        return f"{subject}; repair them, as nothing would be left of a part without them."
    return f"{subject}; repair or remove what is broken, or leave it out (skip_broken_images=true)."


def _named(listing: _Listing, broken: dict[str, str]) -> str:
    """Name the first ten files, each reason once, and count the rest."""
    reasons: dict[str, list[str]] = {}
    for path, reason in list(broken.items())[:_SHOWN]:
        reasons.setdefault(reason, []).append(os.path.relpath(path, listing.folder))
    shown = [f"{', '.join(paths)} ({reason})" for reason, paths in reasons.items()]
    more = f" and {len(broken) - _SHOWN:,} more" if len(broken) > _SHOWN else ""
    return ", ".join(shown) + more


def _no_access_message(error: OSError) -> str:
    return f"{error.filename} can't be read ({error.strerror}); check its permissions."
