"""engine.datasets.formats.image: image files of any kind."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.datasets.formats.image import read_image
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

ORIENTATION = 0x0112
HALVES = np.array([[[255, 0, 0]] * 6, [[0, 0, 255]] * 6], np.uint8)  # red above blue, 6x2


def save(path: Path, image: Array | Image.Image, **options: object) -> Path:
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "webp", "tif", "ppm", "pgm"])
def test_formats(tmp_path: Path, ending: str) -> None:
    options = {"lossless": True} if ending == "webp" else {}
    assert np.array_equal(read_image(save(tmp_path / f"a.{ending}", HALVES, **options)), HALVES)


def test_the_content_counts_not_the_ending(tmp_path: Path) -> None:
    save(tmp_path / "a.png", HALVES).rename(tmp_path / "ürün.txt")
    assert np.array_equal(read_image(tmp_path / "ürün.txt"), HALVES)


def test_gray_becomes_three_equal_channels(tmp_path: Path) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(read_image(save(tmp_path / "g.png", gray)), gray[..., np.newaxis].repeat(3, axis=2))


def test_sixteen_bits_are_not_clipped(tmp_path: Path) -> None:
    deep = np.array([[0, 0x80FF], [0x4000, 0xFFFF]], np.uint16)
    assert read_image(save(tmp_path / "d.png", deep))[..., 0].tolist() == [[0, 0x80], [0x40, 0xFF]]


def test_transparent_parts_lie_on_white(tmp_path: Path) -> None:
    ink = np.array([[[0, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    assert read_image(save(tmp_path / "t.png", ink))[0, :, 0].tolist() == [0, 255, 127]


def test_a_camera_held_upright(tmp_path: Path) -> None:
    note = Image.Exif()
    note[ORIENTATION] = 6  # rotate by 90° clockwise
    turned = read_image(save(tmp_path / "e.png", HALVES, exif=note))
    assert np.array_equal(turned, np.rot90(HALVES, -1))


def test_large_images_come_small_in_their_proportions(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "l.png", Image.new("RGB", (2048, 1024), "red"))).shape == (256, 512, 3)
    found = read_image(save(tmp_path / "l.jpg", Image.new("RGB", (3000, 4000), "red")))
    assert found.shape == (512, 384, 3)
    assert np.abs(found.reshape(-1, 3).mean(axis=0) - [254, 0, 0]).max() < 2


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"There is no file .*gone\.png"):
        read_image(tmp_path / "gone.png")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="can't be read as an image"):
        read_image(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_what_is_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "n.png").write_bytes(content)
    with pytest.raises(DatasetError, match=r"n\.png is not an image that can be read; open a PNG or JPEG file\."):
        read_image(tmp_path / "n.png")


def test_half_an_image(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole = save(tmp_path / "h.png", noise).read_bytes()
    (tmp_path / "h.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"h\.png can't be read as an image .*; save it again"):
        read_image(tmp_path / "h.png")


@pytest.mark.parametrize("side", [11, 30])  # above Pillow's limits for a warning and for an error
def test_a_decompression_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    file = save(tmp_path / "b.png", Image.new("L", (side, side)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DatasetError, match=r"b\.png has more than 0 million pixels; open a smaller copy"):
        read_image(file)


def test_a_pipe_or_a_device_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zeros.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "zeros.png"):
        with pytest.raises(DatasetError, match=rf"{name} can't be read as an image \(.*a pipe or a device"):
            read_image(tmp_path / name)
