"""Workers as jobs of a batch system: a Slurm whose queue is empty."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
import tomli_w

from engine.config.cluster import parse_cluster
from engine.events.runs import Status
from engine.executors.dask import clusters
from engine.executors.dask.executor import DaskExecutor
from engine.executors.inline import InlineExecutor
from engine.storage.store import Store
from tests.engine.executors.dask.real_cluster import PLAN, at_epoch, read_until
from tests.engine.executors.processes.kill_support import results
from tests.engine.support import ROOT, run_session, small_spec

pytestmark = pytest.mark.long


SBATCH = """#!/bin/sh
# Keeps a copy of a job, as a queue does, and runs it at once, as an empty queue would.
job={folder}/$(basename "$1")
cp "$1" "$job"
setsid sh "$job" >"$job.log" 2>&1 &
echo $! >>{folder}/jobs
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -- -"$1"
"""


@pytest.fixture
def jobs_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings for two jobs of dask-jobqueue, submitted to a fake Slurm."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, script in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (bin_folder / name).write_text(script.replace("{folder}", str(tmp_path)))
        (bin_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    settings = {
        "jobs": 2,
        "cores": 1,
        "memory": "2GB",
        "interface": "lo",
        "python": sys.executable,
        "job_script_prologue": [f"export PYTHONPATH={ROOT}"],
        "local_directory": str(tmp_path),
        "shared_temp_directory": str(tmp_path),
    }
    file = tmp_path / "jobs.toml"
    file.write_text(tomli_w.dumps(settings))
    return file


def wait_for_the_end_of_jobs(folder: Path) -> None:
    numbers = [int(line) for line in (folder / "jobs").read_text().split()]
    assert len(numbers) == 2
    gone = [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]
    _, alive = psutil.wait_procs(gone, 20)
    assert not alive


def test_jobs_of_a_batch_system_train_it(tmp_path: Path, jobs_file: Path, undisturbed: list[object]) -> None:
    """Encrypted; the other tests of jobs are not."""
    command = [sys.executable, "main.py", *PLAN, "--workspace", str(tmp_path / "w")]
    command += ["--cluster", f"slurm:{jobs_file}", "--cluster-tls"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "w") == undisturbed
    wait_for_the_end_of_jobs(tmp_path)


def test_jobs_are_asked_for_when_runs_are_to_be_trained_and_given_back_afterwards(
    tmp_path: Path, jobs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's usual port for a dashboard is taken: another user of the login node has a cluster, too."""
    monkeypatch.setattr(clusters, "IDLE_SECONDS", 0.5)
    executor = DaskExecutor(parse_cluster(f"slurm:{jobs_file}"), InlineExecutor(), "tests")
    try:
        with closing(socket.socket()) as other:
            with suppress(OSError):  # taken by another program: just as well
                other.bind(("", 8787))
                other.listen()
            assert executor.start(1) == 2
        assert not (tmp_path / "jobs").exists(), "a window that is opened costs nobody anything"
        with closing(Store(tmp_path / "w")) as store:
            finished, _ = run_session(store, executor, small_spec())
        assert finished.status is Status.FINISHED, finished.reason
        wait_for_the_end_of_jobs(tmp_path)
    finally:
        executor.close()


def test_a_batch_system_that_refuses_is_quoted_in_one_sentence(tmp_path: Path, jobs_file: Path) -> None:
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: no such partition' >&2\nexit 1\n")
    command = [sys.executable, "main.py", *PLAN, "--workspace", str(tmp_path / "w"), "--cluster", f"slurm:{jobs_file}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "The batch system takes no jobs (sbatch: error: no such partition)" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_stops_what_jobs_train_and_a_job_that_is_lost_is_asked_for_again(
    tmp_path: Path, jobs_file: Path
) -> None:
    """dask-jobqueue installs a handler of its own for the signal when imported."""
    plan = ("--batch", "architectures", "--set", "architectures=cnn_3", "epochs=200", "repeats=1")
    command = [sys.executable, "main.py", *plan, "--workspace", str(tmp_path / "w"), "--cluster", f"slurm:{jobs_file}"]
    jobs_file.write_text(jobs_file.read_text().replace("jobs = 2", "jobs = 1"))
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    read_until(program, at_epoch(2))
    (first,) = (tmp_path / "jobs").read_text().split()
    os.killpg(int(first), signal.SIGKILL)
    read_until(program, at_epoch(20))
    program.send_signal(signal.SIGINT)
    _, complaints = program.communicate(timeout=300)
    assert program.returncode == 130, complaints
    assert len((tmp_path / "jobs").read_text().split()) == 2
