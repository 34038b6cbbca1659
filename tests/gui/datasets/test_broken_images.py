"""Images that can't be read are named, and left out at the press of a button."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLabel, QPushButton, QTabWidget
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.events.runs import Status
from engine.events.tasks import Event, TaskFailed
from engine.executors.inline import InlineExecutor
from engine.executors.runner import TaskRunner
from engine.executors.tasks import PrepareTask, TrainTask
from engine.storage.store import Store
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, of, record, started
from tests.gui.conftest import MakeWindow
from tests.gui.datasets_support import message, open_page, press
from tests.gui.history_support import until
from tests.gui.support import PATIENCE_MS, find, tab_of

SENTENCE = "2 of 36 image files in "


@pytest.fixture
def broken_folder(image_folder: Path) -> Path:
    """36 images, two of which can't be read."""
    for name in ("cat", "dog"):
        (image_folder / "train" / name / "03.png").write_bytes(b"no image")
    return image_folder


def remedy(window: MainWindow) -> QPushButton:
    return find(window, QPushButton, "message_action")


def is_offered(window: MainWindow) -> bool:
    return message(window).startswith(SENTENCE) and remedy(window).text() == "Leave them out"


def skips(window: MainWindow, tab: str = "architectures") -> bool:
    return find(tab_of(window, tab), QCheckBox, "skip_broken_images").isChecked()


def test_their_number_is_reported_by_the_task(broken_folder: Path) -> None:
    events: list[Event] = []
    TaskRunner().execute(PrepareTask(DataSpec(dataset=str(broken_folder))), events.append, lambda **_wait: None)
    failed = of(TaskFailed, events)[-1]
    assert (failed.broken_images, failed.reason.startswith(SENTENCE)) == (2, True)


def test_the_data_sets_page_shows_the_others_when_asked(
    qtbot: QtBot, make_window: MakeWindow, broken_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, page = open_page(make_window)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_arguments: str(broken_folder))
    press(page, "add_folder")
    until(qtbot, lambda: is_offered(window))
    assert "03.png" in message(window)
    assert not page.detail.has_samples
    remedy(window).click()
    until(qtbot, lambda: page.detail.has_samples)
    assert page.detail.samples is not None
    assert page.detail.samples.counts == (11, 11)
    assert message(window) == ""
    press(page, "use")
    assert skips(window)


def test_a_form_shows_the_others_when_asked_and_keeps_the_setting(
    qtbot: QtBot, make_window: MakeWindow, broken_folder: Path
) -> None:
    window = make_window(assistant=InlineExecutor(), librarian=InlineExecutor())
    chooser = tab_of(window).form.dataset_chooser
    assert chooser is not None
    chooser.use(str(broken_folder))
    until(qtbot, lambda: is_offered(window))
    assert not skips(window)
    remedy(window).click()
    until(qtbot, lambda: chooser.has_samples)
    assert chooser.samples is not None
    assert sum(chooser.samples.counts) == 22
    assert (skips(window), skips(window, "activations")) == (True, False)


def test_a_form_shows_the_others_when_the_setting_is_ticked(
    qtbot: QtBot, make_window: MakeWindow, broken_folder: Path
) -> None:
    window = make_window(assistant=InlineExecutor(), librarian=InlineExecutor())
    chooser = tab_of(window).form.dataset_chooser
    assert chooser is not None
    chooser.use(str(broken_folder))
    until(qtbot, lambda: is_offered(window))
    assert find(chooser, QLabel, "dataset_info").text() == "Not loaded."
    find(tab_of(window), QCheckBox, "skip_broken_images").click()
    until(qtbot, lambda: chooser.has_samples)


def test_where_no_image_can_be_read_nothing_is_offered(
    qtbot: QtBot, make_window: MakeWindow, image_folder: Path
) -> None:
    for file in image_folder.rglob("*.png"):
        file.write_bytes(b"no image")
    window = make_window(assistant=InlineExecutor(), librarian=InlineExecutor())
    chooser = tab_of(window).form.dataset_chooser
    assert chooser is not None
    tab_of(window).form.skip_broken_images("digits")
    chooser.use(str(image_folder))
    until(qtbot, lambda: message(window).startswith("36 of 36 image files"))
    assert remedy(window).isHidden()


class PickyExecutor(ScriptedExecutor):
    """Refuses a data set unless broken images are left out."""

    def run(self, tasks, emit, control):
        for task in tasks:
            refused = isinstance(task, PrepareTask) and not task.data.skip_broken_images
            self._preparation = TaskFailed(f"{SENTENCE}photos.", broken_images=2) if refused else self._described
            super().run([task], emit, control)

    def __init__(self) -> None:
        super().__init__(lambda task: [started(task.run), record(task.run), finished(task.run)])
        self._described = self._preparation


def test_an_experiment_runs_again_without_them_when_asked(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    executor = PickyExecutor()
    window = make_window(executor)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab_of(window, "activations").start()
    assert is_offered(window)
    assert not of(TrainTask, executor.tasks)
    find(window, QTabWidget, "tabs").setCurrentIndex(0)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        remedy(window).click()
    assert all(task.spec.data.skip_broken_images for task in of(TrainTask, executor.tasks))
    assert (skips(window, "activations"), skips(window)) == (True, False)
    store = Store(workspace)
    assert [each.status for each in store.experiments(9)] == [Status.FINISHED]
    store.close()
