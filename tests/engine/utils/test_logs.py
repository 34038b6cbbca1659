"""engine.utils.logs: every line once, from files of any size."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.utils import logs as log_tail
from engine.utils import logs as program_log
from engine.utils.logs import LogTail, ProgramLog, log_files

log = logging.getLogger("tests.logs")


@pytest.fixture
def own() -> Iterator[ProgramLog]:
    found = ProgramLog()
    yield found
    found.close()


def test_a_reader_gets_each_line_once(own: ProgramLog) -> None:
    reader = own.reader()
    log.info("one of %s", "çiçek")
    log.debug("too fine")
    assert reader.read_new().endswith("INFO tests.logs: one of çiçek\n")
    assert reader.read_new() == ""
    log.warning("two")
    assert reader.read_new().count("\n") == 1
    assert own.reader().read_new().count("\n") == 2, "another reader begins with the oldest line"


def test_only_the_newest_lines_are_kept(own: ProgramLog, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = own.reader()
    for number in range(program_log.LINES_KEPT + 10):
        log.info("line %d", number)
    lines = reader.read_new().splitlines()
    assert len(lines) == program_log.LINES_KEPT
    assert lines[0].endswith("line 10")


def test_the_file_rotates_and_moves_with_the_workspace(
    own: ProgramLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_log, "FILE_BYTES", 2000)
    own.write_to(tmp_path / "first")
    for number in range(100):
        log.info("a line that takes room, number %d", number)
    own.write_to(tmp_path / "second")
    log.info("elsewhere")
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["window.log", "window.log.1", "window.log.2", "window.log.3"]
    assert "elsewhere" in (tmp_path / "second" / "window.log").read_text(encoding="utf-8")


def test_a_folder_that_can_not_be_written_is_noted(own: ProgramLog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    own.write_to(tmp_path / "file")
    assert "No log file in" in own.reader().read_new()


def test_logging_is_as_before_afterwards() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    ProgramLog().close()
    assert (root.level, list(root.handlers)) == before


def test_a_tail_reads_on(tmp_path: Path) -> None:
    file = tmp_path / "worker-1.log"
    tail = LogTail(file)
    assert tail.read_new() == "", "a file that isn't there yet"
    file.write_bytes("erste Zeile ü".encode()[:-1])
    assert tail.read_new() == "erste Zeile "
    with file.open("ab") as stream:
        stream.write("ü".encode()[-1:] + b"\nnext\n")
    assert tail.read_new() == "ü\nnext\n"
    assert tail.read_new() == ""


def test_a_file_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "worker-1.log"
    file.write_text("much that was\n")
    tail = LogTail(file)
    tail.read_new()
    file.write_text("new\n")
    assert tail.read_new() == "new\n"


def test_of_a_large_file_the_end_is_read_from_a_whole_line_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "MAX_BYTES", 100)
    file = tmp_path / "worker-1.log"
    file.write_text("".join(f"line {number:04}\n" for number in range(1000)))
    tail = LogTail(file)
    assert tail.read_new().splitlines() == ["…", *(f"line {number:04}" for number in range(991, 1000))]
    with file.open("a") as stream:
        stream.writelines(f"more {number:04}\n" for number in range(1000))
    assert tail.read_new().splitlines()[:2] == ["…", "more 0991"]


def test_every_log_below_the_folder_is_listed(tmp_path: Path) -> None:
    for name in ("worker-1.log", "window.log.1", "librarian/worker-1.log", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    names = [str(path.relative_to(tmp_path)) for path in log_files(tmp_path)]
    assert names == [str(Path("librarian/worker-1.log")), "window.log.1", "worker-1.log"]
    assert log_files(tmp_path / "nowhere") == []
