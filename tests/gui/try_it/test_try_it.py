"""The Try it tab from the user's side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QTabWidget,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.inference import ImageRead
from engine.events.tasks import Emit, Event, TaskFailed
from engine.executors.tasks import PickTestImagesTask, ProbeTask, ReadImageTask, Task, TrainTask
from engine.storage.store import Store
from engine.utils.paths import model_file
from gui.experiment.experiment_tab import ExperimentTab
from gui.try_it.candidate import Candidate
from gui.try_it.image_strip import IMAGES
from gui.try_it.tab import TryItTab
from gui.widgets.message_bar import MessageBar
from tests.engine.support import INFO, ScriptedExecutor, finished, planned, record, started
from tests.gui.conftest import MakeWindow
from tests.gui.support import EVERY_ACTION, LEFT_TO_MOVE, PATIENCE_MS, find, taken_as_copy
from tests.gui.try_it_support import Tried, picked, probed, trained

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def tried(qtbot: QtBot) -> Tried:
    tab = TryItTab()
    qtbot.addWidget(tab)
    tab.resize(1260, 740)
    tab.show()
    qtbot.waitExposed(tab)
    return Tried(tab, qtbot)


def test_without_runs_it_says_what_to_do(tried: Tried) -> None:
    hints = [label.text() for label in tried.tab.findChildren(QLabel) if label.isVisible()]
    assert any("run an experiment" in hint for hint in hints)
    assert not tried.tab.canvas.isVisible()
    assert not tried.tasks
    tried.tab.show_runs([trained()])
    assert tried.tab.canvas.isVisible()


def test_runs_bring_test_images_and_then_the_network_is_loaded(tried: Tried) -> None:
    tried.tab.show_runs([trained()])
    assert tried.tasks == [PickTestImagesTask(DataSpec(), IMAGES, 0)]
    tried.tab.take(picked())
    [task] = tried.of(ProbeTask)
    assert not task.image.any()
    assert task.model_file == Path("run-1.keras")
    tried.tab.take(probed())
    assert not tried.shows_answer, "nobody has drawn anything yet"


def test_out_of_sight_nothing_is_fetched(tried: Tried) -> None:
    tried.tab.hide()
    tried.tab.show_runs([trained()])
    assert not tried.tasks
    tried.tab.show()
    assert len(tried.of(PickTestImagesTask)) == 1


def test_drawing_probes_during_the_stroke(tried: Tried, qtbot: QtBot) -> None:
    tried.ready()
    canvas = tried.tab.canvas
    qtbot.mousePress(canvas, LEFT, pos=canvas.rect().center())
    [task] = tried.of(ProbeTask)
    assert task.image.max() == 255
    assert (task.data, task.shape) == (DataSpec(), INFO.shape)
    tried.tab.take(probed(4))
    assert tried.shows_answer
    assert tried.text("verdict") == "4, 91.0 %"
    assert [bar.is_top for bar in tried.tab.bars.bars].index(True) == 4
    qtbot.mouseRelease(canvas, LEFT, pos=canvas.rect().center())


def test_one_request_at_a_time_and_the_latest_wins(tried: Tried) -> None:
    tried.ready()
    tried.draw((-60, 0), (-30, 0), (0, 0), (30, 0), (60, 0))
    assert len(tried.of(ProbeTask)) == 1, "the others wait for its answer"
    tried.tab.take(probed())
    first, second = tried.of(ProbeTask)
    assert second.image.sum() > first.image.sum()
    assert np.array_equal(second.image, tried.tab.canvas.image())
    tried.tab.take(probed())
    assert len(tried.of(ProbeTask)) == 2, "nothing has changed since"


def test_clearing_drops_the_pending_answer(tried: Tried) -> None:
    tried.ready()
    tried.draw((0, 0), (50, 50))
    tried.click("clear_drawing")
    tried.tab.take(probed())
    assert not tried.shows_answer
    assert len(tried.of(ProbeTask)) == 1
    tried.click("undo_drawing")
    assert len(tried.of(ProbeTask)) == 2


def test_a_click_on_a_test_image_probes_that_image(tried: Tried, qtbot: QtBot) -> None:
    tried.ready()
    find(tried.tab, QCheckBox, "invert").setChecked(True)
    qtbot.mouseClick(find(tried.tab, QToolButton, "test_image_6"), LEFT)
    [task] = tried.of(ProbeTask)
    assert np.array_equal(task.image, picked().images[5])
    assert tried.text("try_status") == "A test image of class 5"
    tried.tab.take(probed(5))
    assert tried.marked == ["5"]
    tried.draw((0, 0), (20, 20))
    tried.tab.take(probed(5))
    assert tried.marked == [], "it is no longer that image"
    assert tried.text("try_status") == "Your drawing"


def test_more_test_images_are_others(tried: Tried) -> None:
    tried.ready()
    tried.click("more_test_images")
    tried.tab.take(picked())
    tried.click("more_test_images")
    assert [task.seed for task in tried.of(PickTestImagesTask)] == [1, 2]


def test_inverting_probes_again(tried: Tried) -> None:
    tried.ready()
    tried.draw((0, 0), (20, 20))
    tried.tab.take(probed())
    tried.tab.take(probed())
    find(tried.tab, QCheckBox, "invert").setChecked(True)
    *_, before, inverted = tried.of(ProbeTask)
    assert np.array_equal(inverted.image, 255 - before.image)


def drop(tab: TryItTab, *urls: QUrl) -> bool:
    """Drag over the tab, drop, and return whether the drag was accepted."""
    data = QMimeData()
    data.setUrls(list(urls))
    place = QPoint(300, 300)
    entering = QDragEnterEvent(place, EVERY_ACTION, data, *LEFT_TO_MOVE)
    QApplication.sendEvent(tab, entering)
    if not taken_as_copy(entering):
        return False
    for event in (
        QDragMoveEvent(place, EVERY_ACTION, data, *LEFT_TO_MOVE),
        QDropEvent(QPointF(place), EVERY_ACTION, data, *LEFT_TO_MOVE),
    ):
        QApplication.sendEvent(tab, event)
        assert taken_as_copy(event)
    return True


def test_a_dropped_file_is_read_and_probed(tried: Tried, tmp_path: Path) -> None:
    tried.ready()
    file = tmp_path / "çiçek.png"
    assert drop(tried.tab, QUrl.fromLocalFile(str(file)))
    assert tried.tasks == [ReadImageTask(file)]
    photo = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    tried.tab.take(ImageRead(file, photo))
    assert np.array_equal(tried.of(ProbeTask)[0].image, photo)
    assert tried.of(ProbeTask)[0].file == file
    assert tried.text("try_status") == "çiçek.png"
    tried.tab.take(probed())
    assert tried.shows_answer
    assert tried.marked == []


def test_an_image_that_was_changed_on_the_canvas_is_no_longer_that_of_its_file(tried: Tried) -> None:
    tried.ready()
    tried.tab.take(ImageRead(Path("a.png"), np.full((4, 4, 3), 9, np.uint8)))
    tried.tab.take(probed())
    tried.tab.canvas.set_inverted(True)
    assert [task.file for task in tried.of(ProbeTask)] == [Path("a.png"), None]
    assert tried.of(ProbeTask)[1].image.min() == 246


def test_a_picture_from_a_web_page_is_refused_with_advice(tried: Tried) -> None:
    tried.ready()
    assert drop(tried.tab, QUrl("https://example.org/cat.png"))
    assert tried.tasks == []
    assert tried.failures == [
        "https://example.org/cat.png is not a file on this computer; save it, then drop the file."
    ]


def test_nothing_can_be_dropped_before_there_is_a_network(tried: Tried) -> None:
    assert not drop(tried.tab, QUrl.fromLocalFile("/a.png"))


def test_a_file_can_be_opened(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    tried.ready()
    answers = iter([("", ""), ("/pictures/a.png", "")])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: next(answers))
    tried.click("open_image")
    assert tried.tasks == []
    tried.click("open_image")
    assert tried.tasks == [ReadImageTask(Path("/pictures/a.png"))]


def test_a_file_that_is_not_an_image_is_reported_and_drawing_continues(tried: Tried) -> None:
    tried.ready()
    tried.tab.open_file(Path("a.txt"))
    assert "a.txt" in tried.text("try_status")
    tried.tab.take(TaskFailed("a.txt is not an image that can be read; open a PNG or JPEG file."))
    assert tried.failures == ["a.txt is not an image that can be read; open a PNG or JPEG file."]
    assert "a.txt" not in tried.text("try_status")
    tried.draw((0, 0))
    assert len(tried.of(ProbeTask)) == 1


def test_after_a_failed_request_the_next_one_is_sent(tried: Tried) -> None:
    tried.ready()
    tried.draw((0, 0), (40, 0))
    tried.tab.take(TaskFailed("The trained network can't be read."))
    assert tried.failures == ["The trained network can't be read."]
    assert len(tried.of(ProbeTask)) == 2
    tried.tab.take(TaskFailed("Cancelled.", cancelled=True))
    assert len(tried.failures) == 1


def test_new_runs_appear_and_the_choice_stays(tried: Tried) -> None:
    tried.ready(trained(2), trained(1))
    box = find(tried.tab, QComboBox, "trained_run")
    assert box.currentText() == "mlp_1 #2 · Digits · 50.0 % · experiment 7"
    box.setCurrentIndex(1)
    tried.tab.take(probed())
    tried.tasks.clear()
    tried.tab.show_runs([trained(3), trained(2), trained(1)])
    assert box.count() == 3
    assert tried.tab.network == Candidate.of_run(trained(1))
    assert tried.tasks == [], "nothing has changed for the network that is tried"
    tried.tab.show_runs([trained(3), trained(2)])
    assert tried.tab.network == Candidate.of_run(trained(3))


def test_another_network_is_applied_to_the_same_drawing(tried: Tried) -> None:
    tried.ready(trained(2), trained(1))
    tried.draw((0, 0))
    tried.tab.take(probed(1))
    find(tried.tab, QComboBox, "trained_run").setCurrentIndex(1)
    assert [task.model_file.name for task in tried.of(ProbeTask)] == ["run-2.keras", "run-1.keras"]
    assert "loading the network" in tried.text("try_status")
    tried.tab.take(probed(5))
    assert tried.text("verdict").startswith("5,")
    assert tried.text("try_status") == "Your drawing"


def test_an_answer_of_the_previous_network_is_not_shown(tried: Tried) -> None:
    tried.ready(trained(2), trained(1))
    tried.draw((0, 0))
    find(tried.tab, QComboBox, "trained_run").setCurrentIndex(1)
    tried.tab.take(probed(8))
    assert not tried.shows_answer
    tried.tab.take(probed(9))
    assert tried.text("verdict").startswith("9,")


def test_another_data_set_brings_its_own_test_images(tried: Tried, qtbot: QtBot) -> None:
    tried.ready(trained(2), trained(1, image_size=28))
    qtbot.mouseClick(find(tried.tab, QToolButton, "test_image_1"), LEFT)
    tried.tab.take(probed())
    find(tried.tab, QComboBox, "trained_run").setCurrentIndex(1)
    assert [task.data.image_size for task in tried.of(PickTestImagesTask)] == [28]
    assert not find(tried.tab, QToolButton, "test_image_1").isEnabled()
    tried.tab.take(picked(image_size=28))
    assert find(tried.tab, QToolButton, "test_image_1").isEnabled()
    tried.tab.take(probed())
    assert tried.marked == [], "the class is one of the other data set"
    assert tried.text("try_status") == "A test image of class 0"


def test_images_of_a_data_set_no_longer_wanted_are_not_shown(tried: Tried) -> None:
    tried.tab.show_runs([trained(2), trained(1, image_size=28)])
    find(tried.tab, QComboBox, "trained_run").setCurrentIndex(1)
    tried.tab.take(picked())
    assert not find(tried.tab, QToolButton, "test_image_1").isEnabled()
    assert tried.of(PickTestImagesTask)[-1].data.image_size == 28
    tried.tab.take(picked(image_size=28))
    assert find(tried.tab, QToolButton, "test_image_1").isEnabled()


def test_long_names_widen_nothing(tried: Tried) -> None:
    name = "a" * 200
    info = replace(INFO, class_names=(*INFO.class_names[:9], name))
    tried.ready(replace(trained(), info=info))
    least = tried.tab.minimumSizeHint().width()
    tried.tab.open_file(Path(f"{name}.png"))
    tried.tab.take(ImageRead(Path(f"{name}.png"), np.full((4, 4, 3), 9, np.uint8)))
    tried.tab.take(probed(9))
    assert tried.text("verdict").startswith(name)
    assert len(tried.text("try_status")) < 100
    assert tried.tab.minimumSizeHint().width() == least < 1280


class ProberHere:
    """Answers probes immediately and fails to read any file."""

    def start(self, runs: int, threads: int | None = None) -> int:
        return 1

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        return Allocation(1, 1)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        answers = {ProbeTask: probed(6), PickTestImagesTask: picked(), ReadImageTask: TaskFailed("It is no image.")}
        for task in tasks:
            emit(answers[type(task)])

    def close(self) -> None:
        """Do nothing."""


def run_with_network(task: TrainTask) -> list[Event]:
    """Return the events of a run whose network was saved."""
    assert task.model_file is not None
    task.model_file.parent.mkdir(parents=True, exist_ok=True)
    task.model_file.touch()
    return [started(task.run), record(task.run), finished(task.run, model=str(task.model_file))]


def test_in_the_window_a_network_can_be_tried_once_it_is_tested(make_window: MakeWindow, qtbot: QtBot) -> None:
    window = make_window(ScriptedExecutor(run_with_network), prober=ProberHere())
    tried = Tried(find(window, TryItTab, "tab_try_it"), qtbot)
    experiment = find(window, ExperimentTab, "tab_architectures")
    find(window, QTabWidget, "tabs").setCurrentWidget(tried.tab)
    assert tried.tab.network is None
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        experiment.start()
    networks = find(tried.tab, QComboBox, "trained_run")
    qtbot.waitUntil(lambda: networks.count() == 10, timeout=PATIENCE_MS)  # read from the store on another thread
    qtbot.waitUntil(find(tried.tab, QToolButton, "test_image_1").isEnabled, timeout=PATIENCE_MS)
    tried.draw((0, 0), (30, 30))
    qtbot.waitUntil(lambda: tried.text("verdict") == "6, 91.0 %", timeout=PATIENCE_MS)
    tried.tab.open_file(Path("a.txt"))
    bar = find(window, MessageBar, "message_bar")
    qtbot.waitUntil(lambda: bar.text == "It is no image.", timeout=PATIENCE_MS)


def test_in_the_window_networks_of_earlier_sessions_are_offered(
    make_window: MakeWindow, qtbot: QtBot, workspace: Path
) -> None:
    store = Store(workspace)
    number, [run] = planned(store)
    file = model_file(workspace, number, "mlp_1", 1)
    file.parent.mkdir(parents=True)
    file.touch()
    store.add(finished(run.run, model=str(file)))
    store.close()
    window = make_window(prober=ProberHere())
    find(window, QTabWidget, "tabs").setCurrentWidget(find(window, TryItTab, "tab_try_it"))
    offered = find(window, QComboBox, "trained_run")
    qtbot.waitUntil(lambda: offered.count() > 0, timeout=PATIENCE_MS)
    assert [offered.itemText(row) for row in range(offered.count())] == ["mlp_1 #1 · Digits · 50.0 % · experiment 1"]


def test_every_control_has_a_name(tried: Tried) -> None:
    tried.ready()
    controls = [w for kind in (QPushButton, QToolButton, QComboBox, QCheckBox) for w in tried.tab.findChildren(kind)]
    assert len(controls) > IMAGES
    assert all(control.objectName() for control in controls)
