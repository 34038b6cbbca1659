"""The whole program with a simulated GPU: used bit-exactly if correct, refused if wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.cli.exit_codes import EXIT_FAILED, EXIT_OK
from engine.storage.store import Store
from engine.utils.paths import devices_file
from tests.engine.support import ROOT, python
from tests.fake_gpu import DEADLY_CODE, KEY, NAME

pytestmark = pytest.mark.long

SETTINGS = ("epochs=2", "repeats=1")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep results about the fake GPU out of the user's cache."""
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))


def program(mode: str, workspace: Path, *options: str, networks: str = "mlp_1") -> subprocess.CompletedProcess[str]:
    batch = ("--batch", "architectures", "--workspace", str(workspace))
    command = [sys.executable, "-m", "tests.fake_gpu", mode, *batch, *options]
    command += [] if "--resume" in options else ["--set", f"architectures={networks}", *SETTINGS]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)  # noqa: S603


def test_a_run_on_a_gpu_is_the_run_on_the_processor_where_both_compute_alike(workspace: Path) -> None:
    for device in (KEY, "cpu"):
        ended = program("sound", workspace, "--workers", "0", "--device", device)
        assert ended.returncode == EXIT_OK, ended.stderr
    with closing(Store(workspace)) as store:
        gpu, cpu = (store.runs(number)[0] for number in (1, 2))
        assert gpu.device is not None
        assert cpu.device is not None
        assert (gpu.device.kind, gpu.device.name, gpu.device.key, gpu.device.refusal) == ("GPU", NAME, KEY, "")
        assert (cpu.device.kind, cpu.device.key) == ("CPU", "cpu")
        assert gpu.test_accuracy == cpu.test_accuracy
        kernels = [next(iter(store.last_weights(run.id).values())).values for run in (gpu, cpu)]
        assert np.array_equal(*kernels)


PLACED = """
from tests import fake_gpu
from tests.engine.support import few, small_run
fake_gpu.install()
from engine.datasets import prepare
from engine.devices.hardware import configure
from engine.devices.names import AssignedDevice
configure(1)
from engine.training import trainer
made = []
truly = trainer.build_model
trainer.build_model = lambda *given, **named: made.append(truly(*given, **named)) or made[-1]
run = small_run(architectures=["cnn_3"], record_every=1)
data = few(prepare(run.data, lambda *_told: None))
for key, place in (("gpu:0", "CPU:1"), ("cpu", "CPU:0")):
    trainer.train(1, run, data, lambda _event: None, lambda *, wait=False: None, None, assigned=AssignedDevice(key))
    model = made[-1]
    used = {each.value.device[-5:] for each in (*model.variables, *model.optimizer.variables)}
    assert used | {model._images.device[-5:], model._order.device[-5:]} == {place}, (key, used)
"""


def test_a_run_is_trained_where_it_is_placed() -> None:
    ended = python("-c", PLACED)
    assert ended.returncode == 0, ended.stderr


def test_a_wrong_gpu_is_refused_with_figures_and_the_processor_used(workspace: Path) -> None:
    ended = program("wrong", workspace, "--workers", "1", "--device", KEY)
    assert ended.returncode == EXIT_OK, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith(KEY)]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith(
        f"{KEY} computes 1 of 6 patterns wrongly, furthest off: dense layer with bias and ReLU, output, by "
    )
    assert "the processor is used instead" in lines[0]
    with closing(Store(workspace)) as store:
        device = store.runs(1)[0].device
    assert device is not None
    assert (device.key, device.refusal) == ("cpu", lines[0])


def test_auto_trains_each_network_where_it_is_fastest(workspace: Path) -> None:
    ended = program("sound", workspace, "--workers", "2", networks="mlp_1,cnn_3")
    assert ended.returncode == EXIT_OK, ended.stderr
    assert "Measuring how fast mlp_1 trains on gpu:0" in ended.stderr
    seconds = json.loads(devices_file().read_text(encoding="utf-8"))["seconds"]
    (cpu,), (gpu,) = ([seconds[name] for name in seconds if name.startswith(key)] for key in ("cpu", KEY))
    assert len(cpu) == len(gpu) == 2
    fastest = {work.partition(",")[0]: KEY if 2 * gpu[work] < cpu[work] else "cpu" for work in cpu}
    with closing(Store(workspace)) as store:
        used = {run.spec.architecture: run.device.key for run in store.runs(1) if run.device is not None}
    assert used == fastest


def test_a_gpu_that_ends_its_process_takes_two_runs_along_and_no_third(workspace: Path) -> None:
    for _ in range(2):
        ended = program("deadly", workspace, "--workers", "1")
        assert ended.returncode == EXIT_FAILED
        assert str(DEADLY_CODE) in ended.stderr, "the exit code is told"
    ended = program("deadly", workspace, "--workers", "1", "--resume")
    assert ended.returncode == EXIT_OK, ended.stderr
    assert f"{KEY} ends every process that looks whether it computes as it should" in ended.stderr
