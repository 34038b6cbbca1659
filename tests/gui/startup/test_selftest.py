"""gui.startup.selftest and the dialog: checks of plots and display, and the self-test in a window."""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtGui import QAction, QFont, QGuiApplication
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QTextEdit
from pytestqt.qtbot import QtBot

from engine.selftest.check import Check, CheckContext, CheckResult, CheckState, Outcome, failed, ok, warning
from gui.dialogs.selftest import SelfTestDialog
from gui.plots.plot import Plot
from gui.startup import selftest
from gui.startup.selftest import ALL_CHECKS, check_display, check_plots
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, find


@pytest.fixture
def context(workspace: Path, tmp_path: Path) -> CheckContext:
    return CheckContext(workspace, tmp_path)


# --- plots


def test_plots_are_drawn_here(qtbot: QtBot, context: CheckContext) -> None:
    found = check_plots(context)
    assert found.state is CheckState.OK, found.sentence


def test_a_curve_that_is_not_drawn_is_found(
    qtbot: QtBot, context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plot, "plot", lambda *_given: None, raising=False)
    assert check_plots(context).sentence.startswith("Only 0 pixels of a curve were drawn; ")


def test_references_that_repaints_lose_are_found(
    qtbot: QtBot, context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = itertools.count(5000, -selftest.REPAINTS)  # as PySide6 6.12.0 does on Python 3.11
    monkeypatch.setattr(selftest, "sys", SimpleNamespace(getrefcount=lambda _none: next(counts)))
    found = check_plots(context)
    assert found.state is CheckState.FAILED
    assert found.sentence.startswith("100 references were lost in 100 repaints, which ends the window after minutes; ")


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        (["libEGL.so.1"], "Qt lacks libEGL.so.1; install what holds them (Debian, Ubuntu: libegl1)."),
        ([], "Qt can't be loaded (import of PySide6.QtWidgets halted; None in sys.modules); "),
    ],
    ids=["library", "package"],
)
def test_what_qt_lacks_is_named(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, missing: list[str], sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, "PySide6.QtWidgets", None)
    monkeypatch.setitem(sys.modules, "PySide6.QtGui", None)
    monkeypatch.setattr(selftest, "missing_libraries", lambda: missing)
    found = check_plots(context)
    assert found.state is check_display(context).state is CheckState.FAILED
    assert found.sentence.startswith(sentence)


def test_without_a_display_there_is_a_warning(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    found = check_display(context)
    assert found.state is CheckState.WARNING
    assert "--batch" in found.sentence


def test_qt_and_tensorflow_never_share_a_process() -> None:
    assert [each.name for each in ALL_CHECKS if each.isolated] == ["plots", "display"]


# --- the dialog


def passes(context: CheckContext) -> CheckResult:
    return ok(f"{context.workspace.name} on {context.device}.", {"Devices": "cpu: a processor"})


def warns(context: CheckContext) -> CheckResult:
    return warning("Somewhat little.")


def fails(context: CheckContext) -> CheckResult:
    return failed("Too little; get more.")


def hangs(context: CheckContext) -> CheckResult:
    (context.workspace.parent / "hangs").touch()
    threading.Event().wait()
    return ok("never")


def checks(*runs: Any) -> tuple[Check, ...]:
    return tuple(Check(run.__name__, "something", run, 3600.0) for run in runs)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks run in the dialog's thread, not in processes of their own."""

    def run_here(
        checks: Sequence[Check], context: CheckContext, _control: object, begin: Callable[[Check], None]
    ) -> Generator[Outcome, None, None]:
        for each in checks:
            begin(each)
            yield Outcome(each, each.run(context))

    monkeypatch.setattr("engine.selftest.run.run_checks", run_here)


def opened(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, *runs: Any) -> SelfTestDialog:
    """The dialog, opened from the menu on these checks."""
    monkeypatch.setattr("gui.startup.selftest.ALL_CHECKS", checks(*runs))
    window = make_window(device="cpu")
    find(window, QAction, "selftest").trigger()
    return find(window, SelfTestDialog, "selftest_dialog")


def status(dialog: SelfTestDialog) -> str:
    return find(dialog, QLabel, "selftest_status").text()


def is_bold(dialog: SelfTestDialog, line: int) -> bool:
    block = find(dialog, QTextEdit, "selftest_text").document().findBlockByNumber(line)
    return block.begin().fragment().charFormat().fontWeight() == QFont.Weight.Bold


def test_lines_come_as_checks_are_done_and_can_be_copied(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    dialog = opened(make_window, monkeypatch, passes, warns)
    assert dialog.isVisible()
    again = find(dialog, QPushButton, "selftest_again")
    assert not again.isEnabled()
    qtbot.waitUntil(lambda: status(dialog) == "Nothing failed.", timeout=PATIENCE_MS)
    find(dialog, QPushButton, "selftest_copy").click()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "ok       passes            workspace on cpu."
    assert lines[1] == "warning  warns             Somewhat little."
    assert lines[3].startswith("Nothing failed of 2 checks")
    assert "Devices       cpu: a processor" in lines
    assert [is_bold(dialog, line) for line in (0, 1, 3)] == [False, True, False]
    assert not find(dialog, QProgressBar, "selftest_progress").isVisible()
    # Closed and reopened, the results are still there, and the test can be repeated.
    find(dialog, QPushButton, "selftest_close").click()
    find(dialog.parentWidget(), QAction, "selftest").trigger()
    assert dialog.text.splitlines() == lines
    again.click()
    assert dialog.text == ""
    qtbot.waitUntil(lambda: status(dialog) == "Nothing failed.", timeout=PATIENCE_MS)
    assert dialog.text.splitlines()[:2] == lines[:2]


def test_a_failure_is_said_below_the_lines(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_once: None
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # folder of its logs
    dialog = opened(make_window, monkeypatch, fails)
    qtbot.waitUntil(lambda: status(dialog).startswith("Something failed"), timeout=PATIENCE_MS)
    assert is_bold(dialog, 0)
    assert dialog.text.splitlines()[-1].startswith(f"Logs          {tmp_path}")


@pytest.mark.long
def test_closing_the_dialog_or_the_window_ends_a_test_that_is_under_way(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dialog = opened(make_window, monkeypatch, passes, hangs)
    hanging = tmp_path / "hangs"  # written by the child process, which must not outlive the test
    for close in (dialog.close, dialog.parentWidget().close):
        qtbot.waitUntil(lambda: status(dialog) == "Looking at: hangs …" and hanging.exists(), timeout=PATIENCE_MS)
        assert dialog.text.startswith("ok       passes ")
        close()
        assert dialog.text == ""
        assert multiprocessing.active_children() == []
        hanging.unlink()
        if dialog.parentWidget().isVisible():
            find(dialog.parentWidget(), QAction, "selftest").trigger()


def test_where_no_test_can_begin_a_sentence_says_why(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    dialog = opened(make_window, monkeypatch, passes)
    qtbot.waitUntil(lambda: status(dialog).startswith("No temporary folder"), timeout=PATIENCE_MS)
    assert find(dialog, QPushButton, "selftest_again").isEnabled()
