"""A cluster outlives killed programs, stopped and killed schedulers and lost hosts, all of them real."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.executors.dask.real_cluster import PLAN, RealCluster, at_epoch, read_until, start_program
from tests.engine.executors.processes.kill_support import results, steps_shown

pytestmark = pytest.mark.long


def test_a_killed_program_started_again_picks_up_what_finished_meanwhile(
    tmp_path: Path, cluster: RealCluster, undisturbed: list[object]
) -> None:
    workspace = tmp_path / "w"
    program = start_program(workspace, cluster, *PLAN)
    read_until(program, at_epoch(2))
    os.killpg(program.pid, signal.SIGKILL)
    program.communicate()
    again = start_program(workspace, cluster, "--batch", "architectures", "--resume")
    said, complaints = again.communicate(timeout=300)
    assert again.returncode == 0, complaints
    assert "Resuming experiment 1" in said
    first = next(step for variant, step in steps_shown(complaints.splitlines()) if variant == "cnn_3")
    assert first < 26, "what was trained without it is told from its beginning, where a new attempt would go on"
    assert results(workspace) == undisturbed


def test_a_scheduler_that_stands_still_for_a_minute_costs_nothing(
    tmp_path: Path, cluster: RealCluster, undisturbed: list[object]
) -> None:
    workspace = tmp_path / "w"
    program = start_program(workspace, cluster, *PLAN)
    read_until(program, at_epoch(2))
    cluster.scheduler.send_signal(signal.SIGSTOP)
    time.sleep(60)  # the duration of the fault
    cluster.scheduler.send_signal(signal.SIGCONT)
    _, complaints = program.communicate(timeout=300)
    assert program.returncode == 0, complaints
    assert results(workspace) == undisturbed


def test_a_scheduler_that_was_killed_and_started_again_is_found_again(
    tmp_path: Path, cluster: RealCluster, undisturbed: list[object]
) -> None:
    workspace = tmp_path / "w"
    program = start_program(workspace, cluster, *PLAN)
    read_until(program, at_epoch(2))
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    cluster.start_scheduler()
    for _ in range(2):
        cluster.start_worker()  # as a cluster manager does; the earlier ones may have ended
    _, complaints = program.communicate(timeout=300)
    assert program.returncode == 0, complaints
    assert results(workspace) == undisturbed


HERE, THERE = "10.213.77.1", "10.213.77.2"


@pytest.fixture
def second_host() -> Iterator[Callable[[str], object]]:
    """A network namespace linked to this one, which only root can create; call it with ``up`` or ``down``."""
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
    tmp_path: Path, second_host: Callable[[str], object], undisturbed: list[object]
) -> None:
    cluster = RealCluster(tmp_path, HERE)
    try:
        cluster.start_worker(before=("ip", "netns", "exec", f"trainscope-{os.getpid()}"))
        program = start_program(tmp_path / "w", cluster, *PLAN)
        read_until(program, at_epoch(2))
        cluster.start_worker()  # on this host, for runs that the other one can't return
        second_host("down")
        time.sleep(60)  # the duration of the fault
        second_host("up")
        _, complaints = program.communicate(timeout=300)
        assert program.returncode == 0, complaints
        assert results(tmp_path / "w") == undisturbed
    finally:
        cluster.end()
