"""engine.datasets.inventory and verify: what is on disk, and whether it is intact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import DATASETS, load_raw
from engine.datasets.base import RemoteFile
from engine.datasets.download import downloads_folder
from engine.datasets.formats import cifar10
from engine.datasets.inventory import DatasetEntry, Presence, cached_paths, inventory, remove_cached
from engine.datasets.registry import check_path
from engine.datasets.verify import verify
from engine.utils.errors import Cancelled, DatasetError
from engine.utils.paths import cache_folder
from tests.engine.datasets.conftest import Site, cifar_members, idx_files, pixels, quiet, sha256, write_tar


def entry(dataset: str, *own: Path) -> DatasetEntry:
    return next(each for each in inventory(own) if each.dataset == dataset)


def place_mnist(count: int = 4) -> None:
    folder = downloads_folder() / "mnist"
    folder.mkdir(parents=True)
    for name, content in list(idx_files().items())[:count]:
        (folder / name).write_bytes(content)


def test_nothing_is_there_at_first() -> None:
    assert [each.dataset for each in inventory(())] == list(DATASETS)
    assert entry("digits").presence is Presence.BUILT_IN
    assert {entry(name).presence for name in ("cifar10", "mnist", "fashion_mnist")} == {Presence.ABSENT}
    assert (entry("digits").images, entry("digits").classes) == (1797, 10)
    assert all(each.downloaded == each.decoded == 0 for each in inventory(()))


def test_the_numbers_of_the_digits_are_those_of_the_set() -> None:
    raw = load_raw(DataSpec(dataset="digits"), quiet)
    assert (len(raw.x_train), len(raw.class_names)) == (entry("digits").images, entry("digits").classes)


def test_a_part_of_a_download_is_said() -> None:
    place_mnist(2)
    assert entry("mnist").presence is Presence.PARTLY
    assert not entry("mnist").is_usable


@pytest.mark.usefixtures("small_batches")
def test_a_placed_archive_is_installed_and_once_decoded_has_numbers() -> None:
    archive = write_tar(downloads_folder() / cifar10.PYTHON_ARCHIVE, cifar_members("python"))
    before = entry("cifar10")
    assert (before.presence, before.downloaded) == (Presence.INSTALLED, archive.stat().st_size)
    assert (before.decoded, before.images) == (0, None)
    load_raw(DataSpec(dataset="cifar10"), quiet)
    after = entry("cifar10")
    assert (after.images, after.classes) == (120, 10)
    assert after.decoded > 120 * 32 * 32 * 3


@pytest.mark.usefixtures("small_batches")
def test_removing_frees_what_was_said_and_nothing_else(image_folder: Path) -> None:
    write_tar(downloads_folder() / cifar10.PYTHON_ARCHIVE, cifar_members("python"))
    for dataset in ("cifar10", str(image_folder)):
        load_raw(DataSpec(dataset=dataset), quiet)
    there = entry("cifar10")
    assert remove_cached("cifar10") == there.downloaded + there.decoded
    gone = entry("cifar10")
    assert (gone.presence, gone.downloaded, gone.decoded) == (Presence.ABSENT, 0, 0)
    assert entry(str(image_folder), image_folder).decoded > 0


def test_removing_never_touches_the_users_own_folder(image_folder: Path) -> None:
    load_raw(DataSpec(dataset=str(image_folder)), quiet)
    load_raw(DataSpec(dataset=str(image_folder), image_size=16), quiet)
    own = entry(str(image_folder), image_folder)
    assert (own.presence, own.images, own.classes, own.downloaded) == (Presence.OWN, 36, 2, 0)
    assert len(cached_paths(str(image_folder))) == 2
    files = sorted(image_folder.rglob("*.png"))
    assert remove_cached(str(image_folder)) == own.decoded
    assert sorted(image_folder.rglob("*.png")) == files
    assert entry(str(image_folder), image_folder).images is None


def test_a_link_in_the_downloads_is_removed_but_not_followed(tmp_path: Path) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "data_batch_1").write_bytes(b"precious")
    downloads_folder().mkdir(parents=True)
    link = downloads_folder() / cifar10.FORMAT.folders[1]
    link.symlink_to(own, target_is_directory=True)
    remove_cached("cifar10")
    assert not link.is_symlink()
    assert (own / "data_batch_1").read_bytes() == b"precious"


def test_a_path_that_is_gone_is_missing(tmp_path: Path) -> None:
    gone = tmp_path / "gone.npz"
    assert entry(str(gone), gone).presence is Presence.MISSING


def test_npz_and_idx_of_ones_own_have_numbers(tmp_path: Path) -> None:
    file, folder = tmp_path / "own.npz", tmp_path / "idx"
    labels = np.arange(12) % 3
    np.savez(file, x_train=pixels(12, 8, 8), y_train=labels, x_test=pixels(3, 8, 8), y_test=labels[:3])
    folder.mkdir()
    for name, content in idx_files().items():
        (folder / name).write_bytes(content)
    for path, numbers in ((file, (15, 3)), (folder, (40, 10))):
        load_raw(DataSpec(dataset=str(path)), quiet)
        assert (entry(str(path), path).images, entry(str(path), path).classes) == numbers


def test_verifying_finds_a_changed_image_and_decodes_anew(image_folder: Path) -> None:
    spec = DataSpec(dataset=str(image_folder))
    steps: list[tuple[str, int, int]] = []
    assert verify(spec, lambda *step: steps.append(step))
    assert steps[-1] == (f"Verifying {image_folder.name}", 36, 36)
    (images,) = (cache_folder() / "decoded").glob("*/x_train.npy")
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    assert not verify(spec, quiet)
    assert verify(spec, quiet)


def test_verifying_can_be_cancelled(image_folder: Path) -> None:
    def cancel(message: str, _done: int, _total: int) -> None:
        if message.startswith("Verifying"):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        verify(DataSpec(dataset=str(image_folder)), cancel)


@pytest.mark.usefixtures("small_batches")
def test_verifying_downloads_what_is_missing(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_tar(tmp_path / "a.tar.gz", cifar_members("binary")).read_bytes()
    site.files["/c.tar.gz"] = content
    archive = RemoteFile(cifar10.ARCHIVE.name, sha256(content), len(content), (f"{site.url}/c.tar.gz",))
    monkeypatch.setattr(cifar10, "fetch", lambda _archive, progress: fetch_from(archive, progress))
    assert verify(DataSpec(dataset="cifar10"), quiet)
    assert entry("cifar10").downloaded == len(content)


def fetch_from(archive: RemoteFile, progress):
    from engine.datasets.download import fetch

    return fetch(archive, progress)


def test_what_may_be_added_is_judged_by_its_names(image_folder: Path, tmp_path: Path) -> None:
    empty, text, archive = tmp_path / "empty", tmp_path / "notes.txt", tmp_path / "own.npz"
    empty.mkdir()
    for file in (text, archive):
        file.write_text("?")
    check_path(image_folder)
    check_path(archive)  # its content is checked later
    for path, sentence in ((empty, "lay it out as"), (text, "not a data set"), (tmp_path / "no", "There is no")):
        with pytest.raises(DatasetError, match=sentence):
            check_path(path)
