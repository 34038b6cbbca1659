"""engine.datasets.formats.cifar10: official archives and folders, and malicious archives."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import load_raw
from engine.datasets.download import downloads_folder
from engine.datasets.formats import cifar10, tar
from engine.datasets.formats.unpickle import UnpickleError, read_batch
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import (
    BATCH,
    cifar_batch,
    cifar_members,
    leftovers,
    python2_pickle,
    quiet,
    write_tar,
)

pytestmark = pytest.mark.usefixtures("small_batches")


def load(path: Path, side: int | None = None) -> object:
    return load_raw(DataSpec(dataset=str(path), image_size=side), quiet)


@pytest.mark.parametrize("kind", ["binary", "python"])
def test_archive(tmp_path: Path, kind: str) -> None:
    raw = load_raw(DataSpec(dataset=str(write_tar(tmp_path / f"cifar-10-{kind}.tar.gz", cifar_members(kind)))), quiet)
    labels, rows = cifar_batch(seed=1)
    image = rows[3].reshape(3, 32, 32)
    assert np.array_equal(raw.x_train[BATCH + 3, :, :, 1], image[1])
    assert np.array_equal(raw.y_train[BATCH : 2 * BATCH], labels)
    assert raw.x_train.dtype == np.uint8
    assert raw.y_train.dtype == np.int64
    assert raw.y_test is not None
    assert (len(raw.y_train), len(raw.y_test), raw.class_names[0]) == (5 * BATCH, BATCH, "airplane")


def test_both_versions_are_the_same_images(tmp_path: Path) -> None:
    prints = [
        load_raw(DataSpec(dataset=str(write_tar(tmp_path / f"{kind}.tar.gz", cifar_members(kind)))), quiet).fingerprint
        for kind in ("binary", "python")
    ]
    assert prints[0] == prints[1]


def test_an_archive_a_browser_unpacked(tmp_path: Path) -> None:
    packed = write_tar(tmp_path / "a.tar.gz", cifar_members("binary"))
    tar = tmp_path / "cifar-10-binary.tar"
    tar.write_bytes(gzip.decompress(packed.read_bytes()))
    assert len(load_raw(DataSpec(dataset=str(tar)), quiet).y_train) == 5 * BATCH


@pytest.mark.parametrize("kind", ["binary", "python"])
@pytest.mark.parametrize("inside", [True, False])
def test_extracted_folder(tmp_path: Path, kind: str, inside: bool) -> None:
    members = cifar_members(kind)
    for name, content in members.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folder = (tmp_path / next(iter(members))).parent
    raw = load_raw(DataSpec(dataset=str(folder if inside else tmp_path), image_size=16), quiet)
    assert (raw.title, raw.x_train.shape) == ("CIFAR-10", (5 * BATCH, 16, 16, 3))


def test_python_archive_placed_by_hand_needs_no_network() -> None:
    write_tar(downloads_folder() / "cifar-10-python.tar.gz", cifar_members("python"))
    assert len(load_raw(DataSpec(dataset="cifar10"), quiet).y_train) == 5 * BATCH


def test_folder_placed_by_hand_needs_no_network() -> None:
    for name, content in cifar_members("binary").items():
        (downloads_folder() / name).parent.mkdir(parents=True, exist_ok=True)
        (downloads_folder() / name).write_bytes(content)
    assert len(cifar10.load(None, quiet).y_train) == 5 * BATCH


class Harm:
    """A pickle that calls a function of its choosing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_runs_nothing(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "made by the pickle"
    members = cifar_members("python")
    members["cifar-10-batches-py/data_batch_2"] = pickle.dumps({"data": Harm(victim)}, protocol)
    with pytest.raises(DatasetError, match=r"data_batch_2.*asks for \w+\.mkdir"):
        load(write_tar(tmp_path / "cifar-10-python.tar.gz", members))
    assert not victim.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02K\x01.",
        pickle.dumps([1]),
        b"\x80\x02cbuiltins\neval\n.",
        b"\x80\x02r\xff\xff\xff\x7f.",
        python2_pickle(*cifar_batch(0))[:-3000],
        python2_pickle(*cifar_batch(0)).replace(b"U\x02u1", b"U\x02O8"),
        python2_pickle(*cifar_batch(0)).replace(b"K\x01J\x14", b"K\x01J\x15"),
    ],
)
def test_other_pickles_are_refused(content: bytes) -> None:
    before = set(sys.modules)
    with pytest.raises(UnpickleError):
        read_batch(content)
    assert set(sys.modules) == before


def test_a_path_escape_leads_nowhere(tmp_path: Path, cache: Path) -> None:
    members = {"../../escaped": b"x", "/tmp/trainscope-escaped": b"y"}  # noqa: S108
    members |= {f"../../{name}": content for name, content in cifar_members("binary").items()}
    inner = tmp_path / "a" / "b"
    load(write_tar(inner / "cifar.tar.gz", members))
    outside = [name for name in leftovers(tmp_path) if not name.startswith(cache.name)]
    assert outside == [str(Path("a/b/cifar.tar.gz"))]
    assert not Path("/tmp/trainscope-escaped").exists()  # noqa: S108


@pytest.mark.parametrize("kept", [0, 2, 40, 0.5, 0.999])
def test_truncated_archive(tmp_path: Path, cache: Path, kept: float) -> None:
    path = write_tar(tmp_path / "cifar-10-binary.tar.gz", cifar_members("binary"))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    with pytest.raises(DatasetError, match=r"can't be read as (CIFAR-10|an archive) .*; fetch .* again"):
        load(path)
    assert leftovers(cache) == []


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "cifar-10-binary.tar.gz", cifar_members("binary"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="can't be read as CIFAR-10"):
        load(path)


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "MAX_BYTES", 200_000)
    with pytest.raises(DatasetError, match="unpacks to more"):
        load(write_tar(tmp_path / "bomb.tar.gz", {"zeros": bytes(1_000_000)} | cifar_members("binary")))


def test_missing_batch_wrong_size_and_wrong_label(tmp_path: Path) -> None:
    members = cifar_members("binary")
    name = "cifar-10-batches-bin/test_batch.bin"
    for content, reason in (
        (None, "test_batch is missing"),
        (members[name][:-1], "not the size"),
        (b"\x0a" + members[name][1:], "its labels"),
    ):
        changed = {key: value for key, value in members.items() if key != name}
        if content is not None:
            changed[name] = content
        with pytest.raises(DatasetError, match=reason):
            load(write_tar(tmp_path / "cifar-10-binary.tar.gz", changed))


def test_another_archive(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"other\.tgz is an archive; unpack it and name the folder"):
        load(write_tar(tmp_path / "other.tgz", {"readme.txt": b"hello"}))


def test_another_archive_is_told_by_its_first_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of gigabytes is not unpacked to its end, whether it has large files or many."""
    monkeypatch.setattr(tar, "_FIRST_BYTES", 200_000)
    for members in ({"film.mp4": bytes(300_000), "data_batch_1": b""}, {f"{number}.jpg": b"" for number in range(200)}):
        path = write_tar(tmp_path / "photos.tgz", members)
        path.write_bytes(path.read_bytes()[:-20])  # reading on to the end would fail
        with pytest.raises(DatasetError, match="unpack it"):
            load(path)


@pytest.mark.skipif("TRAINSCOPE_CIFAR10" not in os.environ, reason="TRAINSCOPE_CIFAR10 names no folder of CIFAR-10")
def test_the_real_thing() -> None:
    raw = load_raw(DataSpec(dataset=os.environ["TRAINSCOPE_CIFAR10"]), quiet)
    assert raw.x_train.shape == (50_000, 32, 32, 3)
    assert raw.y_test is not None
    assert raw.class_names == cifar10.CLASS_NAMES
    assert np.bincount(raw.y_train).tolist() == [5000] * 10
    assert np.bincount(raw.y_test).tolist() == [1000] * 10


def doubled(before: bytes, after: bytes) -> bytes:
    """Nested pairs: small in memory, exponential to hash, compare or print."""
    pairs = b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(1, 60))
    return b"\x80\x02" + before + b"K\x00" + pairs + after + b"."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (doubled(b"}", b"K\x01s"), "something else for a name"),
        (doubled(b"}(", b"K\x01u"), "something else for a name"),
        (doubled(b"(", b"K\x01d"), "something else for a name"),
        (doubled(b"(", b"\x91"), "damaged"),  # a frozen set
        (doubled(b"cnumpy\ndtype\n", b"\x85R"), "no dictionary"),  # whose name was once converted to a text
        (b"\x80\x05\x96" + struct.pack("<Q", 2**36) + b".", "damaged"),  # announces 64 GB
        (b"\x80\x02]" + b"(e" * 1_000_000 + b".", "more in it than a batch"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}U\x01aK\x01sb.", "changes what it must not"),
    ],
    ids=["key", "keys", "dict", "set", "type", "bytes", "opcodes", "build"],
)
def test_bombs_in_pickles_are_refused_at_once(content: bytes, reason: str) -> None:
    with pytest.raises(UnpickleError, match=reason):
        read_batch(content)


def test_an_array_of_impossible_sides_is_not_multiplied_out(tmp_path: Path) -> None:
    members = cifar_members("python")
    name = "cifar-10-batches-py/data_batch_1"
    members[name] = members[name].replace(b"J" + struct.pack("<i", BATCH), b"J" + struct.pack("<i", -BATCH))
    with pytest.raises(DatasetError, match=r"rows and columns"):
        load(write_tar(tmp_path / "cifar-10-python.tar.gz", members))


def test_an_archive_of_a_great_many_files_is_refused(tmp_path: Path) -> None:
    members = cifar_members("binary") | {str(number): b"" for number in range(200)}
    with pytest.raises(DatasetError, match="more files than the official one"):
        load(write_tar(tmp_path / "many.tar.gz", members))
