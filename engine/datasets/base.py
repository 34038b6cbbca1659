"""Types and checks common to all sources of images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from engine.utils.text import one_line

# Called with a message, the amount done and the total (0 if unknown). May raise ``Cancelled`` to abort, which leaves no
# partial files.
ProgressCallback = Callable[[str, int, int], None]

# A training process needs four times as much, for float32.
MAX_IMAGE_BYTES = 4 * 2**30

# No photograph is as dark in its brightest pixel; scikit-learn's digits, stored as 0 to 16, are.
_DARKEST = 31
TOO_DARK = "too dark to tell much apart"
_MANY_PLAIN = 0.1  # share of images of a single colour


@dataclass(frozen=True)
class RawImages:
    """A data set as stored, before preparation.

    Attributes:
        x_train: uint8 [n, height, width, channels] with 1 or 3 channels; may be a read-only memory map, like
            ``x_test``.
        y_train: int64 [n].
        x_test: as ``x_train``; None if the data set has no test part, like ``y_test``.
        fingerprint: SHA-256 in hex over images and labels.
        x_validation: as ``x_train``; None if the data set has no validation part, like ``y_validation``.
        warnings: sentences on what was left out, changed or looks doubtful.
    """

    title: str
    class_names: tuple[str, ...]
    x_train: Array
    y_train: Array
    x_test: Array | None
    y_test: Array | None
    fingerprint: str
    x_validation: Array | None = None
    y_validation: Array | None = None
    warnings: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[Array, Array]]:
        """Images and labels of the existing parts by name, in the order of the fingerprint."""
        found = {"train": (self.x_train, self.y_train)}
        if self.x_validation is not None and self.y_validation is not None:
            found["validation"] = self.x_validation, self.y_validation
        if self.x_test is not None and self.y_test is not None:
            found["test"] = self.x_test, self.y_test
        return found


@dataclass(frozen=True)
class Part:
    """The training, validation or test part while it is read from its source: all labels, images in blocks.

    Attributes:
        labels: int64 [n].
        shape: height, width and channels.
        blocks: uint8 [k, height, width, channels] arrays, together n images in the order of the labels; can be iterated
            once.
    """

    labels: Array
    shape: tuple[int, int, int]
    blocks: Iterable[Array]

    @property
    def bytes(self) -> int:
        """Size of the images in bytes."""
        return len(self.labels) * self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Decoded:
    """A data set while it is read from its source; see ``Part``.

    ``warnings`` are those of ``RawImages``; a reader may add some until the last block has been read.
    """

    title: str
    class_names: tuple[str, ...]
    train: Part
    test: Part | None
    validation: Part | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def parts(self) -> dict[str, Part]:
        """The existing parts by name, in the order of the fingerprint."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    ``name`` is its path below the downloads folder, ``known_hash`` such as ``sha256:c4a3…``, ``size`` in bytes as
    published; ``urls`` are tried in turn.
    """

    name: str
    known_hash: str
    size: int
    urls: tuple[str, ...]


Loader = Callable[[int | None, ProgressCallback], RawImages]


@dataclass(frozen=True)
class StoredSizes:
    """Height, width and channels of stored images, the number of classes, and of images in each stored part."""

    shape: tuple[int, int, int]
    classes: int
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class NamedDataset:
    """A data set known by name; everything that the program knows of one follows from this declaration.

    Attributes:
        name: What it is called in settings and on the command line.
        title: What it is called in the window and in reports; part of the key of its decoded images.
        summary: How many images there are, of what, and how much is downloaded, in a line.
        load: Gives the images, from the side in pixels (None: that they are stored in) and a progress.
        files: What is downloaded; none where nothing is.
        replacements: What can lie in the downloads folder in place of all ``files``.
        cache_kind: The kind of the :class:`~engine.datasets.cache.CacheKey` of its decoded images; empty where they are
            not kept.
        cache_paths: The paths of these keys, below the downloads folder.
        numbers: Images (training and test) and classes, of a set whose decoded images are not kept.
        sizes: Of what it holds, which is known before it is downloaded.
    """

    name: str
    title: str
    summary: str
    load: Loader
    files: tuple[RemoteFile, ...] = ()
    replacements: tuple[str, ...] = ()
    cache_kind: str = ""
    cache_paths: tuple[str, ...] = ()
    numbers: tuple[int, int] | None = None
    sizes: StoredSizes | None = None


class Hash(Protocol):
    """The interface of ``hashlib`` objects that is used here."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""


def hash_blocks(part: Part, digest: Hash) -> Iterator[Array]:
    """Yield the blocks of ``part``, adding its shape, images and labels to ``digest``."""
    digest.update(repr((len(part.labels), *part.shape)).encode())
    for block in part.blocks:
        digest.update(block.tobytes())
        yield block
    digest.update(part.labels.astype("<i8").tobytes())


class PixelCheck:
    """Looks for images that are most likely not what the user means, while they are read block by block."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._highest = 0
        self._count = self._plain = 0
        self._first: Array | None = None
        self._all_alike = True

    def __call__(self, blocks: Iterable[Array]) -> Iterator[Array]:
        """Yield the blocks, uint8 [k, height, width, channels], looking at each."""
        for block in blocks:
            self._look_at(block)
            yield block

    def _look_at(self, block: Array) -> None:
        if not len(block):
            return
        if self._first is None:
            self._first = block[0].copy()
        flat = block.reshape(len(block), -1)
        highest = flat.max(axis=1)
        self._highest = max(self._highest, int(highest.max()))
        self._plain += int((highest == flat.min(axis=1)).sum())
        self._count += len(block)
        self._all_alike = self._all_alike and bool((block == self._first).all())

    def warnings(self, known: Iterable[str] = ()) -> Iterator[str]:
        """Yield sentences on what looks wrong in all blocks, unless the reader's, ``known``, explain it."""
        if self._all_alike and self._count > 1:
            yield f"All {self._count:,} images of {self._title} are alike, so nothing can be learned: see the files."
        elif self._plain > _MANY_PLAIN * self._count:
            yield (
                f"{self._plain:,} of {self._count:,} images of {self._title} are of a single colour; look at the files."
            )
        if 0 < self._highest <= _DARKEST and not any(TOO_DARK in sentence for sentence in known):
            yield (
                f"The brightest pixel of {self._title} is {self._highest} of 255, so its images are {TOO_DARK}; if "
                f"that stands for white, scale the pixels to 0 to 255 and save them again."
            )


def check_decoded(decoded: Decoded) -> None:
    """Check that a network can be trained on a data set and that it fits into memory.

    Raises:
        DatasetError: if it has fewer than two classes, a class without training images, or is too large.
    """
    if len(decoded.class_names) < 2:
        raise DatasetError(f"{decoded.title} has fewer than two classes; a network needs at least two to tell apart.")
    counts = np.bincount(decoded.train.labels, minlength=len(decoded.class_names))
    if not counts.all():
        name = decoded.class_names[int(np.argmin(counts))]
        raise DatasetError(f"{decoded.title} has no training image of class '{name}'; add some or take the class out.")
    size = sum(part.bytes for part in decoded.parts.values())
    if size > MAX_IMAGE_BYTES:
        raise DatasetError(
            f"{decoded.title} would take {4 * size / 2**30:.0f} GiB of memory (at most "
            f"{MAX_IMAGE_BYTES / 2**28:.0f} GiB are allowed); choose a smaller image side or fewer images."
        )


def collect(decoded: Decoded) -> RawImages:
    """Read a data set into memory; propagates the ``DatasetError`` of ``check_decoded``."""
    check_decoded(decoded)
    digest, check = hashlib.sha256(), PixelCheck(decoded.title)
    parts = {
        name: (np.concatenate(list(check(hash_blocks(part, digest)))), part.labels)
        for name, part in decoded.parts.items()
    }
    warnings = [*decoded.warnings, *check.warnings(decoded.warnings)]
    return raw_images(decoded.title, decoded.class_names, parts, digest.hexdigest(), warnings)


def raw_images(
    title: str,
    class_names: Iterable[str],
    parts: dict[str, tuple[Array, Array]],
    fingerprint: str,
    warnings: Iterable[str],
) -> RawImages:
    """Make a ``RawImages`` from images and labels of its parts, by the names that ``RawImages.parts`` uses."""
    none: tuple[None, None] = (None, None)
    x_train, y_train = parts["train"]
    x_test, y_test = parts.get("test", none)
    x_validation, y_validation = parts.get("validation", none)
    return RawImages(
        title=title,
        class_names=tuple(class_names),
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        fingerprint=fingerprint,
        x_validation=x_validation,
        y_validation=y_validation,
        warnings=tuple(map(one_line, warnings)),
    )
