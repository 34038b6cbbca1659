"""Missing displays and libraries are named before Qt would abort the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.arguments import parse
from gui.app import run_window
from gui.startup import platform_check
from gui.startup.platform_check import explain_missing_display, packages_for


def test_without_a_display_the_way_out_is_named() -> None:
    sentence = explain_missing_display("linux", {})
    assert sentence is not None
    assert "--batch" in sentence


@pytest.mark.parametrize(
    ("platform", "environment"),
    [
        ("darwin", {}),
        ("win32", {}),
        ("linux", {"QT_QPA_PLATFORM": "offscreen"}),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}),
    ],
)
def test_other_ways_to_a_window_are_not_stood_in_the_way_of(platform: str, environment: dict[str, str]) -> None:
    assert explain_missing_display(platform, environment) is None


def test_missing_libraries_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_check, "_loads", lambda _library: False)
    monkeypatch.setattr(platform_check, "missing_libraries", lambda: ["libxcb-cursor.so.0", "libxcb-icccm.so.4"])
    sentence = explain_missing_display("linux", {"DISPLAY": ":0"})
    assert sentence is not None
    assert "libxcb-cursor0 libxcb-icccm4" in sentence


def test_a_library_of_unknown_home_stands_for_itself() -> None:
    assert packages_for(["libnew.so.1", "libEGL.so.1"]) == ["libegl1", "libnew.so.1"]


def test_the_program_ends_with_the_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert run_window(parse([])) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no display" in error


def test_a_workspace_with_too_long_a_path_is_refused_before_there_is_a_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_window(parse(["--workspace", str(tmp_path / ("n" * 300))])) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "too long" in error
