"""The choice of a cluster, and the errors if it can't be reached."""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cli.arguments import parse
from engine.config.cluster import BATCH_SYSTEMS, ClusterChoice, parse_cluster
from engine.executors.dask.clusters import check_packages
from engine.executors.inline import InlineExecutor
from engine.executors.routing import RoutingExecutor, owner_id
from engine.utils.errors import SpecError, WorkerError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local:2", ClusterChoice("local", "2")),
        ("local:02", ClusterChoice("local", "2")),
        ("tcp://10.0.0.1:8786", ClusterChoice("address", "tcp://10.0.0.1:8786")),
        ("tcp://[::1]:8786", ClusterChoice("address", "tcp://[::1]:8786")),
        ("tls://head:8786", ClusterChoice("address", "tls://head:8786", tls=True)),
        ("slurm:jobs.toml", ClusterChoice("slurm", "jobs.toml")),
        ("pbs:/etc/a:b.toml", ClusterChoice("pbs", "/etc/a:b.toml")),
    ],
)
def test_a_cluster_is_named(text: str, expected: ClusterChoice) -> None:
    assert parse_cluster(text) == expected


NAMES_NONE = (
    *(
        "",
        "local",
        "local:",
        "local:0",
        "local:-1",
        "local:²",
        "local:257",
        "local:99999999999999999999",
        "10.0.0.1:8786",
    ),
    *("tcp://head", "tcp:head:1", "http://head:8786", "slurm", "slurm:", "kubernetes:x.toml"),
)


@pytest.mark.parametrize("text", NAMES_NONE)
def test_what_names_none_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(SpecError, match=r"names no cluster; write local:N, tcp://HOST:PORT, .*slurm.*FILE\.toml"):
        parse_cluster(text)


def test_tls_is_not_spoken_at_an_address_without_it() -> None:
    with pytest.raises(SpecError, match="begins with tls://"):
        parse_cluster("tcp://head:8786", tls=True)


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    try:
        choice = parse_cluster(text)
    except SpecError as error:
        assert "\n" not in str(error)[:20]
    else:
        assert parse_cluster(str(choice)) == choice
        assert choice.kind in ("local", "address", *BATCH_SYSTEMS)


def test_the_command_line_takes_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--cluster", "local:2", "--cluster-tls"]).cluster == ClusterChoice("local", "2", tls=True)
    assert parse([]).cluster is None
    for arguments, sentence in (
        (["--cluster", "nowhere"], "'nowhere' names no cluster"),
        (["--cluster-tls"], "--cluster-tls goes with --cluster"),
        (["--cluster-gpu-share", "0.5"], "--cluster-gpu-share goes with --cluster"),
        (["--cluster", "local:2", "--cluster-gpu-share", "0"], "a share of a GPU that is above 0 and at most 1"),
        (["--cluster", "local:2", "--cluster-gpu-share", "nan"], "a share of a GPU that is above 0 and at most 1"),
        (["--cluster", "local:2", "--workers", "2"], "--workers goes without --cluster"),
    ):
        with pytest.raises(SystemExit) as end:
            parse(arguments)
        assert end.value.code == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(("cluster", "missing"), [("local:2", "distributed"), ("slurm:a.toml", "dask_jobqueue")])
def test_without_the_packages_it_says_what_to_install(
    cluster: str, missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(WorkerError, match=r"pip install -r requirements-cluster\.txt"):
        RoutingExecutor(InlineExecutor(), tmp_path, cluster=parse_cluster(cluster)).start(1)


def test_a_workspace_is_known_by_the_same_name_each_time_and_no_other_one_is() -> None:
    assert owner_id(Path("/a")) == owner_id(Path("/a")) != owner_id(Path("/b"))


def test_dask_jobqueue_takes_no_signal_as_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the window that is done by a thread that could take none."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "dask_jobqueue"]:
        monkeypatch.delitem(sys.modules, name)
    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(check_packages, parse_cluster("slurm:jobs.toml")).result()
    assert "dask_jobqueue.runner" in sys.modules
    check_packages(parse_cluster("slurm:jobs.toml"))
    assert signal.getsignal(signal.SIGINT) is before


class Noting(InlineExecutor):
    """Records its calls and does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def start(self, runs: int, threads: int | None = None) -> int:
        self.asked.append("start")
        return 3

    def close(self) -> None:
        self.asked.append("close")


def test_where_nothing_is_chosen_this_machine_trains(tmp_path: Path) -> None:
    local = Noting()
    routing = RoutingExecutor(local, tmp_path)
    assert (routing.cluster, routing.start(1)) == (None, 3)
    routing.close()
    assert local.asked == ["start", "close"]


def test_what_is_chosen_counts_from_the_next_start_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    local = Noting()
    routing = RoutingExecutor(local, tmp_path)
    routing.choose(parse_cluster("local:2"))
    assert local.asked == []
    with pytest.raises(WorkerError, match="needs packages"):
        routing.start(1)
    routing.choose(None)
    assert routing.start(1) == 3
    routing.close()
    assert local.asked == ["start", "close"]


def test_a_bundle_does_not_speak_of_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(WorkerError, match="This bundle trains on this machine only") as said:
        RoutingExecutor(InlineExecutor(), tmp_path, cluster=parse_cluster("local:2")).start(1)
    assert "pip" not in str(said.value)
