"""engine.workspace.memory: training that needs more memory than there is is warned of before it begins."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.events.experiments import ExperimentStarted
from engine.executors.routing import RoutingExecutor, is_remote
from engine.experiments.architectures.experiment import plan
from engine.storage.store import Store
from engine.workspace import memory
from engine.workspace.memory import GIB, available_bytes, memory_warning, network_bytes
from tests.engine.support import INFO, ScriptedExecutor, of, run_session, small_spec

PHOTOS = replace(INFO, shape=(512, 512, 3), train_count=7000, validation_count=1000, test_count=2000)
RUNS = plan(small_spec(architectures=["mlp_1"]))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(memory, "available_bytes", lambda: 8 * GIB)
    return monkeypatch


def test_images_are_counted_once_for_all_processes(machine: pytest.MonkeyPatch) -> None:
    assert PHOTOS.image_bytes == 10_000 * 512 * 512 * 3 * 4
    half_full = replace(INFO, shape=(512, 512, 3), train_count=1100)  # with the other parts 6.5 GiB
    assert memory_warning(RUNS, half_full, 2) == ""


@pytest.mark.parametrize(
    ("architecture", "shape", "batch", "peak"),
    [  # in MiB, above that of the process and its images: the peaks measured for the constants
        ("mlp_1", (256, 256, 3), 50, 293),
        ("mlp_1", (512, 512, 3), 50, 1099),
        ("cnn_4", (128, 128, 1), 50, 264),
        ("cnn_4", (128, 128, 1), 100, 431),
        ("cnn_4", (256, 256, 1), 25, 553),
        ("resnet_20", (32, 32, 3), 128, 415),
        ("vgg_small", (32, 32, 3), 128, 261),
    ],
)
def test_the_estimate_of_a_network_is_near_what_was_measured(
    architecture: str, shape: tuple[int, int, int], batch: int, peak: int
) -> None:
    (run,) = plan(small_spec(architectures=[architecture], batch_size=batch))
    estimate = (network_bytes(run, replace(PHOTOS, shape=shape)) + 65 * 2**20) / 2**20  # part of PROCESS_BYTES
    assert 0.9 * peak < estimate < 1.5 * peak


def test_what_fits_is_not_warned_of(machine: pytest.MonkeyPatch) -> None:
    assert memory_warning(RUNS, INFO, 12) == ""
    assert memory_warning([], PHOTOS, 1) == ""


def test_fewer_processes_or_smaller_images_are_advised(machine: pytest.MonkeyPatch) -> None:
    half = replace(PHOTOS, shape=(128, 128, 3))
    assert memory_warning(RUNS, half, 13) == ""
    assert memory_warning(RUNS, half, 20) == (
        "Training 20 runs at a time needs about 10.5 GiB of memory, and 8.0 GiB are free: choose at most 13 at a time "
        "(workers), a smaller image side (image_size) or fewer images, or the system may end it."
    )
    assert "are free: choose a smaller image side (image_size) or fewer images" in memory_warning(RUNS, PHOTOS, 1)


def test_smaller_batches_are_advised_where_a_step_takes_more_than_the_images(machine: pytest.MonkeyPatch) -> None:
    runs = plan(small_spec(architectures=["cnn_4"], batch_size=7000))
    said = memory_warning(runs, replace(PHOTOS, shape=(64, 64, 1)), 1)
    assert said.endswith(
        "choose smaller batches (batch_size), a smaller image side (image_size) or fewer images, or the "
        "system may end it."
    )


def test_no_batch_is_larger_than_the_training_images() -> None:
    (run,), (larger,) = (plan(small_spec(batch_size=size)) for size in (INFO.train_count, 65_536))
    assert network_bytes(larger, INFO) == network_bytes(run, INFO)


def test_memory_of_child_processes_is_available_to_training(monkeypatch: pytest.MonkeyPatch) -> None:
    free = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    own = psutil.Process().memory_full_info().uss
    monkeypatch.setattr(psutil.Process, "children", lambda _self, recursive: [psutil.Process()])  # noqa: ARG005
    assert available_bytes() == pytest.approx(free.available + own, abs=20 * 2**20)


def test_a_session_warns_before_its_runs(store: Store, machine: pytest.MonkeyPatch) -> None:
    _, events = run_session(store, ScriptedExecutor(), small_spec())
    assert [event.warning for event in of(ExperimentStarted, events)] == [""]
    machine.setattr(memory, "available_bytes", lambda: 2**20)
    _, events = run_session(store, ScriptedExecutor(), small_spec())
    (started,) = of(ExperimentStarted, events)
    assert started.warning.startswith("Training 1 run at a time needs about 0.7 GiB of memory, and 0.0 GiB are free")


def test_a_cluster_has_memory_of_its_own(tmp_path: Path, machine: pytest.MonkeyPatch) -> None:
    assert not is_remote(RoutingExecutor(ScriptedExecutor(), tmp_path))
    machine.setattr(memory, "available_bytes", lambda: 2**20)
    machine.setattr("engine.session.is_remote", lambda _executor: True)
    with closing(Store(tmp_path / "workspace")) as store:
        _, events = run_session(store, ScriptedExecutor(), small_spec())
    assert [event.warning for event in of(ExperimentStarted, events)] == [""]
