"""engine.datasets.formats.cifar: CIFAR-100; test_cifar10.py has what both have in common."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets.inventory import inventory
from engine.datasets.registry import check_path
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import BATCH, CIFAR100_NAMES, cifar100_members, cifar_batch, quiet, write_tar

pytestmark = pytest.mark.usefixtures("small_batches")


def load(path: Path) -> RawImages:
    check_path(path)
    return load_raw(DataSpec(dataset=str(path)), quiet)


def extracted(folder: Path, kind: str) -> Path:
    for name, content in cifar100_members(kind).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", ["binary", "python"])
@pytest.mark.parametrize("form", ["archive", "folder", "folder around it"])
def test_official_forms(tmp_path: Path, kind: str, form: str) -> None:
    if form == "archive":
        path = write_tar(tmp_path / f"cifar-100-{kind}.tar.gz", cifar100_members(kind))
    else:
        path = extracted(tmp_path, kind) / (f"cifar-100-{kind}" if form == "folder" else "")
    raw = load(path)
    labels, rows = cifar_batch(1, BATCH, 100)
    assert (raw.title, raw.class_names) == ("CIFAR-100", CIFAR100_NAMES)
    assert raw.x_test is not None
    assert raw.y_test is not None
    assert np.array_equal(raw.x_test[3, :, :, 2], rows[3].reshape(3, 32, 32)[2])
    assert raw.y_test.tolist() == labels.tolist()
    assert raw.y_train.tolist() == list(range(100))
    assert inventory([path])[-1].images == 100 + BATCH


class Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.mkdir, (self.path,)  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["train", "test", "meta"])
def test_a_malicious_pickle_runs_nothing(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "made by the pickle"
    members = cifar100_members("python") | {f"cifar-100-python/{name}": pickle.dumps({"data": Harm(victim)}, 2)}
    with pytest.raises(DatasetError, match=rf"can't be read as CIFAR-100 \({name}: it asks for"):
        load(write_tar(tmp_path / "cifar-100-python.tar.gz", members))
    assert not victim.exists()


@pytest.mark.parametrize(
    ("kind", "name", "content", "reason"),
    [
        ("binary", "train.bin", None, "train is missing"),
        ("binary", "fine_label_names.txt", None, r"meta or fine_label_names\.txt is missing"),
        ("binary", "fine_label_names.txt", b"apple\n", "it has not 100 names"),
        ("binary", "fine_label_names.txt", b"\xff\n" * 100, "fine_label_names.txt: 'ascii'"),
        ("binary", "test.bin", bytes(100), "not the size"),
        ("binary", "test.bin", bytes([0, 100]) + bytes(3072) + bytes((BATCH - 1) * 3074), "labels are not those"),
        ("python", "meta", b"\x80\x02}U\x10fine_label_namesK\x03s.", "it holds no names"),
        ("python", "meta", bytes(200_000), "larger than a list of names"),
        ("python", "test", cifar100_members("python")["cifar-100-python/meta"], "holds no 20 images"),
    ],
    ids=["train", "names", "few", "ASCII", "size", "label", "no names", "long", "no images"],
)
def test_damaged(tmp_path: Path, kind: str, name: str, content: bytes | None, reason: str) -> None:
    members: dict[str, bytes | None] = {**cifar100_members(kind), f"cifar-100-{kind}/{name}": content}
    path = tmp_path / "cifar-100.tar.gz"
    write_tar(path, {each: data for each, data in members.items() if data is not None})
    with pytest.raises(DatasetError, match=reason) as refused:
        load(path)
    assert "fetch cifar-100-binary.tar.gz or cifar-100-python.tar.gz again" in str(refused.value)
