"""Data sets as people have them, and what the program makes of each: the table in docs/reliability.md.

``python -m tests.engine.datasets.inputs_tried`` prints the table.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from engine.config.specs import DataSpec
from engine.datasets import describe_dataset
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from tests.engine.datasets.arrays_tried import ARRAYS

COUNT = 12  # images of a class and part
SIDE = 8
CLASSES = ("cats", "dogs")

Make = Callable[[Path], Path]
Case = tuple[str, Make]


def picture(label: int, number: int, side: int = SIDE) -> Array:
    """A coloured square on noise, uint8 [side, side, 3]: reddish cats, greenish dogs, brighter on the left."""
    image = np.random.default_rng(100 * label + number).integers(0, 60, (side, side, 3), np.uint8)
    image[:, : side // 2, label] += 160
    return image


def fill(folder: Path, first: int = 0, ending: str = ".png", classes: tuple[str, ...] = CLASSES) -> Path:
    """Write ``COUNT`` images of each class."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + COUNT):
            Image.fromarray(picture(label, number)).save(folder / name / f"{number}{ending}")
    return folder


def _parts(train: str, *others: str) -> Make:
    def make(folder: Path) -> Path:
        fill(folder / train)
        for number, other in enumerate(others, start=1):
            fill(folder / other, number * COUNT)
        return folder

    return make


def _beside(*names: str) -> Make:
    def make(folder: Path) -> Path:
        fill(folder)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"no image")
        return folder

    return make


def _exif(folder: Path) -> Path:
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(COUNT):
            note = Image.Exif()
            note[0x0112], turns = ((1, 0), (3, 2), (6, 1), (8, -1))[number % 4]
            stored = Image.fromarray(np.rot90(picture(label, number), turns).copy())
            stored.save(folder / name / f"{number}.jpg", exif=note, quality=95)
    return folder


def _broken(folder: Path) -> Path:
    fill(folder)
    for number in range(11):
        path = folder / CLASSES[number % 2] / f"{number}.png"
        path.write_bytes(path.read_bytes()[: 40 + number])
    return folder


def _sixteen_bits(folder: Path) -> Path:
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(COUNT):
            deep = picture(label, number)[..., label].astype(np.uint16) * 16
            Image.fromarray(deep).save(folder / name / f"{number}.png")
    return folder


def _transparent(folder: Path) -> Path:
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(COUNT):
            gray = np.full((SIDE, SIDE, 2), 255, np.uint8)
            gray[..., 1] = picture(label, number)[..., label]
            Image.fromarray(gray, "LA").save(folder / name / f"{number}.png")
    return folder


def _not_utf_8(folder: Path) -> Path:
    fill(folder)
    os.rename(folder / CLASSES[0], os.fsencode(folder) + b"/caf\xe9")  # noqa: PTH104
    return folder


def _flat(folder: Path) -> Path:
    fill(folder / "all")
    for path in (folder / "all").rglob("*.png"):
        path.rename(folder / f"{path.parent.name}_{path.name}")
    for name in CLASSES:
        (folder / "all" / name).rmdir()
    (folder / "all").rmdir()
    return folder


def _flat_parts(folder: Path) -> Path:
    for part in ("train", "test"):
        _flat(folder / part)
    return folder


def _heic(folder: Path) -> Path:
    for path in (fill(folder) / "dogs").iterdir():
        path.rename(path.with_suffix(".heic"))
    return folder


FOLDERS: list[Case] = [
    ("a folder a class", fill),
    ("`train/`, `test/`", _parts("train", "test")),
    ("`train/`, `val/`, `test/`", _parts("train", "val", "test")),
    ("`Training/`, `Validation/`, `Testing/`", _parts("Training", "Validation", "Testing")),
    ("`training_set/training_set/`, `test_set/test_set/`", _parts("training_set/training_set", "test_set/test_set")),
    ("all in a lone folder", _parts("dataset/seg_train", "dataset/seg_test")),
    ("`train/`, and a folder of a name that is no part's", _parts("train", "extra")),
    (
        "`__MACOSX`, `$RECYCLE.BIN`, `@eaDir` beside the classes",
        _beside("__MACOSX/1.png", "$RECYCLE.BIN/1.png", "@eaDir/1"),
    ),
    ("HEIC photos and notes in class folders", _beside("cats/1.heic", "cats/2.heic", "dogs/notes.txt")),
    ("documents beside the classes", _beside("docs/readme.txt")),
    ("images without class folders", _flat),
    ("`train/` and `test/` without class folders", _flat_parts),
    ("classes in folders of folders", lambda folder: fill(folder, classes=("pets/cats", "pets/dogs", "wild/cats"))),
    ("a class of nothing but HEIC photos", _heic),
    ("a class folder whose name is not UTF-8", _not_utf_8),
    ("photos with EXIF orientation 1, 3, 6 and 8", _exif),
    ("TIFF", lambda folder: fill(folder, ending=".tiff")),
    ("PPM", lambda folder: fill(folder, ending=".ppm")),
    ("JPEG named .jfif", lambda folder: fill(folder, ending=".jfif")),
    ("12-bit values in 16-bit PNG", _sixteen_bits),
    ("bright shapes on transparent ground", _transparent),
    ("11 of 24 files cut short", _broken),
]
CASES = [*FOLDERS, *ARRAYS]


def outcome(dataset: Path) -> str:
    """Return what comes of a data set: how many images are used for what, and the warnings, or the error."""
    spec = DataSpec(dataset=str(dataset))
    try:
        info = describe_dataset(spec, lambda *_: None)
    except DatasetError as error:
        return _plain(f"refused: {error}", dataset)
    height, width, _ = info.shape
    used = f"{info.train_count} training, {info.validation_count} validation and {info.test_count} test images"
    said = "".join(f" {warning}" for warning in info.warnings)
    return _plain(f"{used} of {width}x{height} in {len(info.class_names)} classes.{said}", dataset)


def _plain(text: str, dataset: Path) -> str:
    return text.replace(f"{dataset}{os.sep}", "").replace(str(dataset), dataset.name).replace("|", "\\|")


def table(folder: Path) -> str:
    """Make every input below ``folder`` and return the table in Markdown."""
    lines = ["| input | what comes of it |", "|---|---|"]
    for number, (name, make) in enumerate(CASES):
        place = folder / str(number) / "set"
        place.mkdir(parents=True)
        lines.append(f"| {name} | {outcome(make(place))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRAINSCOPE_CACHE"] = f"{folder}/cache"
        print(table(Path(folder)))  # noqa: T201
