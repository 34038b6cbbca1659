"""engine.datasets.formats.decode: what training sees is what a viewer shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets.formats.decode import ENDINGS, ImageLayout
from engine.datasets.formats.image import read_image, read_stored
from engine.utils.errors import BrokenImagesError, DatasetError
from tests.engine.datasets.conftest import leftovers, pixels, quiet, save

ORIENTATION = 0x0112
# What turns an upright image into the one that a camera stores for each EXIF orientation (CIPA DC-008, 4.6.5.1).
STORED = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image, -1),
}
UPRIGHT = np.zeros((16, 16, 3), np.uint8)
UPRIGHT[:8, :, 0], UPRIGHT[8:, :8, 2] = 255, 255  # red above, blue below on the left


def load(folder: Path, **settings: object) -> RawImages:
    return load_raw(DataSpec.build({"dataset": str(folder), **settings}), quiet)


def test_photos_are_turned_upright_as_in_try_it(tmp_path: Path) -> None:
    for orientation, store in STORED.items():
        note = Image.Exif()
        note[ORIENTATION] = orientation
        for name in ("a", "b"):
            path = tmp_path / "photos" / name / f"{orientation}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(store(UPRIGHT))).save(path, exif=note)
            assert np.array_equal(read_image(path), UPRIGHT)
    assert (load(tmp_path / "photos").x_train == UPRIGHT).all()


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != ".gif"])
def test_every_ending_is_read_in_training_and_in_try_it(tmp_path: Path, ending: str) -> None:
    gray = {".pgm": "L", ".pbm": "1"}.get(ending, "RGB")
    for name in ("a", "b"):
        path = save(tmp_path / "f" / name / f"1{ending.upper()}", Image.new(gray, (8, 8), "white"))
    assert load(tmp_path / "f").x_train.min() >= 250
    assert read_image(path).min() >= 250


def test_values_of_twelve_bits_are_said_to_be_dark(tmp_path: Path) -> None:
    for label, name in enumerate(("a", "b")):
        deep = pixels(8, 8, seed=label).astype(np.uint16) * 16
        save(tmp_path / "d" / name / "1.png", deep)
        save(tmp_path / "e" / name / "1.tif", deep * 16)
    found = load(tmp_path / "d").warnings
    highest = max(int(pixels(8, 8, seed=seed).max()) for seed in (0, 1)) * 16
    assert found == (
        f"2 images of 16 bits hold only values of 12 bits (up to {highest:,} of 65,535), too dark to tell much apart; "
        "multiply their pixels by 16 and save them again.",
    )
    assert load(tmp_path / "e").warnings == ()


@pytest.mark.parametrize("values", [np.full((8, 8), 0.5, np.float32), np.full((8, 8), 70_000, np.int32)])
def test_pixels_that_are_no_8_or_16_bits_are_refused(tmp_path: Path, values: object) -> None:
    for name in ("a", "b"):
        path = save(tmp_path / "d" / name / "1.tif", Image.fromarray(values))
    with pytest.raises(DatasetError, match="whole numbers of 8 or 16 bits"):
        load(tmp_path / "d")
    with pytest.raises(DatasetError, match="whole numbers of 8 or 16 bits"):
        read_image(path)


@pytest.mark.parametrize(("factor", "said"), [(1, "8 bits"), (4, "10 bits"), (64, "14 bits")])
def test_fewer_bits_in_sixteen_are_said_with_the_factor(tmp_path: Path, factor: int, said: str) -> None:
    for label, name in enumerate(("a", "b")):
        save(tmp_path / "d" / name / "1.png", pixels(16, 16, seed=label).astype(np.uint16) * factor)
    (found,) = [each for each in load(tmp_path / "d").warnings if "16 bits" in each]
    assert f"values of {said}" in found
    assert f"multiply their pixels by {256 // factor} " in found


def test_files_of_fewer_bits_among_others_are_counted(tmp_path: Path) -> None:
    for label, name in enumerate(("a", "b")):
        for number in range(4):
            deep = pixels(16, 16, seed=4 * label + number).astype(np.uint16) * (16 if number == 0 else 257)
            save(tmp_path / "d" / name / f"{number}.png", deep)
    (found,) = load(tmp_path / "d").warnings
    assert found.startswith("2 of 8 images of 16 bits hold only values up to 4,0")


def test_bright_shapes_on_a_transparent_ground_are_said_to_vanish(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(2):
            shape = np.full((8, 8, 2), 255, np.uint8)
            shape[..., 1] = pixels(8, 8, seed=number)
            save(tmp_path / "t" / name / f"{number}.png", Image.fromarray(shape, "LA"))
    assert load(tmp_path / "t").warnings == (
        "4 images with bright shapes on a transparent ground show nothing, as the ground becomes white; save them on a "
        "dark ground.",
        "All 4 images of t are alike, so nothing can be learned: see the files.",
    )


def test_dark_and_plain_images_are_doubted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "dark" / name / "1.png", pixels(8, 8, seed=ord(name)) % 2)
        for number in range(4):
            plain = np.full((8, 8), 40 * number, np.uint8)
            save(tmp_path / "plain" / name / f"{number}.png", plain if number < 2 else pixels(8, 8))
    assert load(tmp_path / "dark").warnings == (
        "The brightest pixel of dark is 1 of 255, so its images are too dark to tell much apart; if that stands for "
        "white, scale the pixels to 0 to 255 and save them again.",
    )
    assert load(tmp_path / "plain").warnings == ("4 of 8 images of plain are of a single colour; look at the files.",)
    assert load_raw(DataSpec(dataset="digits"), quiet).warnings == ()


def test_large_photos_suggest_a_smaller_side(tmp_path: Path) -> None:
    for label, name in enumerate(("a", "b")):
        save(tmp_path / "p" / name / "1.png", Image.fromarray(pixels(10, 10, seed=label)).resize((256, 256)))
    (found,) = load(tmp_path / "p").warnings
    assert found.startswith("The images are 256 pixels wide")
    assert "image_size=64 leaves 6.2% of the pixels" in found
    assert load(tmp_path / "p", image_size=64).warnings == ()


@pytest.fixture
def broken_folder(image_folder: Path) -> Path:
    """All parts have broken images: 13 of 36."""
    for number in range(11):
        (image_folder / f"train/cat/{number:02}.png").write_bytes(b"")
    (image_folder / "test/dog/00.png").write_bytes(b"no image")
    (image_folder / "test/dog/01.png").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    return image_folder


def test_broken_images_are_found_in_one_go(broken_folder: Path, cache: Path) -> None:
    with pytest.raises(BrokenImagesError) as caught:
        load(broken_folder)
    assert caught.value.count == 13
    message = str(caught.value)
    assert message.startswith(f"13 of 36 image files in {broken_folder} can't be read: train/cat/00.png, ")
    assert "train/cat/09.png (it is empty) and 3 more; repair or remove" in message
    assert leftovers(cache) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes need rights or are missing there")
def test_links_to_nothing_are_broken_and_pipes_are_left_out(image_folder: Path) -> None:
    (image_folder / "train/cat/link.png").symlink_to(image_folder / "gone.png")
    with pytest.raises(BrokenImagesError, match=r"link\.png can't be read as an image \(.*No such file"):
        load(image_folder)
    (image_folder / "train/cat/link.png").unlink()
    os.mkfifo(image_folder / "train/cat/pipe.png")
    (said,) = load(image_folder).warnings
    assert said == "Left out: 1 file in class folders, of kinds that are not read (1 special)."


def test_broken_images_are_left_out_on_request(broken_folder: Path) -> None:
    raw = load(broken_folder, skip_broken_images=True)
    assert np.bincount(raw.y_train).tolist() == [1, 12]
    assert np.array_equal(raw.x_train[0], pixels(8, 8, 3, seed=11))
    assert raw.y_test is not None
    assert np.bincount(raw.y_test).tolist() == [6, 4]
    (said,) = raw.warnings
    assert said.startswith("Left out: 13 image files that can't be read: train/cat/00.png, ")
    assert said.endswith(" and 3 more.")


def test_what_is_not_broken_is_the_same_with_and_without_the_setting(image_folder: Path) -> None:
    assert load(image_folder).fingerprint == load(image_folder, skip_broken_images=True).fingerprint


def test_a_photo_of_a_phone_is_named_by_its_kind(image_folder: Path) -> None:
    for path in (image_folder / "train/cat/00.png", image_folder / "photo.png"):
        path.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic")
    with pytest.raises(DatasetError, match=r"00\.png can't be read as an image \(it is in HEIC, whatever its name"):
        load(image_folder)
    with pytest.raises(DatasetError, match=r"photo\.png is a photo in HEIC, which can't be read; save it as JPEG"):
        read_image(image_folder / "photo.png")


def test_a_part_of_nothing_but_broken_images_is_refused(image_folder: Path) -> None:
    for path in (image_folder / "test").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(BrokenImagesError, match=r"12 of 36 .* repair them, as nothing would be left of a part"):
        load(image_folder, skip_broken_images=True)


def test_a_folder_of_nothing_but_broken_images_has_nothing_to_leave_out(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "f" / name).mkdir(parents=True)
        (tmp_path / "f" / name / "1.png").write_bytes(b"")
    with pytest.raises(BrokenImagesError, match=r"2 of 2 image files"):
        load(tmp_path / "f", skip_broken_images=True)


@pytest.mark.parametrize(("size", "side"), [((16, 16), None), ((400, 300), 32), ((1600, 1200), 32)])
def test_a_photo_is_tried_on_just_the_pixels_that_training_saw(
    tmp_path: Path, size: tuple[int, int], side: int | None
) -> None:
    for label, name in enumerate(("a", "b")):
        for number, orientation in enumerate((1, 6)):
            note = Image.Exif()
            note[ORIENTATION] = orientation
            path = tmp_path / "photos" / name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels(12, 16, 3, seed=2 * label + number)).resize(size).save(path, exif=note)
    stored = load(tmp_path / "photos", image_size=side).x_train
    layout = ImageLayout(stored.shape[1], 3)
    for image, file in zip(stored, sorted((tmp_path / "photos").rglob("*.jpg")), strict=True):
        assert np.array_equal(read_stored(file, layout), image)
