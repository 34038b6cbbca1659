"""engine.datasets.cache: entries are reused, renewed and never partial."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets import cache as cache_module
from engine.datasets.inventory import Presence, inventory
from engine.utils.errors import DatasetError
from engine.utils.paths import cache_folder
from tests.engine.datasets.conftest import leftovers, pixels, quiet, save


def load(folder: Path, side: int | None = None) -> tuple[RawImages, bool]:
    """The images, and whether they were decoded anew."""
    messages: list[str] = []
    raw = load_raw(DataSpec(dataset=str(folder), image_size=side), lambda message, *_: messages.append(message))
    return raw, "Decoding images" in messages


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "decoded").iterdir())


def test_cache_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("TRAINSCOPE_CACHE")
    assert "Trainscope" in str(cache_folder())


def test_second_load_is_from_the_cache(image_folder: Path, cache: Path) -> None:
    first, decoded = load(image_folder)
    assert decoded
    again, decoded = load(image_folder)
    assert not decoded
    assert isinstance(again.x_train, np.memmap)
    assert not again.x_train.flags.writeable
    assert again.fingerprint == first.fingerprint
    assert len(first.fingerprint) == 64
    assert len(entries(cache)) == 1


def test_a_changed_folder_is_decoded_afresh(image_folder: Path, cache: Path) -> None:
    first, _ = load(image_folder)
    load(image_folder, 16)
    assert len(entries(cache)) == 2
    path = image_folder / "train/cat/00.png"
    stat = path.stat()
    save(path, pixels(8, 8, 3, seed=999))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    changed, decoded = load(image_folder)
    assert decoded
    assert changed.fingerprint != first.fingerprint
    assert len(entries(cache)) == 1  # entries of the old folder are gone, for both sides
    path.unlink()
    assert len(load(image_folder)[0].y_train) == 23
    (image_folder / "train/cow").mkdir()
    with pytest.raises(DatasetError, match="cow"):
        load(image_folder)


@pytest.mark.parametrize("name", ["x_train.npy", "y_train.npy", "x_test.npy", "about.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage"])
def test_a_damaged_entry_is_rebuilt(image_folder: Path, cache: Path, name: str, damage: str) -> None:
    first, _ = load(image_folder)
    path = entries(cache)[0] / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "garbage": b"[1]"}[damage])
    again, decoded = load(image_folder)
    assert decoded
    assert again.fingerprint == first.fingerprint
    assert len(entries(cache)) == 1
    assert not load(image_folder)[1]


def test_a_file_in_the_entry_s_place(image_folder: Path, cache: Path) -> None:
    load(image_folder)
    entry = entries(cache)[0]
    for path in entry.iterdir():
        path.unlink()
    entry.rmdir()
    entry.write_text("in the way")
    assert load(image_folder)[1]
    assert not load(image_folder)[1]


def test_a_full_disk(image_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache_module, "_fsync", full)
    with pytest.raises(DatasetError, match=r"No space left.*TRAINSCOPE_CACHE"):
        load(image_folder)
    assert leftovers(cache) == []


def test_what_dead_processes_left_is_removed(image_folder: Path, cache: Path) -> None:
    old, new = cache / "decoded/.making-old", cache / "decoded/.making-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    load(image_folder)
    assert not old.exists()
    assert new.exists()


def test_two_processes_at_once(image_folder: Path, cache: Path) -> None:
    """Both decode (each waits for the other to start), both get complete images, one entry remains."""
    program = """
import sys, pathlib
from engine.datasets import load_raw
from engine.config.specs import DataSpec
def progress(message, done, total):
    if message == "Decoding images" and done == 24:
        sys.stdout.write("begun\\n"); sys.stdout.flush(); sys.stdin.readline()
raw = load_raw(DataSpec(dataset=sys.argv[1]), progress)
print(raw.fingerprint, int(raw.x_train.sum()))
"""
    command = [sys.executable, "-W", "error", "-c", program, str(image_folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    root = Path(__file__).parents[3]
    processes = [subprocess.Popen(command, cwd=root, **pipes) for _ in range(2)]  # type: ignore[call-overload]  # noqa: S603
    for process in processes:
        assert process.stdout.readline() == "begun\n"
    answers = {process.communicate("\n", timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    raw, decoded = load(image_folder)
    assert not decoded
    assert answers == {f"{raw.fingerprint} {int(raw.x_train.sum())}\n"}
    assert len(entries(cache)) == 1


def test_a_set_too_large_for_memory(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.datasets.base.MAX_IMAGE_BYTES", 1000)
    with pytest.raises(DatasetError, match="GiB"):
        load_raw(DataSpec(dataset=str(image_folder)), quiet)


def test_a_pipe_and_rubbish_among_what_is_kept_are_made_anew(tmp_path: Path, cache: Path) -> None:
    for name in ("cat", "dog"):
        save(tmp_path / "images" / name / "a.png", pixels(5, 5))
    spec = DataSpec(dataset=str(tmp_path / "images"))
    first = load_raw(spec, quiet).fingerprint
    for name in ("about.json", "x_train.npy", "y_train.npy"):
        for content in (None, b"\x93NUMPY\x01\x00\x0f\x00{'descr': '<f2'(", b"[" * 100_000):
            (file,) = cache.rglob(name)
            file.unlink()
            if content is None:
                os.mkfifo(file)
            else:
                file.write_bytes(content)
            assert inventory([tmp_path / "images"])[-1].presence is Presence.OWN
            assert load_raw(spec, quiet).fingerprint == first


def test_files_swapped_or_replaced_at_equal_size_and_time_are_decoded_anew(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for label, name in enumerate(("cat", "dog")):
        for number in range(2):
            save(folder / name / f"{number}.bmp", pixels(8, 8, 3, seed=2 * label + number))
    for path in folder.rglob("*.bmp"):
        os.utime(path, (0, 0))
    spec = DataSpec(dataset=str(folder))
    before = load_raw(spec, quiet)
    (folder / "cat").rename(folder / "other")
    (folder / "dog").rename(folder / "cat")
    (folder / "other").rename(folder / "dog")
    swapped = load_raw(spec, quiet)
    assert np.array_equal(swapped.x_train, before.x_train[[2, 3, 0, 1]])
    shutil.copyfile(save(tmp_path / "new.bmp", pixels(8, 8, 3, seed=9)), folder / "cat" / "0.bmp")
    os.utime(folder / "cat" / "0.bmp", (0, 0))
    assert np.array_equal(load_raw(spec, quiet).x_train[0], pixels(8, 8, 3, seed=9))
