"""engine.executors.processes.scratch_folder: temporary folders are removed with their process."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from engine.events.channel import ControlChannel
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.processes.scratch_folder import PREFIX, ScratchFolder, remove_orphaned_folders
from engine.utils.errors import WorkerError
from tests.engine.executors.processes.child_support import run_plan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, limits and raw pipes are POSIX's")

if sys.platform != "win32":
    from tests.engine.executors.processes.scripted_worker import Script


def test_a_folder_goes_with_its_process_and_not_before(
    one: ProcessExecutor, script: Script, control: ControlChannel, tmp_path: Path
) -> None:
    script.write("segfault", "train")
    temporary = tmp_path / "temporary"
    kinds = lambda: sorted(path.suffix for path in temporary.iterdir())  # noqa: E731
    seen = []
    run_plan(one, 2, control)
    seen.append(kinds())
    one.close()
    assert seen == [["", "", ".lock", ".lock"]], "the images' and one child's, though two have been there"
    assert kinds() == []


def test_only_folders_of_dead_owners_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = ScratchFolder()
    left = tmp_path / f"{PREFIX}0123"
    left.mkdir()
    (left / "__autograph_generated_file1.py").touch()
    (tmp_path / f"{PREFIX}4567").mkdir()
    (tmp_path / f"{PREFIX}4567.lock").touch()
    (tmp_path / f"{PREFIX}a_file").touch()
    (tmp_path / "somebody_elses").mkdir()
    remove_orphaned_folders()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {held.path.name, f"{held.path.name}.lock", f"{PREFIX}a_file", "somebody_elses"}
    held.remove()
    assert not held.path.exists()


def test_what_can_not_be_made_is_an_error_in_words(one: ProcessExecutor, tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(WorkerError, match="can't be started"):
        patch.setattr(tempfile, "tempdir", str(tmp_path / "a_file"))
        one.start(1)
