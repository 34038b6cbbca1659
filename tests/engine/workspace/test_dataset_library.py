"""engine.workspace.dataset_library: stored paths of data sets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.utils.errors import StoreError
from engine.workspace.dataset_library import DatasetLibrary


def test_paths_are_kept_once_in_the_order_they_came(workspace: Path, tmp_path: Path) -> None:
    library = DatasetLibrary(workspace)
    assert library.paths() == []
    for name in ("çiçek", "b.npz", "çiçek"):
        library.add(tmp_path / name)
    assert DatasetLibrary(workspace).paths() == [tmp_path / "çiçek", tmp_path / "b.npz"]


def test_a_relative_path_is_kept_whole(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert DatasetLibrary(workspace).add(Path("mine")) == tmp_path / "mine"
    assert DatasetLibrary(workspace).paths() == [tmp_path / "mine"]


def test_forgetting_leaves_the_folder_alone(workspace: Path, tmp_path: Path) -> None:
    library, kept = DatasetLibrary(workspace), tmp_path / "kept"
    kept.mkdir()
    library.add(kept)
    library.remove(kept)
    assert library.paths() == []
    assert kept.is_dir()


@pytest.mark.parametrize("text", ["paths = [", 'paths = "x" = 1'])
def test_a_broken_file_is_said(workspace: Path, text: str) -> None:
    library = DatasetLibrary(workspace)
    workspace.mkdir()
    library.file.write_text(text)
    with pytest.raises(StoreError, match="mend or remove it"):
        library.paths()


@pytest.mark.parametrize("text", ["", 'paths = "one"', "paths = [1, 2]"])
def test_entries_that_are_no_paths_are_passed_over(workspace: Path, text: str) -> None:
    library = DatasetLibrary(workspace)
    workspace.mkdir()
    library.file.write_text(text)
    assert library.paths() == []


def test_a_workspace_that_can_not_be_written_is_said(workspace: Path, tmp_path: Path) -> None:
    workspace.write_text("a file")
    with pytest.raises(StoreError, match=r"can't be (read|written)"):
        DatasetLibrary(workspace).add(tmp_path)


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 3000, ".".join("a" * 50_000) + " = 1", "a = "])
def test_a_file_that_is_no_table_is_refused_by_name(workspace: Path, text: str) -> None:
    workspace.mkdir()
    library = DatasetLibrary(workspace)
    library.file.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=rf"{library.file.name} can't be read .*; mend or remove it\.$"):
        library.paths()


def test_a_pipe_in_its_place_is_not_waited_for(workspace: Path) -> None:
    workspace.mkdir()
    os.mkfifo(DatasetLibrary(workspace).file)
    with pytest.raises(StoreError, match="pipe or a device"):
        DatasetLibrary(workspace).paths()
