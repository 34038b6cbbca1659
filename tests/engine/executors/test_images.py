"""engine.executors.images: images are prepared once a program, and in memory where they can't be shared."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import PreparedData, describe_dataset, prepare
from engine.datasets.base import ProgressCallback
from engine.datasets.shared import COMPLETE, SharedImages
from engine.events.tasks import Event
from engine.executors import images as images_module
from engine.executors.images import ImageStore
from engine.executors.placement import Placement
from engine.executors.runner import TaskRunner
from engine.executors.tasks import PrepareTask, TrainTask
from tests.engine.support import small_run, timeless

SMALL = DataSpec(image_size=8)


def quiet(_message: str, _done: int, _total: int) -> None:
    """Ignore progress."""


@pytest.fixture
def no_preparation(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Fails if images are prepared after they were described."""

    def fail(_spec: DataSpec, _progress: ProgressCallback) -> None:
        raise AssertionError

    monkeypatch.setattr(images_module, "prepare", fail)
    return monkeypatch


def test_processes_map_what_one_of_them_prepared(tmp_path: Path, no_preparation: pytest.MonkeyPatch) -> None:
    first, second = ImageStore(tmp_path), ImageStore(tmp_path)
    info = first.describe_and_prepare(SMALL, quiet)
    assert info == describe_dataset(SMALL, quiet)
    assert isinstance(first.get(SMALL, info).x_train, np.memmap)
    assert isinstance(second.get(SMALL, info).x_train, np.memmap)


def test_without_a_folder_images_are_prepared_as_they_are_described(no_preparation: pytest.MonkeyPatch) -> None:
    store = ImageStore()
    info = store.describe_and_prepare(SMALL, quiet)
    assert store.get(SMALL, info) is store.get(SMALL, info)


def test_what_can_not_be_shared_is_held_in_memory(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "gone")
    info = store.describe_and_prepare(SMALL, quiet)
    held = store.get(SMALL, info)
    assert not isinstance(held.x_train, np.memmap)
    assert store.get(SMALL, info) is held
    assert store.get(SMALL.replace(normalization="none"), info).x_train.min() == 0, "another one than was described"


def assert_prepared(found: PreparedData, spec: DataSpec) -> None:
    expected = prepare(spec, quiet)
    for field in fields(PreparedData):
        if field.name != "info":
            assert np.array_equal(getattr(found, field.name), getattr(expected, field.name))


@pytest.mark.parametrize("still_mapped", [False, True])
def test_a_set_that_was_removed_in_part_can_be_chosen_again(
    still_mapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, which doesn't remove the images that a process maps."""
    remove = shutil.rmtree

    def remove_labels(folder: Path, **how: Any) -> None:
        if (folder / "x_train.npy").exists():
            for file in folder.glob("y_*.npy"):
                file.unlink()
        else:
            remove(folder, **how)

    store, other = ImageStore(tmp_path), SMALL.replace(normalization="none")
    store.describe_and_prepare(SMALL, quiet)
    monkeypatch.setattr(shutil, "rmtree", remove_labels)
    store.describe_and_prepare(other, quiet)
    assert len(list(tmp_path.iterdir())) == 2
    if not still_mapped:
        monkeypatch.setattr(shutil, "rmtree", remove)
    info = store.describe_and_prepare(SMALL, quiet)
    found = store.get(SMALL, info)
    assert_prepared(found, SMALL)
    assert isinstance(found.x_train, np.memmap) != still_mapped


@pytest.mark.parametrize("name", ["x_train.npy", "y_test.npy", COMPLETE])
def test_a_file_that_the_system_removed_is_made_good(name: str, tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    info = store.describe_and_prepare(SMALL, quiet)
    (entry,) = tmp_path.iterdir()
    (entry / name).unlink()
    found = store.get(SMALL, info)
    assert not isinstance(found.x_train, np.memmap)
    assert_prepared(found, SMALL)
    store.describe_and_prepare(SMALL, quiet)
    found = ImageStore(tmp_path).get(SMALL, info)
    assert isinstance(found.x_train, np.memmap)
    assert_prepared(found, SMALL)


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(b""), lambda file: file.write_text("no array")])
def test_damaged_files_are_not_used(damage: Callable[[Path], object], tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    info = store.describe_and_prepare(SMALL, quiet)
    (entry,) = tmp_path.iterdir()
    damage(entry / "y_train.npy")
    assert_prepared(store.get(SMALL, info), SMALL)


def test_files_removed_while_they_are_read_are_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(*_asked: object) -> None:
        raise FileNotFoundError

    store = ImageStore(tmp_path)
    info = store.describe_and_prepare(SMALL, quiet)
    monkeypatch.setattr(SharedImages, "read", vanish)
    assert_prepared(store.get(SMALL, info), SMALL)


def test_a_run_on_shared_images_equals_one_on_its_own_to_the_bit(tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Event]:
        events: list[Event] = []
        runner = TaskRunner(Placement("cpu"), ImageStore(folder))
        spec = small_run(record_every=2).replace(max_steps=4)
        runner.execute(PrepareTask(spec.data, trains=True), events.append, lambda **_wait: None)
        info = events[-1].info
        runner.execute(TrainTask(1, spec, None, dataset=info), events.append, lambda **_wait: None)
        return timeless(events)

    shared = run(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    shutil.rmtree(tmp_path)
    assert shared == run(None)
