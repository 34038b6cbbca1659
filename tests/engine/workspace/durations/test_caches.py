"""engine.workspace.durations.caches: starts that include what is done only once are no basis for later ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.datasets.registry import load_raw
from engine.devices.cache import DeviceCache, PartTimes
from engine.devices.calibration import DENSE
from engine.devices.libraries import ONEDNN
from engine.events.tasks import Emit
from engine.executors.tasks import PrepareTask, TrainTask
from engine.storage.store import Store
from engine.utils.paths import devices_file
from engine.workspace.durations.measurements import DurationStore
from tests.engine.support import INFO, ScriptedExecutor, finished, record, run_session, small_spec, started


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("engine.workspace.durations.measurements.cpu_name", lambda: "a processor")


class DecodingExecutor(ScriptedExecutor):
    """Decodes the data set as it prepares it, as the processes do."""

    def run(self, tasks: Any, emit: Emit, control: Any) -> None:
        for task in tasks:
            if isinstance(task, PrepareTask):
                load_raw(task.data, lambda _message, _done, _total: None)
        super().run(tasks, emit, control)


def measuring(task: TrainTask) -> Iterator[Any]:
    """A run before which the library is measured unless it was."""
    cache = DeviceCache(devices_file())
    if not cache.part_times("this machine"):
        cache.store_part_times("this machine", DENSE, {ONEDNN: PartTimes(0.001, 0.01)})
    yield from (started(task.run), record(task.run), record(task.run, 20, seconds=0.6), finished(task.run))


def starts(store: Store) -> int:
    with closing(DurationStore(store.workspace)) as durations:
        return len(durations.measurements().starts)


def test_a_start_with_the_measurement_of_the_library_does_not_count(store: Store) -> None:
    for expected in (0, 1, 2):
        run_session(store, ScriptedExecutor(measuring), small_spec())
        assert starts(store) == expected


def test_a_start_with_the_decoding_of_the_images_does_not_count(store: Store, tmp_path: Path) -> None:
    images = tmp_path / "images.npz"
    random = np.random.default_rng(0)
    np.savez(
        images,
        x_train=random.integers(0, 255, (60, 8, 8), np.uint8),
        y_train=np.arange(60) % len(INFO.class_names),
    )
    spec = small_spec(dataset=str(images))
    for expected in (0, 1, 2):
        run_session(store, DecodingExecutor(), spec)
        assert starts(store) == expected
