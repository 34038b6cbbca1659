"""engine.datasets.shared: images that one process prepared are mapped by others, to the bit."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets.prepare import PreparedData, PreparedPart, describe_and_prepare, prepare
from engine.datasets.shared import RESERVED_BYTES, SharedImages
from engine.utils.arrays import ALIGNMENT
from engine.utils.errors import Cancelled
from tests.engine.datasets.conftest import leftovers, quiet

ARRAYS = [field.name for field in fields(PreparedData) if field.name != "info"]


@pytest.fixture
def shared(tmp_path: Path) -> SharedImages:
    (tmp_path / "shared").mkdir()
    return SharedImages(tmp_path / "shared")


@pytest.mark.parametrize("grayscale", [True, False])
def test_what_is_mapped_is_what_is_prepared_in_memory(
    image_folder: Path, shared: SharedImages, grayscale: bool
) -> None:
    spec = DataSpec(dataset=str(image_folder), grayscale=grayscale)
    info, parts = describe_and_prepare(spec, quiet)
    assert shared.read(spec, info) is None
    shared.write(spec, info, parts)
    mapped, expected = shared.read(spec, info), prepare(spec, quiet)
    assert mapped is not None
    assert mapped.info == info
    for name in ARRAYS:
        found, wanted = getattr(mapped, name), getattr(expected, name)
        assert np.array_equal(found, wanted)
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    for images in (mapped.x_train, mapped.x_validation, expected.x_train):
        assert images.ctypes.data % ALIGNMENT == 0
    assert isinstance(mapped.x_train, np.memmap)


def test_the_same_images_are_prepared_once_and_others_take_their_place(
    image_folder: Path, shared: SharedImages, tmp_path: Path
) -> None:
    def read_again() -> Iterator[PreparedPart]:
        raise AssertionError
        yield

    first, other = (DataSpec(dataset=str(image_folder), normalization=how) for how in ("half", "none"))
    info, parts = describe_and_prepare(first, quiet)
    shared.write(first, info, parts)
    before = leftovers(tmp_path / "shared")
    shared.write(first, info, read_again())
    assert leftovers(tmp_path / "shared") == before
    assert len(before) == 2 * 3 + 1, "images and labels of each part, and the marker"
    kept = shared.read(first, info)
    assert kept is not None
    copy = kept.x_train.copy()
    shared.write(other, *describe_and_prepare(other, quiet))
    assert shared.read(first, info) is None
    assert len(leftovers(tmp_path / "shared")) == 2 * 3 + 1
    assert np.array_equal(kept.x_train, copy), "what is mapped stays"


@pytest.mark.parametrize("error", [Cancelled("by the user"), OSError(28, "No space left on device")])
def test_nothing_is_kept_of_images_that_were_not_prepared_to_the_end(
    image_folder: Path, shared: SharedImages, tmp_path: Path, error: Exception
) -> None:
    spec = DataSpec(dataset=str(image_folder))
    info, parts = describe_and_prepare(spec, quiet)

    def broken_off() -> Iterator[PreparedPart]:
        yield next(parts)
        raise error

    with pytest.raises(type(error)):
        shared.write(spec, info, broken_off())
    assert shared.read(spec, info) is None
    assert leftovers(tmp_path / "shared") == []


def test_images_are_written_only_where_they_leave_space(
    image_folder: Path, shared: SharedImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DataSpec(dataset=str(image_folder))
    info, parts = describe_and_prepare(spec, quiet)
    expected = prepare(spec, quiet)
    assert info.image_bytes == sum(each.nbytes for each in (expected.x_train, expected.x_validation, expected.x_test))
    free = info.image_bytes + RESERVED_BYTES - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free))
    with pytest.raises(OSError, match="No space left") as raised:
        shared.write(spec, info, parts)
    assert raised.value.errno == errno.ENOSPC
    assert leftovers(tmp_path / "shared") == []
    free += 1
    shared.write(spec, info, parts)
    assert shared.read(spec, info) is not None, "none of the parts was read before"
