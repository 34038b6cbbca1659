"""engine.selftest.installation: packages and folders."""

from __future__ import annotations

import errno
import shutil
import sys
import tempfile
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from engine.selftest import installation
from engine.selftest.check import CheckContext, CheckState, ok
from engine.selftest.installation import check_packages, check_space, check_temporary_folder, check_workspace, compare
from engine.utils.versions import installed_version


def test_the_packages_here_are_as_required(context: CheckContext) -> None:
    found = check_packages(context)
    assert found.state is CheckState.OK, found.sentence
    assert "packages as requirements.txt wants them" in found.sentence


def test_packages_that_are_missing_or_outside_are_named() -> None:
    required = """
# nothing
numpy>=1.26,<3  # a reason
nothing-called-so>=1
nothing-on-another-system; sys_platform == "nowhere"
pillow<1
"""
    missing, outside, count = compare(required)
    assert (missing, count) == (["nothing-called-so"], 3)
    assert outside == [f"pillow {installed_version('pillow')} is not <1"]


@pytest.mark.parametrize(
    ("text", "state", "named"),
    [
        ("nothing-called-so\n", CheckState.FAILED, "nothing-called-so not installed; install what is missing: "),
        ("pillow<1\n", CheckState.WARNING, "is not <1: not what the program was tested with; "),
        (None, CheckState.WARNING, "can't be read (No such file or directory)"),
    ],
)
def test_a_doubtful_installation_comes_with_its_cure(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, text: str | None, state: CheckState, named: str
) -> None:
    file = context.scratch / "requirements.txt"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(installation, "REQUIREMENTS", file)
    found = check_packages(context)
    assert found.state is state
    assert named in found.sentence


def test_a_built_program_carries_its_packages(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "packages that this program was built with" in check_packages(context).sentence


def test_folders_are_written_to_and_left_as_they_were(context: CheckContext) -> None:
    assert check_temporary_folder(context).state is CheckState.OK
    assert check_workspace(context) == ok(f"{context.workspace} can be made.")
    assert not context.workspace.exists()
    context.workspace.mkdir()
    assert check_workspace(context) == ok(f"{context.workspace} can be written to.")
    assert [*context.workspace.iterdir(), *context.scratch.iterdir()] == []


def test_a_workspace_that_is_a_file_is_refused(context: CheckContext) -> None:
    context.workspace.write_text("")
    below = replace(context, workspace=context.workspace / "below")
    for each in (context, below):
        found = check_workspace(each)
        assert found.state is CheckState.FAILED
        assert found.sentence.startswith(f"{context.workspace} is no folder; ")


def test_a_folder_that_can_not_be_written_to_comes_with_the_systems_word(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    for found in (check_temporary_folder(context), check_workspace(context)):
        assert found.state is CheckState.FAILED
        assert "can't be written to (No space left on device); " in found.sentence


@pytest.mark.parametrize(
    ("free", "words", "state"),
    [
        (60 * 10**9, "60.0 GB", CheckState.OK),
        (5 * 10**8, "500 MB", CheckState.WARNING),
        (10**7, "10 MB", CheckState.FAILED),
    ],
)
def test_little_space_is_told_of(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, free: int, words: str, state: CheckState
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free))
    found = check_space(context)
    assert found.state is state
    assert found.sentence.startswith(f"{words} free in ")
