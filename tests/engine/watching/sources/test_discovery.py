from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from engine.events.watching import Grouping
from engine.watching.sources import discovery
from engine.watching.sources.base import Source
from engine.watching.sources.discovery import FolderScan
from engine.watching.sources.own_log import OwnLog
from tests.engine.watching.sources.log_support import append, header, line, write


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The directories that are listed, by name."""
    names: list[str] = []
    scandir: Callable[..., object] = os.scandir

    def recorded(path: Path) -> object:
        names.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", recorded)
    return names


def keys(scan: FolderScan, *known: str) -> list[str]:
    return [source.key for source in scan.discover(known)]


def test_logs_are_found_by_content_at_any_depth(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", header())
    write(tmp_path / "deep" / "er" / "b.dat", header())
    write(tmp_path / "notes.jsonl", line(step=1))
    write(tmp_path / ".git" / "c.jsonl", header())
    write(tmp_path / "weights.pt", header())
    scan = FolderScan(tmp_path)
    assert keys(scan) == ["a.jsonl", "deep/er/b.dat"]
    assert keys(scan, "a.jsonl") == ["deep/er/b.dat"]
    assert keys(scan, "a.jsonl", "deep/er/b.dat") == []
    assert not scan.problems


def test_a_single_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", header())
    write(tmp_path / "b.jsonl", header())
    scan = FolderScan(path)
    assert keys(scan) == ["a.jsonl"]
    assert not keys(scan, "a.jsonl")


def test_runs_are_grouped_by_name_with_those_found_at_the_same_time(tmp_path: Path) -> None:
    for name in ("net_0", "net_1", "mlp_1"):
        write(tmp_path / "logs" / f"{name}.csv", b"epoch,loss\n0,1\n")
    write(tmp_path / "a.jsonl", header())
    scan = FolderScan(tmp_path)
    assert {source.key: source.grouping for source in scan.discover(())} == {
        "a.jsonl": Grouping("Homework", "cnn_4", 2),
        "logs/mlp_1.csv": Grouping(tmp_path.name, "mlp_1", 1),
        "logs/net_0.csv": Grouping(tmp_path.name, "net", 1),
        "logs/net_1.csv": Grouping(tmp_path.name, "net", 2),
    }


def test_the_files_of_a_run_are_found_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find(folder: Path, files: Sequence[Path]) -> Iterator[Source]:
        (file,) = files
        asked.append(file.name)
        yield OwnLog(folder, file.parent, Grouping("experiment", "variant"))

    monkeypatch.setattr(discovery, "FORMATS", (find,))
    write(tmp_path / "run" / "first", b"events")
    write(tmp_path / "run" / "second", b"events")
    scan = FolderScan(tmp_path)
    assert keys(scan) == ["run"]
    assert not keys(scan, "run")
    assert asked == ["first", "second"]
    write(tmp_path / "run" / "third", b"events")
    assert not keys(scan, "run")
    assert asked == ["first", "second", "third"]


def test_what_appears_later_is_found(tmp_path: Path, clock: Clock) -> None:
    scan = FolderScan(tmp_path, clock)
    assert not keys(scan)
    path = write(tmp_path / "new" / "a.jsonl")
    clock.now += 100
    assert not keys(scan)
    clock.now += 100
    append(path, header()[:9])
    assert not keys(scan)
    clock.now += 1
    append(path, header()[9:])
    assert keys(scan) == ["new/a.jsonl"]
    path.unlink()
    write(tmp_path / "new" / "b.jsonl", header())
    assert keys(scan, "new/a.jsonl") == ["new/b.jsonl"]


def test_unchanged_directories_are_not_listed_again_soon(tmp_path: Path, clock: Clock, listed: list[str]) -> None:
    write(tmp_path / "runs" / "a.jsonl", header())
    scan = FolderScan(tmp_path, clock)
    for _ in range(3):  # until a change at the same time can no longer be missed
        keys(scan, "runs/a.jsonl")
        clock.now += discovery.TIME_RESOLUTION
    assert listed == [tmp_path.name, "runs"] * 2
    listed.clear()
    write(tmp_path / "runs" / "b.jsonl", header())
    status = (tmp_path / "runs").stat()
    os.utime(tmp_path / "runs", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert keys(scan, "runs/a.jsonl") == ["runs/b.jsonl"]
    assert listed == ["runs"]
    clock.now += discovery.RELIST_SECONDS
    keys(scan, "runs/a.jsonl", "runs/b.jsonl")
    assert set(listed) == {tmp_path.name, "runs"}


def test_files_without_logs_are_opened_only_when_they_change(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "output.txt", b"text\n")
    opened: list[str] = []

    def find(folder: Path, files: object) -> object:
        opened.extend(file.name for file in files)  # type: ignore[attr-defined]
        return iter(())

    scan = FolderScan(tmp_path, clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discovery, "FORMATS", (find,))
        for seconds, text, count in ((0, b"", 1), (1, b"", 1), (1, b"more\n", 2), (20, b"", 2), (1, b"late\n", 2)):
            clock.now += seconds
            append(path, text)
            assert not keys(scan)
            assert len(opened) == count
        clock.now += discovery.RECHECK_SECONDS
        keys(scan)
        assert len(opened) == 3


def test_links_are_followed_once(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "watched", tmp_path / "elsewhere"
    write(folder / "runs" / "a.jsonl", header())
    write(elsewhere / "b.jsonl", header())
    write(tmp_path / "c.jsonl", header())
    try:
        (folder / "runs" / "loop").symlink_to(folder)
        (folder / "latest").symlink_to(folder / "runs")
        (folder / "linked").symlink_to(elsewhere)
        (folder / "latest.jsonl").symlink_to(folder / "runs" / "a.jsonl")
        (folder / "c.jsonl").symlink_to(tmp_path / "c.jsonl")
        (folder / "self").symlink_to(folder / "self")
    except OSError:
        pytest.skip("needs the right to make links")
    scan = FolderScan(folder)
    assert keys(scan) == ["c.jsonl", "runs/a.jsonl", "linked/b.jsonl"]
    assert not scan.problems


def test_unreadable_folders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.jsonl", header())
    closed = write(tmp_path / "closed" / "b.jsonl", header()).parent
    scandir: Callable[..., object] = os.scandir

    def refused(path: Path) -> object:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    scan = FolderScan(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refused)
        for _ in range(2):
            assert keys(scan) == ["a.jsonl"]
            assert scan.problems == (f"{closed} can't be read (Permission denied); check its permissions.",)
    assert keys(scan, "a.jsonl") == ["closed/b.jsonl"]
    assert not scan.problems


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_names_that_are_no_unicode_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "ä.jsonl", header())
    write(tmp_path / os.fsdecode(b"\xff.jsonl"), header())
    scan = FolderScan(tmp_path)
    assert keys(scan) == ["ä.jsonl"]
    for _ in range(2):
        assert not keys(scan, "ä.jsonl")
        assert scan.problems == (f"{tmp_path}/\\udcff.jsonl has a name that is not Unicode; rename it.",)


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    scan = FolderScan(tmp_path / "gone")
    assert not keys(scan)
    (problem,) = scan.problems
    assert "gone can't be read" in problem


def test_too_many_files_and_too_deep_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MAX_DEPTH", 2)
    monkeypatch.setattr(discovery, "MAX_FILES", 3)
    write(tmp_path / "1" / "2" / "3" / "a.jsonl", header())
    write(tmp_path / "1" / "2" / "a.jsonl", header())
    scan = FolderScan(tmp_path)
    assert keys(scan) == ["1/2/a.jsonl"]
    assert not scan.problems
    for name in "abcd":
        write(tmp_path / f"{name}.jsonl", header())
    assert keys(scan) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert "too many files" in scan.problems[0]
