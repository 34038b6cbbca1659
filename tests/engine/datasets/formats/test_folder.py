"""engine.datasets.formats.folder: folders of images."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets.formats import decode
from engine.utils.errors import Cancelled, DatasetError
from tests.engine.datasets.conftest import leftovers, pixels, quiet, save


def load(folder: Path, side: int | None = None) -> RawImages:
    return load_raw(DataSpec(dataset=str(folder), image_size=side), quiet)


def test_train_and_test(image_folder: Path) -> None:
    raw = load(image_folder)
    assert (raw.title, raw.class_names) == ("çiçekler", ("cat", "dog"))
    assert raw.x_train.shape == (24, 8, 8, 3)
    assert np.array_equal(raw.x_train[13], pixels(8, 8, 3, seed=101))
    assert raw.y_train.tolist() == [0] * 12 + [1] * 12
    assert raw.y_test is not None
    assert raw.y_test.tolist() == [0] * 6 + [1] * 6


def test_only_classes(image_folder: Path) -> None:
    raw = load(image_folder / "train")
    assert raw.x_test is None
    assert raw.y_test is None
    assert len(raw.y_train) == 24


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "tram"):
        save(tmp_path / "vehicles" / name / "1.png", pixels(8, 8))
    assert load(tmp_path / "vehicles").class_names == ("train", "tram")


def test_relative_paths_and_home(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(image_folder.parent)
    monkeypatch.setenv("HOME", str(image_folder.parent))
    monkeypatch.setenv("USERPROFILE", str(image_folder.parent))
    prints = {load_raw(DataSpec(dataset=name), quiet).fingerprint for name in ("çiçekler", "~/çiçekler")}
    assert len(prints) == 1


def test_hidden_and_other_files_are_passed_over(image_folder: Path) -> None:
    before = load(image_folder).fingerprint
    (image_folder / "train/cat/.hidden.png").write_bytes(b"")
    (image_folder / "train/cat/notes.txt").write_text("hello")
    (image_folder / "train/.git").mkdir()
    (image_folder / "readme.md").write_text("hello")
    assert load(image_folder).fingerprint == before


@pytest.mark.parametrize("ending", ["JPG", "jpeg", "bmp", "gif", "webp", "PNG"])
def test_formats(tmp_path: Path, ending: str) -> None:
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    for name in ("a", "b"):
        save(tmp_path / "f" / name / f"1.{ending}", flat)
    found = load(tmp_path / "f").x_train
    assert np.abs(found.astype(int) - flat).max() <= 6


def test_modes_mixed(tmp_path: Path) -> None:
    """Every mode keeps its visible colour; transparent parts become white."""
    gray = Image.new("L", (8, 8), 100)
    deep = Image.fromarray(np.full((8, 8), 100 * 256, np.uint16))
    images = {
        "gray": (gray, 100),
        "rgb": (gray.convert("RGB"), 100),
        "palette": (gray.convert("P"), 100),
        "deep": (deep, 100),
        "bits": (Image.new("1", (8, 8), 1), 255),
        "clear": (Image.new("RGBA", (8, 8), (0, 0, 0, 0)), 255),
        "veil": (Image.new("LA", (8, 8), (0, 0)), 255),
    }
    for name, (image, _) in images.items():
        save(tmp_path / "m" / name / "1.png", image)
    transparent = Image.new("P", (8, 8), 0)
    save(tmp_path / "m" / "hole" / "1.png", transparent).unlink()
    transparent.save(tmp_path / "m" / "hole" / "1.png", transparency=0)
    raw = load(tmp_path / "m")
    assert raw.x_train.shape[3] == 3
    expected = {name: value for name, (_, value) in images.items()} | {"hole": 255}
    found = {name: int(raw.x_train[k].max()) for k, name in enumerate(raw.class_names)}
    assert found == expected
    assert {name: int(raw.x_train[k].min()) for k, name in enumerate(raw.class_names)} == expected


def test_gray_images_have_one_channel(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "g" / name / "1.png", pixels(8, 8))
        save(tmp_path / "g" / name / "2.png", Image.fromarray(pixels(8, 8)).convert("LA"))
        save(tmp_path / "g" / name / "3.png", Image.fromarray(pixels(8, 8).astype(np.uint16) * 257))
    found = load(tmp_path / "g").x_train
    assert found.shape == (6, 8, 8, 1)
    assert np.array_equal(found[2], found[0])


def test_colour_that_the_sample_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_SAMPLE", 2)
    for number in range(6):
        save(tmp_path / "g" / "ab"[number % 2] / f"{number}.png", pixels(8, 8, *([3] if number == 4 else [])))
    assert load(tmp_path / "g").x_train.shape == (6, 8, 8, 3)


def test_size_is_the_most_common_and_square(tmp_path: Path) -> None:
    for number, (height, width) in enumerate(((10, 12), (12, 12), (12, 9), (30, 30))):
        for name in ("a", "b"):
            save(tmp_path / "s" / name / f"{number}.png", np.full((height, width), 7 * number, np.uint8))
    raw = load(tmp_path / "s")
    assert raw.x_train.shape == (8, 12, 12, 1)
    assert raw.x_train.max() == 21
    assert load(tmp_path / "s", 6).x_train.shape == (8, 6, 6, 1)


def test_large_photos_are_shrunk_to_what_is_allowed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "p" / name / "1.jpg", np.full((600, 900, 3), 90, np.uint8))
    raw = load(tmp_path / "p")
    assert raw.x_train.shape == (2, 512, 512, 3)
    assert np.abs(raw.x_train.astype(int) - 90).max() <= 2


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header announces that many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return len(content).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x00\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"this is no image", "it is no image"),
        (png_claiming(10_000, 10_000), "million pixels|decompression bomb"),
        (png_claiming(60_000, 60_000), "decompression bomb"),
        (png_claiming(50, 50), "can't be read"),
    ],
)
@pytest.mark.parametrize("number", [0, 11])
def test_broken_images_are_named(image_folder: Path, cache: Path, content: bytes, reason: str, number: int) -> None:
    path = image_folder / f"train/dog/{number:02}.png"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=reason) as caught:
        load(image_folder)
    assert str(path) in str(caught.value)
    assert leftovers(cache) == []


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
def test_too_many_pixels_without_warnings_as_errors(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_MAX_PIXELS", 63)
    with pytest.raises(DatasetError, match="million pixels"):
        load(image_folder)


def test_truncated_jpeg(tmp_path: Path) -> None:
    for name in ("a", "b"):
        path = save(tmp_path / "j" / name / "1.jpg", pixels(64, 64, 3))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DatasetError, match=r"1\.jpg can't be read as an image .*truncated"):
        load(tmp_path / "j")


def test_sentences_for_layouts_that_do_not_fit(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no images in folders"):
        load(tmp_path / "empty")
    (tmp_path / "empty" / "cat").mkdir()
    with pytest.raises(DatasetError, match="The class 'cat' of empty has no images; place"):
        load(tmp_path / "empty")
    (image_folder / "train" / "bird").mkdir()
    with pytest.raises(DatasetError, match="The class 'bird' of çiçekler has no images; place"):
        load(image_folder)
    (image_folder / "train" / "bird").rmdir()
    (image_folder / "test" / "bird").mkdir()
    with pytest.raises(DatasetError, match="bird has no counterpart in train"):
        load(image_folder)
    shutil.rmtree(image_folder / "train" / "dog")
    shutil.rmtree(image_folder / "test")
    with pytest.raises(DatasetError, match="fewer than two classes"):
        load(image_folder)


def test_cancelled_while_decoding_leaves_nothing(image_folder: Path, cache: Path) -> None:
    def cancel(message: str, done: int, _total: int) -> None:
        if message == "Decoding images" and done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        load_raw(DataSpec(dataset=str(image_folder)), cancel)
    assert leftovers(cache) == []
    assert list((cache / "decoded").iterdir()) == []


def test_progress_counts_every_image(image_folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    load_raw(DataSpec(dataset=str(image_folder)), lambda *step: seen.append(step))
    assert seen == [("Looking through çiçekler", 0, 0), ("Decoding images", 24, 36), ("Decoding images", 36, 36)]
