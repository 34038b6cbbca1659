"""Where the images of a folder are: its parts, their classes, and what is left out.

A part is found by the usual names, such as ``train``, ``Training`` or ``seg_train``; each of its sub-folders is a
class, as for torchvision's ``ImageFolder`` and Keras' ``image_dataset_from_directory``. Only names are read, no image.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.datasets.formats.decode import ENDINGS
from engine.datasets.formats.places import MAX_WRAPPERS, is_system, sub_folders
from engine.utils.errors import DatasetError
from engine.utils.text import pluralise

PARTS = ("train", "validation", "test")

_WORDS = {
    "train": r"train|training",
    "validation": r"val|valid|validation|dev",
    "test": r"test|testing",
}
_AFTER = r"(set|data|images?|imgs?)?\d*"  # as in trainset, TestData, train2017
_UNSUPPORTED = {".heic", ".heif", ".avif"}  # as phones and browsers save photos
_MAX_FOLDERS_SEARCHED = 2000
_SHOWN = 3  # folders or endings named in a sentence


@dataclass(frozen=True)
class FolderLayout:
    """The class folders of a data set.

    Attributes:
        class_names: in the order of the training part's folders, in Unicode's composed form (NFC).
        parts: for each existing part, the folders of each class; several if names differ only in their Unicode form.
        warnings: sentences on what was left out.
    """

    class_names: tuple[str, ...]
    parts: dict[str, dict[str, list[Path]]]
    warnings: list[str] = field(default_factory=list)


def find_layout(folder: Path) -> FolderLayout:
    """Find the parts and classes of a folder; propagates ``OSError``.

    A lone folder around them is looked into, at any level. Without a training part, the sub-folders are the classes.
    Folders without images are passed over where they hold other files.

    Raises:
        DatasetError: if there are no class folders, the parts are ambiguous, or a name is unsuitable.
    """
    root = _inside_wrappers(folder)
    found = {part: paths for part in PARTS if (paths := _part_folders(root, part))}
    if "train" not in found:
        _check_classes_are_no_parts(root)
        found = {"train": [root]}
    places = {part: _inside_wrappers(_only(part, paths)) for part, paths in found.items()}
    others = {place: _folders_of_other_files(place) for place in places.values()}
    parts = {part: _classes(place, others[place]) for part, place in places.items()}
    names = tuple(parts["train"])
    if not names:
        raise DatasetError(_no_classes_message(folder))
    for part, classes in parts.items():
        _check_classes(part, classes, names)
    layout = FolderLayout(names, parts)
    used = {path for paths in found.values() for path in paths}
    layout.warnings.extend(_folders_left_out(root, parts, used))
    layout.warnings.extend(_loose_left_out({folder, root, *used, *places.values()}))
    layout.warnings.extend(_imageless_left_out([name for names in others.values() for name in names]))
    return layout


def check_has_folders(folder: Path) -> None:
    """Check that there are folders that may be classes or parts, by names alone; propagates ``OSError``.

    Raises:
        DatasetError: if not.
    """
    if not _sub_folders(folder):
        raise DatasetError(_no_classes_message(folder))


def image_files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the image files directly in a folder, in no order; links to nothing among them, as they are broken."""
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if _is_image(entry.name) and _is_file_or_broken_link(entry))


def passed_over(folders: Sequence[Path]) -> list[str]:
    """Return sentences on what class folders hold besides images that are read."""
    deeper = [count for folder in folders for path, count in _folders_with_images(folder) if path != folder]
    return [*_kinds_left_out(_other_kinds(folders)), *_deeper_left_out(sum(deeper))]


def _kinds_left_out(kinds: Counter[str]) -> Iterator[str]:
    if kinds:
        advice = "; save HEIC and AVIF photos as JPEG" if _UNSUPPORTED & kinds.keys() else ""
        files = pluralise(kinds.total(), "file")
        yield f"Left out: {files} in class folders, of kinds that are not read ({_listed(kinds)}){advice}."


def _deeper_left_out(count: int) -> Iterator[str]:
    if count:
        yield (
            f"Left out: {pluralise(count, 'image')} in folders inside class folders; move them up into their class "
            "folder to use them."
        )


def _part_folders(root: Path, part: str) -> list[Path]:
    """Return the sub-folders named like a part that hold folders; only the exact names where there are such."""
    named = [root / name for name in _sub_folders(root) if _part_of(name) == part]
    candidates = [path for path in named if _has_classes(path, part)]
    exact = [path for path in candidates if re.fullmatch(_WORDS[part], path.name.casefold())]
    return exact or candidates


def _has_classes(folder: Path, part: str) -> bool:
    """Return whether a part has class folders, rather than images in a folder that only wraps them."""
    names = _sub_folders(_inside_wrappers(folder))
    return bool(names) and not (len(names) == 1 and _part_of(names[0]) == part)


def _check_classes_are_no_parts(root: Path) -> None:
    """Check that the class folders are not parts without classes.

    Raises:
        DatasetError: if two or more are named like different parts.
    """
    parts = {part: name for name in _sub_folders(root) if (part := _part_of(name)) and _holds_images(root / name)}
    if len(parts) > 1:
        names = " and ".join(sorted(parts.values()))
        raise DatasetError(
            f"{root} has {names} but no training images in class folders, so their classes are not known; lay it out "
            "as train/<class>/*.png."
        )


def _part_of(name: str) -> str | None:
    """Return the part that a folder's name stands for; None if it is none or more than one."""
    words = re.split(r"[\W_]+", name.casefold())
    found = [
        part for part, pattern in _WORDS.items() if any(re.fullmatch(f"({pattern}){_AFTER}", word) for word in words)
    ]
    return found[0] if len(found) == 1 else None


def _only(part: str, paths: list[Path]) -> Path:
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths[:2])
        raise DatasetError(f"{paths[0].parent} has both {names} for its {part} part; take one of them out.")
    return paths[0]


def _inside_wrappers(folder: Path) -> Path:
    """Return the folder within lone folders that only wrap it, as in ``seg_train/seg_train/<class>``."""
    for _ in range(MAX_WRAPPERS):
        names = [name for name in _sub_folders(folder) if _holds_images(folder / name)]
        if len(names) != 1 or not _sub_folders(folder / names[0]):
            break
        if _part_of(names[0]) and _part_of(folder.name) != _part_of(names[0]):
            break  # a data set of this part alone
        folder /= names[0]
    return folder


def _classes(folder: Path, others: Sequence[str]) -> dict[str, list[Path]]:
    """Return the class folders by the class' name in NFC, ordered by name; all folders but ``others``.

    Raises:
        DatasetError: if a name is no UTF-8.
    """
    classes: dict[str, list[Path]] = {}
    for name in _sub_folders(folder):
        if name in others:
            continue
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DatasetError(f"The name of the class folder {folder / name} is not UTF-8; rename it.") from None
        classes.setdefault(unicodedata.normalize("NFC", name), []).append(folder / name)
    return dict(sorted(classes.items()))


def _check_classes(part: str, classes: dict[str, list[Path]], names: tuple[str, ...]) -> None:
    by_case = {name.casefold(): name for name in names}
    for name in classes:
        if name not in names:
            hint = f"; did you mean '{by_case[name.casefold()]}'?" if name.casefold() in by_case else ""
            raise DatasetError(
                f"{classes[name][0]} has no counterpart in train; the {part} classes must be among those{hint or '.'}"
            )


def _folders_left_out(root: Path, parts: dict[str, dict[str, list[Path]]], used: set[Path]) -> Iterator[str]:
    """Yield sentences on folders with images beside those of the parts."""
    if root not in used:
        for name in _sub_folders(root):
            count = 0 if root / name in used else sum(count for _, count in _folders_with_images(root / name))
            if count:
                yield f"Left out: {pluralise(count, 'image')} in {name}, as {_reason_left_out(root / name, parts)}."


def _loose_left_out(folders: set[Path]) -> Iterator[str]:
    """Yield a sentence on images that lie directly in folders of class folders."""
    loose = sum(1 for folder in folders for _ in image_files(folder))
    if loose:
        yield f"Left out: {pluralise(loose, 'image')} beside the class folders; move them into one to use them."


def _imageless_left_out(names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence on folders beside the classes that hold only other files."""
    if names:
        more = ", …" if len(names) > _SHOWN else ""
        yield f"Left out: {pluralise(len(names), 'folder')} without images ({', '.join(names[:_SHOWN])}{more})."


def _reason_left_out(folder: Path, parts: dict[str, dict[str, list[Path]]]) -> str:
    part = _part_of(folder.name)
    if part is None:
        return "its name is none of train, validation and test"
    if part in parts:
        return f"{folder.parent.name} has another {part} part"
    return "it has no class folders, so its images have no labels"


def _no_classes_message(folder: Path) -> str:
    seen = [f"{path} ({count})" for path, count in _folders_with_images(folder)]
    more = ", …" if len(seen) > _SHOWN else ""
    where = f"; images were seen in {', '.join(seen[:_SHOWN])}{more}" if seen else ""
    return f"{folder} holds no images in folders; lay it out as train/<class>/*.png or <class>/*.png{where}."


def no_images_message(base: Path, folders: Sequence[Path], whose: str) -> str:
    """Return the message for class folders without an image.

    Args:
        base: the data set's folder.
        folders: the class folders, all of one class or of one part.
        whose: what they are of, such as ``The validation part of flowers``.
    """
    kinds = _other_kinds(folders)
    seen = [f"{path.relative_to(base)} ({count})" for folder in folders for path, count in _folders_with_images(folder)]
    if kinds and _UNSUPPORTED & kinds.keys():
        return f"{whose} has no images that can be read, only {_listed(kinds)} files; save the photos as JPEG."
    if seen:
        more = ", …" if len(seen) > _SHOWN else ""
        return (
            f"{whose} has images only in deeper folders ({', '.join(seen[:_SHOWN])}{more}); lay them out as "
            "train/<class>/*.png or <class>/*.png."
        )
    there = f", only {_listed(kinds)} files" if kinds else ""
    return f"{whose} has no images{there}; place {', '.join(ENDINGS)} files there or take the folder out."


def _other_kinds(folders: Sequence[Path]) -> Counter[str]:
    """Count the files of other kinds directly in folders by their endings."""
    kinds: Counter[str] = Counter()
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_system(entry.name) and not entry.is_dir():
                    if not _is_file_or_broken_link(entry):
                        kinds["special"] += 1
                    elif not _is_image(entry.name):
                        kinds[Path(entry.name).suffix.lower() or "without ending"] += 1
    return kinds


def _listed(kinds: Counter[str]) -> str:
    most = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join([f"{count:,} {kind}" for kind, count in most[:_SHOWN]] + ["…"] * (len(most) > _SHOWN))


def _holds_images(folder: Path) -> bool:
    """Return whether there is an image anywhere in a folder, or a photo of a kind that is not read."""
    walk = os.walk(folder)
    for searched, (_, folders, files) in enumerate(walk):
        if any(_is_image(name) or Path(name).suffix.lower() in _UNSUPPORTED for name in files):
            return True
        if searched == _MAX_FOLDERS_SEARCHED:
            break
        folders[:] = [name for name in folders if not is_system(name)]
    return False


def _folders_of_other_files(folder: Path) -> list[str]:
    """Return the folders beside the classes that hold documents, code or the like."""
    return [name for name in _sub_folders(folder) if _is_of_other_files(folder / name)]


def _is_of_other_files(folder: Path) -> bool:
    """Return whether a folder holds something, but no image, rather than being a class."""
    with os.scandir(folder) as entries:
        is_empty = all(is_system(entry.name) for entry in entries)
    return not is_empty and not _holds_images(folder)


def _folders_with_images(folder: Path) -> list[tuple[Path, int]]:
    """Return the folders below ``folder`` that hold images, and how many; at most 2,000 folders are looked into."""
    found: list[tuple[Path, int]] = []
    for searched, (place, folders, files) in enumerate(os.walk(folder)):
        if searched == _MAX_FOLDERS_SEARCHED:
            break
        folders[:] = sorted(name for name in folders if not is_system(name))
        if count := sum(map(_is_image, files)):
            found.append((Path(place), count))
    return found


def _sub_folders(folder: Path) -> list[str]:
    try:
        return [path.name for path in sub_folders(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_file_or_broken_link(entry: os.DirEntry[str]) -> bool:
    return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())


def _is_image(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")
