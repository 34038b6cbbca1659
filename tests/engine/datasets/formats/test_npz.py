"""engine.datasets.formats.npz: accepted and refused shapes and types."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets.formats import npz
from engine.datasets.registry import check_path
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import leftovers, pixels, quiet

LABELS = np.arange(12) % 3


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def load(path: Path, side: int | None = None) -> RawImages:
    return load_raw(DataSpec(dataset=str(path), image_size=side), quiet)


def test_colour_with_test_part(tmp_path: Path) -> None:
    images = pixels(12, 8, 8, 3)
    path = saved(tmp_path / "küme.npz", x_train=images, y_train=LABELS, x_test=images[:3], y_test=LABELS[:3])
    raw = load(path)
    assert (raw.title, raw.class_names) == ("küme", ("0", "1", "2"))
    assert np.array_equal(raw.x_train, images)
    assert raw.x_test is not None
    assert np.array_equal(raw.x_test, images[:3])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1(tmp_path: Path, dtype: type[np.floating[Any]]) -> None:
    images = np.linspace(0, 1, 12 * 8 * 8).reshape(12, 8, 8).astype(dtype)
    raw = load(saved(tmp_path / "f.npz", x_train=images, y_train=LABELS.reshape(12, 1)))
    assert raw.x_train.shape == (12, 8, 8, 1)
    assert np.array_equal(raw.x_train[..., 0], np.rint(images.astype(np.float64) * 255))
    assert raw.x_test is None


def test_labels_of_any_value_and_names(tmp_path: Path) -> None:
    labels = np.array([-5, 7, 1000] * 4, np.int16)
    assert load(saved(tmp_path / "a.npz", x_train=pixels(12, 8, 8), y_train=labels)).class_names == ("-5", "7", "1000")
    names = np.array(["eksi", "yedi", "bin"])
    raw = load(saved(tmp_path / "b.npz", x_train=pixels(12, 8, 8), y_train=labels, class_names=names))
    assert raw.class_names == ("eksi", "yedi", "bin")
    assert raw.y_train.tolist() == [0, 1, 2] * 4
    assert raw.y_train.dtype == np.int64


def test_oblong_images_become_square(tmp_path: Path) -> None:
    arrays = {"x_train": np.full((12, 6, 10), 33, np.uint8), "y_train": LABELS}
    path = saved(tmp_path / "o.npz", **arrays, x_test=np.full((3, 7, 7), 44, np.uint8), y_test=LABELS[:3])
    raw = load(path)
    assert raw.x_test is not None
    assert (raw.x_train.shape[1:], raw.x_test.shape[1:]) == ((10, 10, 1), (10, 10, 1))
    assert set(np.unique(raw.x_train)) | set(np.unique(raw.x_test)) == {33, 44}
    assert load(path, 20).x_train.shape[1:] == (20, 20, 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"x_train": None}, r"has no x_train \(it holds y_train\)"),
        ({"y_train": None}, "has no y_train"),
        ({"y_train": LABELS[:11]}, "12 images in x_train and 11 labels"),
        ({"y_train": np.zeros(12, np.int64)}, "fewer than two classes"),
        ({"x_test": pixels(3, 8, 8), "y_test": np.array([0, 1, 9])}, "label 9 in y_test but not in y_train"),
        ({"x_test": pixels(3, 8, 8, 3), "y_test": LABELS[:3]}, "number of channels in x_test than in x_train"),
        ({"y_train": np.array([0, 1, None] * 4)}, "holds y_train as Python objects"),
        ({"x_train": np.array([pixels(8, 8), pixels(9, 9)], object)}, "holds x_train as Python objects"),
    ],
)
def test_refused_with_a_sentence(tmp_path: Path, cache: Path, changes: dict[str, Any], reason: str) -> None:
    arrays = {"x_train": pixels(12, 8, 8), "y_train": LABELS} | changes
    path = saved(tmp_path / "bad.npz", **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(DatasetError, match=reason) as caught:
        load(path)
    assert "bad" in str(caught.value)
    assert leftovers(cache) == []


def test_medmnist(tmp_path: Path) -> None:
    """Its keys, with labels of shape [n, 1]."""
    arrays = {}
    for number, part in enumerate(("train", "val", "test")):
        arrays |= {f"{part}_images": pixels(12, 8, 8, seed=number), f"{part}_labels": LABELS.reshape(12, 1)}
    raw = load(saved(tmp_path / "pneumoniamnist.npz", **arrays))
    for number, part in enumerate(("train", "validation", "test")):
        assert np.array_equal(raw.parts[part][0][..., 0], pixels(12, 8, 8, seed=number))
        assert raw.parts[part][1].tolist() == LABELS.tolist()
    assert raw.warnings == ()


def test_arrays_not_used_are_counted_and_named(tmp_path: Path) -> None:
    arrays = {"x_train": pixels(12, 8, 8), "y_train": LABELS, "mean": np.zeros(3), "ids": np.array([None])}
    raw = load(saved(tmp_path / "more.npz", **arrays))
    assert raw.warnings == ("2 arrays of more.npz are not used: mean, ids.",)


def test_what_is_sent_to_a_worker_is_the_same_data_set(tmp_path: Path) -> None:
    """The arrays by which images travel within a cluster give the same fingerprint and no warnings."""
    parts = {f"{part}_images": pixels(12, 8, 8, 3, seed=number) for number, part in enumerate(("train", "val", "test"))}
    labels = {f"{part}_labels": np.array(["ant", "bee", "cow"])[LABELS] for part in ("train", "val", "test")}
    raw = load(saved(tmp_path / "here.npz", **parts, **labels))
    sent: dict[str, Any] = {"class_names": np.array(raw.class_names)}
    for part, (images, indices) in raw.parts.items():
        sent |= {f"x_{part}": images, f"y_{part}": indices}
    again = load(saved(tmp_path / "there.npz", **sent))
    assert (again.fingerprint, again.class_names, again.warnings) == (raw.fingerprint, ("ant", "bee", "cow"), ())


def test_an_empty_part_is_left_out_and_said(tmp_path: Path) -> None:
    arrays = {"x_train": pixels(12, 8, 8), "y_train": LABELS, "x_val": pixels(0, 8, 8), "y_val": LABELS[:0]}
    raw = load(saved(tmp_path / "a.npz", **arrays))
    assert raw.y_validation is None
    assert raw.warnings == (
        "x_val is empty and is not used; a share of the training images is held back for validation.",
    )


def save_parts(folder: Path, *stems: str, names: tuple[str, str] = ("x", "y")) -> Path:
    folder.mkdir(parents=True)
    for seed, stem in enumerate(stems):
        arrays = {names[0]: pixels(12, 8, 8, seed=seed), names[1]: LABELS}
        saved(folder / f"{stem}.npz", **{name.format(stem): array for name, array in arrays.items()})
    return folder


@pytest.mark.parametrize(
    ("stems", "names"),
    [
        (("train", "test", "val"), ("x", "y")),
        (("Training", "Testing", "valid"), ("images", "labels")),
        (("mnist_train", "mnist_test", "mnist_validation"), ("x", "y")),
        (("train", "test", "val"), ("x_{0}", "y_{0}")),
    ],
)
def test_a_file_for_each_part(tmp_path: Path, stems: tuple[str, ...], names: tuple[str, str]) -> None:
    folder = save_parts(tmp_path / "around" / "set", *stems, names=names)
    for path in (folder, folder.parent):
        check_path(path)
        raw = load(path)
        assert raw.warnings == ()
        for seed, part in enumerate(("train", "test", "validation")):
            assert np.array_equal(raw.parts[part][0][..., 0], pixels(12, 8, 8, seed=seed))


def test_one_of_several_files_says_that_the_others_are_not_used(tmp_path: Path) -> None:
    folder = save_parts(tmp_path / "set", "train", "test")
    assert load(folder / "train.npz").warnings == (
        "test.npz beside train.npz is not used; name their folder, set, to use all parts.",
    )
    save_parts(tmp_path / "more", "mnist_train", "mnist_test", "fashion_train")
    assert load(tmp_path / "more" / "fashion_train.npz").warnings == ()
    assert load(tmp_path / "more" / "mnist_train.npz").warnings == (
        "mnist_test.npz beside mnist_train.npz is not used; save all parts in one file, as x_train and x_test, to use "
        "them.",
    )
    saved(folder / "extra.npz", mean=np.zeros(2))
    assert load(folder).warnings == ("extra.npz beside the parts is not used.",)
    (folder / "test.npz").write_bytes(b"no archive")
    with pytest.raises(DatasetError, match=r"test\.npz can't be read as an \.npz file"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x93NUMPY\x01\x00"])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"bad\.npz can't be read"):
        load(path)


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "MAX_UNPACKED_BYTES", 100_000)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x_train=np.zeros((1000, 32, 32), np.uint8), y_train=np.arange(1000))
    with pytest.raises(DatasetError, match="unpacks to"):
        load(path)


def whole() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x_train=pixels(12, 4, 4), y_train=LABELS)
    return file.getvalue()


WHOLE = whole()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    kept=st.integers(0, len(WHOLE)) | st.just(len(WHOLE)),
)
def test_whatever_is_damaged_there_are_images_or_a_sentence(
    tmp_path: Path, changes: list[tuple[int, int]], kept: int
) -> None:
    content = bytearray(WHOLE)
    for place, value in changes:
        content[place] = value
    path = tmp_path / "mutated.npz"
    path.write_bytes(content[:kept])
    try:
        raw = load(path)
    except DatasetError as error:
        assert "mutated" in str(error)
        assert "\n" not in str(error)
    else:
        assert len(raw.x_train) == len(raw.y_train)


NAMES = (
    "x_train",
    "Y_TRAIN",
    "train_images",
    "val_labels",
    "x_val",
    "y_test",
    "test_images",
    "class_names",
    "classes",
    "x",
)
DTYPES = ("u1", "i1", ">i2", "u2", "i8", "u8", "?", "f2", ">f4", "f8", "U3", "S3", "c8", "M8[s]", "V2", "O")
SHAPES = st.sampled_from(
    [(), (3,), (12,), (12, 1), (12, 3), (1, 12), (12, 6, 6), (12, 6, 6, 1), (12, 3, 6, 6), (12, 6, 6, 4), (0, 6, 6)]
)


@st.composite
def any_array(draw: st.DrawFn) -> Array:
    """An array of any type and shape, with values of the usual ranges and beyond."""
    shape, dtype = draw(SHAPES), draw(st.sampled_from(DTYPES))
    number = np.random.default_rng(draw(st.integers(0, 99)))
    low, high = draw(st.sampled_from([(0, 1), (0, 2), (-1, 1), (0, 255), (0, 70000), (-3, 3), (-1e300, 1e300)]))
    values = number.uniform(low, high, shape)
    if draw(st.booleans()):
        values = np.rint(values)
    if draw(st.integers(0, 5)) == 0:
        values = np.full(shape, draw(st.sampled_from([np.nan, np.inf])))
    with np.errstate(all="ignore"):
        if dtype == "V2":
            return np.zeros(shape, dtype)
        return np.asarray(values).astype("i8" if dtype == "M8[s]" else dtype).astype(dtype)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    train=st.tuples(st.sampled_from([(12, 6, 6), (12, 6, 6, 3), (12, 3, 6, 6)]), st.sampled_from(DTYPES)),
    labels=any_array() | st.just(LABELS),
    others=st.dictionaries(st.sampled_from(NAMES), any_array() | st.just(LABELS), max_size=3),
)
def test_whatever_the_arrays_there_are_images_or_a_sentence(
    tmp_path: Path, train: tuple[tuple[int, ...], str], labels: Array, others: dict[str, Array]
) -> None:
    shape, dtype = train
    images = np.arange(np.prod(shape)).reshape(shape) % 256
    images = np.zeros(shape, dtype) if dtype in ("V2", "O") else images.astype(dtype)
    path = saved(tmp_path / "any.npz", **({"x_train": images, "y_train": labels} | others))
    try:
        raw = load(path)
    except DatasetError as error:
        assert "any" in str(error)
        assert "\n" not in str(error)
    else:
        for found, indices in raw.parts.values():
            assert len(found) == len(indices)
            assert set(indices) <= set(range(len(raw.class_names)))


def test_what_a_damaged_header_holds_is_not_told_as_python_objects(tmp_path: Path) -> None:
    """Its repr contains a memory address."""
    header = b"{'descr': float, 'fortran_order': False, 'shape': (2, 3, 3), }"
    with zipfile.ZipFile(tmp_path / "images.npz", "w") as archive:
        for name in ("x_train.npy", "y_train.npy"):
            archive.writestr(name, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(144))
    with pytest.raises(DatasetError, match=r"images\.npz can't be read as an \.npz file \(malformed") as refused:
        load_raw(DataSpec(dataset=str(tmp_path / "images.npz")), quiet)
    assert "0x" not in str(refused.value)
