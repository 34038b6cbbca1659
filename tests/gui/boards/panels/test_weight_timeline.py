"""Weights of earlier steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QSlider, QToolButton
from pytestqt.qtbot import QtBot

from engine.events.experiments import ExperimentStarted
from engine.events.runs import PlannedRun, Weights
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.networks.weight_images import common_scale
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.workspace.replay import experiment_events
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards.panels.weight_grids import WeightGrid, WeightGrids
from gui.boards.panels.weight_timeline import WeightTimeline
from gui.observations.experiment import Observations
from gui.observations.weight_history import WeightHistory
from tests.engine.support import INFO, ScriptedExecutor, finished, planned, record, started, weights
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import until
from tests.gui.support import PATIENCE_MS, find, tab_of

STEPS = (0, 26, 52, 78)


@pytest.fixture
def store(workspace: Path) -> Iterator[Store]:
    with closing(Store(workspace)) as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> PlannedRun:
    """Return a run with weights of two layers stored at four steps, the largest at step 52."""
    _, (run,) = planned(store)
    store.add(started(run.run))
    for epoch, step in enumerate(STEPS):
        for layer in ("dense_1", "prediction"):
            store.add(stored_weights(run.run, step, epoch, layer))
    return run


def stored_weights(run: int, step: int, epoch: int, layer: str = "dense_1") -> Weights:
    """Return weights equal to the step, but ten times the step at step 52."""
    made = weights(run, step, epoch, layer)
    made.values[:] = step * (10 if step == 52 else 1)
    return made


@pytest.fixture
def thread(qtbot: QtBot, workspace: Path) -> Iterator[StoreReader]:
    with closing(StoreReader(workspace)) as made:
        yield made


@pytest.fixture
def reader(thread: StoreReader) -> Iterator[WeightReader]:
    with closing(WeightReader(thread)) as made:
        yield made


def answer(qtbot: QtBot, ask: Callable[..., None], *question: object) -> Any:
    """Return the answer of a source."""
    found: list[Any] = []
    ask(*question, found.append, pytest.fail)
    until(qtbot, lambda: found)
    return found[0]


class Stored:
    """Source that answers immediately from a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def steps(self, run: int, layer: str, take: Callable[[list[int]], None], _failed: object) -> None:
        take(self._store.weight_steps(run, layer))

    def weights(self, run: int, layer: str, step: int, take: Callable[[Weights | None], None], _failed: object) -> None:
        take(self._store.weights(run, layer, step))


@pytest.fixture
def grids(qtbot: QtBot, reader: WeightReader) -> WeightGrids:
    made = WeightGrids()
    qtbot.addWidget(made)
    made.use_weight_source(reader)
    return made


def live(run: PlannedRun, *steps: int) -> Observations:
    """Return observations with the weights of ``steps``."""
    observations = Observations()
    observations.take(ExperimentStarted(1, "architectures", INFO, (run,), 1))
    observations.take(started(run.run))
    for step in steps:
        for layer in ("dense_1", "prediction"):
            observations.take(stored_weights(run.run, step, step // 26, layer))
    return observations


def shown(grids: WeightGrids, observations: Observations) -> None:
    grids.begin(observations)
    grids.refresh(observations)


def caption(grids: WeightGrids) -> str:
    return find(find(grids, WeightGrid, "weights_mlp_1"), QLabel, "caption").text()


def slider(grids: WeightGrids) -> QSlider:
    return find(grids, QSlider, "weights_step")


def when(grids: WeightGrids) -> str:
    return find(grids, QLabel, "weights_when").text()


def pixel(grids: WeightGrids) -> int:
    """Return the grey level of the first weight of the first image."""
    return find(grids, WeightGrid, "weights_mlp_1").image.pixelColor(3, 3).lightness()


def pending_timer(grids: WeightGrids) -> QTimer:
    """Return the timer that is active while something remains to be drawn."""
    return grids.findChild(QTimer, options=Qt.FindChildOption.FindDirectChildrenOnly)


def settled(qtbot: QtBot, grids: WeightGrids, text: str) -> None:
    until(qtbot, lambda: caption(grids) == text and grids.is_complete)


def test_the_right_end_is_the_newest_on_the_scale_of_all_steps(
    qtbot: QtBot, grids: WeightGrids, run: PlannedRun
) -> None:
    shown(grids, live(run, *STEPS))
    until(qtbot, lambda: (slider(grids).maximum(), slider(grids).value()) == (3, 3))
    assert when(grids) == "newest of 4"
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")
    assert "Black is -520, white 520" in find(grids, WeightGrid, "weights_mlp_1").toolTip()


def test_the_slider_shows_each_step_as_it_was_and_shades_can_be_compared(
    qtbot: QtBot, grids: WeightGrids, run: PlannedRun
) -> None:
    shown(grids, live(run, *STEPS))
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")
    shades = []
    for position, step in enumerate(STEPS):
        slider(grids).setValue(position)
        settled(qtbot, grids, f"run 1, step {step}, ±5.2e+02")
        shades.append(pixel(grids))
    assert shades == [round(127.5 * (value / 520 + 1)) for value in (0, 26, 520, 78)]
    assert when(grids) == "newest of 4"


def test_a_stored_experiment_has_the_same_timeline(
    qtbot: QtBot, grids: WeightGrids, store: Store, run: PlannedRun
) -> None:
    observations = Observations()
    for event in experiment_events(store, 1):
        observations.take(event)
    shown(grids, observations)
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")
    slider(grids).setValue(1)
    settled(qtbot, grids, "run 1, step 26, ±5.2e+02")
    assert when(grids) == "step 26"


def test_new_weights_are_followed_at_the_right_end_alone(
    qtbot: QtBot, grids: WeightGrids, store: Store, run: PlannedRun
) -> None:
    observations = live(run, *STEPS)
    shown(grids, observations)
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")
    slider(grids).setValue(1)
    settled(qtbot, grids, "run 1, step 26, ±5.2e+02")
    take(observations, store, stored_weights(run.run, 104, 4))
    grids.refresh(observations)
    settled(qtbot, grids, "run 1, step 26, ±5.2e+02")
    assert (slider(grids).value(), slider(grids).maximum()) == (1, 4)
    slider(grids).setValue(4)
    settled(qtbot, grids, "run 1, step 104, ±5.2e+02")
    take(observations, store, stored_weights(run.run, 130, 5))
    grids.refresh(observations)
    assert caption(grids).startswith("run 1, step 130, ")
    assert slider(grids).value() == 5


def take(observations: Observations, store: Store, event: Weights) -> None:
    store.add(event)
    observations.take(event)


def test_play_runs_through_all_steps_and_ends_at_the_newest(
    qtbot: QtBot, grids: WeightGrids, run: PlannedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(grids, live(run, *STEPS))
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")
    seen: list[int | None] = []
    timeline = grids.findChild(WeightTimeline)
    assert timeline is not None
    timeline.findChild(QTimer).setInterval(0)
    timeline.chosen.connect(seen.append)
    play = find(grids, QToolButton, "weights_play")
    play.click()
    qtbot.waitUntil(lambda: not play.isChecked(), timeout=PATIENCE_MS)
    assert seen == [0, 26, 52, None]
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")
    slider(grids).setValue(2)
    play.click()
    play.click()
    assert seen[-1] == 52, "pressed again it halts where it is"


def test_keys_move_the_slider(qtbot: QtBot, grids: WeightGrids, run: PlannedRun) -> None:
    shown(grids, live(run, *STEPS))
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")
    for key, step in ((Qt.Key.Key_Left, 52), (Qt.Key.Key_Home, 0), (Qt.Key.Key_Right, 26)):
        qtbot.keyClick(slider(grids), key)
        settled(qtbot, grids, f"run 1, step {step}, ±5.2e+02")


def test_without_earlier_steps_the_slider_is_disabled(qtbot: QtBot, grids: WeightGrids, run: PlannedRun) -> None:
    with closing(StoreReader(Path("/nowhere"))) as nothing:
        grids.use_weight_source(WeightReader(nothing))
        shown(grids, live(run, 0))
        until(qtbot, lambda: grids.is_complete)
    assert not slider(grids).isEnabled()
    assert not find(grids, QToolButton, "weights_play").isEnabled()
    assert caption(grids) == "run 1, step 0, ±1"


def test_unreadable_earlier_weights_are_reported_once_and_the_latest_stay(
    qtbot: QtBot, grids: WeightGrids, run: PlannedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    grids.failed.connect(said.append)
    observations = live(run, *STEPS)
    shown(grids, observations)
    settled(qtbot, grids, "run 1, step 78, ±5.2e+02")

    def broken(*_arguments: object) -> Weights:
        raise StoreError("The file can't be read; check the disk.")

    monkeypatch.setattr(Store, "weights", broken)
    slider(grids).setValue(1)
    qtbot.waitUntil(lambda: bool(said), timeout=PATIENCE_MS)
    grids.refresh(observations)
    slider(grids).setValue(2)
    settled(qtbot, grids, caption(grids))
    assert said == ["The file can't be read; check the disk."]
    assert caption(grids).startswith("run 1, step 78")


# What is read


def test_without_a_store_nothing_is_opened(qtbot: QtBot, workspace: Path, reader: WeightReader) -> None:
    assert answer(qtbot, reader.steps, 1, "dense_1") == []
    assert answer(qtbot, reader.weights, 1, "dense_1", 0) is None
    assert not workspace.exists()


def test_a_reader_sees_what_was_stored_meanwhile_and_opens_again_after_it_was_closed(
    qtbot: QtBot, store: Store, run: PlannedRun, reader: WeightReader
) -> None:
    assert answer(qtbot, reader.steps, run.run, "dense_1") == list(STEPS)
    store.add(stored_weights(run.run, 104, 4))
    assert answer(qtbot, reader.steps, run.run, "dense_1") == [*STEPS, 104]
    reader.close()
    found = answer(qtbot, reader.weights, run.run, "dense_1", 104)
    assert np.array_equal(found.values, stored_weights(run.run, 104, 4).values)


def test_a_step_between_two_shows_the_weights_known_by_then(run: PlannedRun, store: Store) -> None:
    history = WeightHistory(Stored(store))
    newest = stored_weights(run.run, 78, 3)
    history.note(newest)
    for step, known in ((0, 0), (25, 0), (26, 26), (60, 52), (78, 78), (1000, 78)):
        history.at(newest, step)  # asks for what has to be read
        found = history.at(newest, step)
        assert found is not None
        assert found.step == known
    assert history.at(newest, 78) is newest


def test_of_the_steps_requested_during_a_read_only_the_latest_is_read(run: PlannedRun, store: Store) -> None:
    class Late(Stored):
        """Source that answers on request of the test."""

        def __init__(self, store: Store) -> None:
            super().__init__(store)
            self.waiting: list[Callable[[], None]] = []
            self.asked: list[int] = []

        def weights(
            self, run: int, layer: str, step: int, take: Callable[[Weights | None], None], _failed: object
        ) -> None:
            self.asked.append(step)
            self.waiting.append(lambda: take(self._store.weights(run, layer, step)))

    source = Late(store)
    history = WeightHistory(source)
    newest = stored_weights(run.run, 78, 3)
    history.note(newest)
    while source.waiting:  # the scale
        source.waiting.pop()()
    source.asked.clear()
    assert [history.at(newest, step) for step in (0, 26, 52)] == [None] * 3
    while source.waiting:
        source.waiting.pop()()
    assert source.asked == [0, 52]
    found = history.at(newest, 52)
    assert found is not None
    assert found.step == 52
    assert history.is_complete


def test_the_scale_grows_while_weights_are_measured(run: PlannedRun, store: Store) -> None:
    measured: list[int] = []

    class Counted(Stored):
        def weights(
            self, run: int, layer: str, step: int, take: Callable[[Weights | None], None], _failed: object
        ) -> None:
            measured.append(step)
            super().weights(run, layer, step, take, _failed)

    history = WeightHistory(Counted(store))
    newest = stored_weights(run.run, 78, 3)
    history.note(newest)
    assert history.scale(newest) == 520
    again = stored_weights(run.run, 78, 3)
    history.note(again)
    assert measured == [0, 26, 52], "each is measured once"


def test_without_a_source_only_the_latest_weights_are_known() -> None:
    history = WeightHistory()
    newest = stored_weights(1, 78, 3)
    history.note(newest)
    assert history.steps(1, "dense_1") == [78]
    assert history.at(newest, 0) is newest
    assert history.scale(newest) == common_scale(newest.values)
    assert history.is_complete


# In the window


def test_a_training_run_of_the_window_has_a_timeline_and_its_file_is_released_at_the_end(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    def trained(task: TrainTask) -> list[Event]:
        early, late = weights(task.run), weights(task.run, 26, 1)
        return [started(task.run), early, record(task.run, 20), late, finished(task.run)]

    window = make_window(ScriptedExecutor(trained))
    tab = tab_of(window)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab.start()
    grids = find(tab, WeightGrids, "weight_grids")
    until(qtbot, lambda: slider(grids).maximum() == 1)
    shown = find(find(grids, WeightGrid, "weights_cnn_5"), QLabel, "caption")
    until(qtbot, lambda: "step 26" in shown.text() and grids.is_complete)
    slider(grids).setValue(0)
    qtbot.waitUntil(lambda: "step 0" in shown.text(), timeout=PATIENCE_MS)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=PATIENCE_MS)
    assert not [each for each in psutil.Process().open_files() if each.path.startswith(str(workspace))]
