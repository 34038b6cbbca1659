"""A cluster that lasts longer than the program: killed programs, stopped and killed schedulers, all of them real."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import tomli_w
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed import Client

from engine.config.cluster import parse_cluster
from engine.events.runs import RunFinished, RunStarted, Status
from engine.events.tasks import Event
from engine.executors.dask import clusters
from engine.executors.dask.executor import DaskExecutor
from engine.executors.inline import InlineExecutor
from engine.storage.store import Store
from tests.engine.executors.processes.kill_support import results, steps_shown
from tests.engine.support import ROOT, of, run_session, small_spec

pytestmark = pytest.mark.long

PLAN = ("--batch", "architectures", "--set", "architectures=mlp_1,cnn_3", "epochs=8", "repeats=1")
READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@dataclass
class RealCluster:
    """A scheduler and two workers, each a process with a log."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    protocol: str = "tcp"

    def __post_init__(self) -> None:
        self.begin_scheduler()

    @property
    def address(self) -> str:
        return f"{self.protocol}://{self.host}:{self.port}"

    def begin_scheduler(self) -> None:
        self.scheduler = self._dask(
            *("scheduler", "--host", self.host, "--port", str(self.port), "--protocol", self.protocol),
            folder=self.folder,  # where nothing of the program can be imported
        )

    def begin_worker(self, *more: str, before: tuple[str, ...] = ()) -> None:
        options = ("--nthreads", "1", "--memory-limit", "0", "--local-directory", str(self.folder), *more)
        self.workers.append(self._dask("worker", self.address, *options, before=before))

    def _dask(
        self, kind: str, *options: str, before: tuple[str, ...] = (), folder: Path = ROOT
    ) -> subprocess.Popen[bytes]:
        """``dask scheduler`` or ``dask worker``; run as a module, it can import what lies in its folder."""
        command = [*before, sys.executable, "-m", f"distributed.cli.dask_{kind}", *options, "--no-dashboard"]
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)  # noqa: S603

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            for each in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
                each.kill()
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    made = RealCluster(tmp_path)
    made.begin_worker()
    made.begin_worker()
    try:
        yield made
    finally:
        made.end()


def begun(workspace: Path, cluster: RealCluster, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "main.py", *arguments, "--workspace", str(workspace), "--cluster", cluster.address]
    return subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def shown_until(program: subprocess.Popen[str], enough: Callable[[str], bool]) -> None:
    assert program.stderr is not None
    lines = []
    for line in program.stderr:
        lines.append(line)
        if enough(line):
            return
    raise AssertionError(f"the program ended before: {lines}")


def at_epoch(number: int) -> Callable[[str], bool]:
    return lambda line: line.startswith(f"cnn_3 #1: epoch {number},")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What a program finds that nothing happens to, with two processes of one thread on this machine."""
    workspace = tmp_path_factory.mktemp("whole")
    command = [sys.executable, "main.py", *PLAN, "--workspace", str(workspace), "--workers", "2"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    return results(workspace)


def test_a_killed_program_started_again_picks_up_what_finished_meanwhile(
    tmp_path: Path, cluster: RealCluster, whole: list[object]
) -> None:
    workspace = tmp_path / "w"
    program = begun(workspace, cluster, *PLAN)
    shown_until(program, at_epoch(2))
    os.killpg(program.pid, signal.SIGKILL)
    program.communicate()
    again = begun(workspace, cluster, "--batch", "architectures", "--resume")
    said, complaints = again.communicate(timeout=300)
    assert again.returncode == 0, complaints
    assert "Resuming experiment 1" in said
    first = next(step for variant, step in steps_shown(complaints.splitlines()) if variant == "cnn_3")
    assert first < 26, "what was trained without it is told from its beginning, where a new attempt would go on"
    assert results(workspace) == whole


def test_a_scheduler_that_stands_still_for_a_minute_costs_nothing(
    tmp_path: Path, cluster: RealCluster, whole: list[object]
) -> None:
    workspace = tmp_path / "w"
    program = begun(workspace, cluster, *PLAN)
    shown_until(program, at_epoch(2))
    cluster.scheduler.send_signal(signal.SIGSTOP)
    time.sleep(60)  # that long it is to stand still: there is nothing to wait for
    cluster.scheduler.send_signal(signal.SIGCONT)
    _, complaints = program.communicate(timeout=300)
    assert program.returncode == 0, complaints
    assert results(workspace) == whole


def test_a_scheduler_that_was_killed_and_started_again_is_found_again(
    tmp_path: Path, cluster: RealCluster, whole: list[object]
) -> None:
    workspace = tmp_path / "w"
    program = begun(workspace, cluster, *PLAN)
    shown_until(program, at_epoch(2))
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    cluster.begin_scheduler()
    for _ in range(2):
        cluster.begin_worker()  # whoever keeps a cluster running does so; those there were may have ended
    _, complaints = program.communicate(timeout=300)
    assert program.returncode == 0, complaints
    assert results(workspace) == whole


HERE, THERE = "10.213.77.1", "10.213.77.2"


@pytest.fixture
def second_host() -> Iterator[Callable[[str], object]]:
    """A network namespace with a cable to this one; what is given says ``up`` or ``down``. Only root may lay it."""
    name, cable, program = f"trainscope-{os.getpid()}", f"ts{os.getpid()}", shutil.which("ip")

    def ip(command: str, check: bool = True) -> bool:
        return subprocess.run([str(program), *command.split()], check=check).returncode == 0  # noqa: S603

    if os.getuid() or program is None or not ip(f"netns add {name}", check=False):
        pytest.skip("no second network can be made here")
    try:
        ip(f"link add {cable} type veth peer name eth0 netns {name}")
        ip(f"addr add {HERE}/30 dev {cable}")
        ip(f"link set {cable} up")
        ip(f"-n {name} addr add {THERE}/30 dev eth0")
        ip(f"-n {name} link set eth0 up")
        ip(f"-n {name} link set lo up")
        yield lambda state: ip(f"link set {cable} {state}")
    finally:
        ip(f"netns del {name}")


def test_a_host_that_is_cut_off_for_a_minute_doubles_nothing(
    tmp_path: Path, second_host: Callable[[str], object], whole: list[object]
) -> None:
    cluster = RealCluster(tmp_path, HERE)
    try:
        cluster.begin_worker(before=("ip", "netns", "exec", f"trainscope-{os.getpid()}"))
        program = begun(tmp_path / "w", cluster, *PLAN)
        shown_until(program, at_epoch(2))
        cluster.begin_worker()  # on this host, for what the other one can't bring back
        second_host("down")
        time.sleep(60)  # that long it is to be cut off: there is nothing to wait for
        second_host("up")
        _, complaints = program.communicate(timeout=300)
        assert program.returncode == 0, complaints
        assert results(tmp_path / "w") == whole
    finally:
        cluster.end()


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_run_that_wants_a_gpu_is_placed_where_one_is_offered(
    share: float, tmp_path: Path, cluster: RealCluster
) -> None:
    """There is none, so it trains on the processor; but of three workers on the one that says it has one."""
    cluster.begin_worker("--resources", f"GPU={share}", "--name", "with-a-gpu")
    names: set[str] = set()

    def note(event: Event) -> None:
        if isinstance(event, RunStarted):
            (worker,) = (
                worker for worker, keys in client.processing().items() if f"trainscope-tests-{event.run}" in keys
            )
            names.add(client.scheduler_info(n_workers=-1)["workers"][worker]["name"])

    executor = DaskExecutor(parse_cluster(cluster.address, gpu_share=share), InlineExecutor(), "tests", "gpu:0")
    try:
        with Client(cluster.address) as client, closing(Store(tmp_path / "w")) as store:
            finished, events = run_session(store, executor, small_spec(repeats=4), note)
    finally:
        executor.close()
    assert finished.status is Status.FINISHED, finished.reason
    assert len(of(RunFinished, events)) == 4
    assert names == {"with-a-gpu"}


SBATCH = """#!/bin/sh
# Keeps a copy of a job, as a queue does, and runs it at once, as one with nobody else in it would.
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
    """Two jobs of dask-jobqueue's own, handed to a queue that has no Slurm behind it."""
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


@pytest.mark.parametrize("more", [(), ("--cluster-tls",)], ids=["plain", "TLS"])
def test_jobs_of_a_batch_system_train_it(
    more: tuple[str, ...], tmp_path: Path, jobs_file: Path, whole: list[object]
) -> None:
    command = [sys.executable, "main.py", *PLAN, "--workspace", str(tmp_path / "w")]
    command += ["--cluster", f"slurm:{jobs_file}", *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "w") == whole
    wait_for_the_end_of_jobs(tmp_path)


def test_jobs_are_asked_for_when_runs_are_to_be_trained_and_given_back_afterwards(
    tmp_path: Path, jobs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "IDLE_SECONDS", 0.5)
    executor = DaskExecutor(parse_cluster(f"slurm:{jobs_file}"), InlineExecutor(), "tests")
    try:
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
    """dask-jobqueue takes the signal as it is imported."""
    plan = ("--batch", "architectures", "--set", "architectures=cnn_3", "epochs=200", "repeats=1")
    command = [sys.executable, "main.py", *plan, "--workspace", str(tmp_path / "w"), "--cluster", f"slurm:{jobs_file}"]
    jobs_file.write_text(jobs_file.read_text().replace("jobs = 2", "jobs = 1"))
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    shown_until(program, at_epoch(2))
    (first,) = (tmp_path / "jobs").read_text().split()
    os.killpg(int(first), signal.SIGKILL)
    shown_until(program, at_epoch(20))
    program.send_signal(signal.SIGINT)
    _, complaints = program.communicate(timeout=300)
    assert program.returncode == 130, complaints
    assert len((tmp_path / "jobs").read_text().split()) == 2


def certificates(folder: Path) -> None:
    """An authority and a certificate that it has signed, and Dask's configuration that names both."""
    now = datetime.now(UTC)

    def certificate(name: str, public: Any, issuer: str, key: Any, is_authority: bool) -> bytes:
        named, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
        made = (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(by)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, node = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (folder / "ca.pem").write_bytes(certificate("ca", authority.public_key(), "ca", authority, True))
    (folder / "node.pem").write_bytes(certificate("node", node.public_key(), "ca", authority, False))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "node.key").write_bytes(node.private_bytes(*form))
    roles = "".join(
        f"      {role}: {{cert: {folder / 'node.pem'}, key: {folder / 'node.key'}}}\n"
        for role in ("scheduler", "worker", "client")
    )
    (folder / "tls.yaml").write_text(
        f"distributed:\n  comm:\n    require-encryption: true\n    tls:\n      ca-file: {folder / 'ca.pem'}\n{roles}"
    )


def test_a_cluster_with_certificates_of_its_own_trains_for_who_holds_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: list[object]
) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    certificates(folder)
    monkeypatch.setenv("DASK_CONFIG", str(folder))
    cluster = RealCluster(tmp_path, protocol="tls")
    try:
        cluster.begin_worker()
        cluster.begin_worker()
        program = begun(tmp_path / "w", cluster, *PLAN)
        _, complaints = program.communicate(timeout=300)
        assert program.returncode == 0, complaints
        assert results(tmp_path / "w") == whole
        monkeypatch.delenv("DASK_CONFIG")
        stranger = begun(tmp_path / "stranger", cluster, *PLAN)
        _, complaints = stranger.communicate(timeout=300)
        assert stranger.returncode == 1
        assert "TLS needs a certificate" in complaints
        assert "Traceback" not in complaints
    finally:
        cluster.end()
