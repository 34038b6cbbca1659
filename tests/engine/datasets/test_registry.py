"""Named data sets, paths, samples, and the cost of importing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import DATASETS, load_raw, sample_images
from engine.datasets.formats.cifar import Cifar
from engine.datasets.registry import check_path
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import pixels, quiet


def test_table() -> None:
    assert {"digits", "cifar10", "mnist", "fashion_mnist"} <= set(DATASETS)
    assert all(entry.title and entry.summary and "\n" not in entry.summary for entry in DATASETS.values())


def test_digits() -> None:
    raw = load_raw(DataSpec(), quiet)
    assert raw.x_train.shape == (1797, 32, 32, 1)
    assert (raw.x_train.min(), raw.x_train.max()) == (0, 255)
    assert raw.x_test is None
    assert raw.class_names == tuple("0123456789")
    assert raw.y_train.dtype == np.int64
    small = load_raw(DataSpec(image_size=8), quiet)
    assert set(np.unique(small.x_train)) <= set(np.rint(np.arange(17) * 255 / 16).astype(int))
    assert small.fingerprint != raw.fingerprint


@pytest.mark.parametrize("name", ["cifar11", "/no/such/place", "~nobody-of-that-name/x", "a\0b", "x" * 5000])
def test_unknown_names(name: str) -> None:
    with pytest.raises(
        DatasetError, match=f"choose {', '.join(DATASETS)}, or the path of a folder, an .npz, .npy or IDX file"
    ):
        load_raw(DataSpec(dataset=name), quiet)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("1,2")
    with pytest.raises(DatasetError, match=r"table\.csv is not a data set"):
        load_raw(DataSpec(dataset=str(tmp_path / "table.csv")), quiet)


def test_samples_are_spread_over_the_classes(tmp_path: Path) -> None:
    labels = np.repeat([0, 1, 2], [10, 2, 30])
    np.savez(tmp_path / "a.npz", x_train=pixels(42, 8, 8, 3), y_train=labels)
    spec = DataSpec(dataset=str(tmp_path / "a.npz"))
    found = sample_images(spec, 10, quiet)
    assert found.counts == (10, 2, 30)
    assert found.labels == (0, 0, 0, 0, 1, 1, 2, 2, 2, 2)
    assert np.array_equal(found.images[6:], pixels(42, 8, 8, 3)[[12, 19, 27, 34]])
    assert type(found.images) is np.ndarray
    assert np.array_equal(found.images, sample_images(spec, 10, quiet).images)
    assert len(sample_images(spec, 2, quiet).labels) == 2
    assert len(sample_images(spec, 1000, quiet).labels) == 42


def test_importing_is_light() -> None:
    program = (
        "import sys, engine.datasets\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'PIL', 'pooch', 'requests', 'PySide6', 'scipy', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[3], text=True)  # noqa: S603
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("ending", ["npz", "tar.gz"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, ending: str) -> None:
    os.mkfifo(tmp_path / f"pipe.{ending}")
    with pytest.raises(DatasetError, match="pipe"):
        load_raw(DataSpec(dataset=str(tmp_path / f"pipe.{ending}")), quiet)


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_cifar: Cifar, _folder: Path) -> Path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Cifar, "folder", refuse)  # the first format tried
    for look in (lambda: check_path(tmp_path), lambda: load_raw(DataSpec(dataset=str(tmp_path)), quiet)):
        with pytest.raises(DatasetError, match=r"can't be read \(Permission denied\); check its permissions"):
            look()
