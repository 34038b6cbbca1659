"""engine.executors.processes.exit_status: every exit status has an explanation."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from engine.executors.processes import exit_status
from engine.executors.processes.exit_status import describe_exit, oom_kills

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


@pytest.mark.parametrize("number", [*map(int, signal.Signals), 63])
def test_every_signal_has_its_words(number: int) -> None:
    words = describe_exit(-number, Path("/logs/worker-1.log"), None)
    assert f"(signal {number}); run it again" in words
    assert words.endswith("its log, /logs/worker-1.log.") or words.endswith("its log is /logs/worker-1.log.")
    assert words.count(".log") == 1


def test_other_endings_have_their_words() -> None:
    assert "with code 0;" in describe_exit(0, Path("log"), None)
    assert "invalid memory access (code 0xc0000005)" in describe_exit(0xC0000005, Path("log"), None)
    assert "no longer answers" in describe_exit(None, Path("log"), None)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("oom_kill 4", "oom_kill 5", "by the system for want of memory (signal 9)"),
        ("oom_kill 4", "oom_kill 4", "by the system for want of memory or by hand"),
        ("oom_kill x", "oom_kill 5", "by the system for want of memory or by hand"),
        ("nr_free_pages 1", "nr_free_pages 1", "by the system for want of memory or by hand"),
        (None, None, "by the system for want of memory or by hand"),
    ],
)
def test_that_the_kernel_ended_it_for_want_of_memory_is_said_where_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None, said: str
) -> None:
    counts = tmp_path / "vmstat"
    monkeypatch.setattr(exit_status, "VMSTAT_FILE", counts)
    if before is not None:
        counts.write_text(f"nr_zone 1\n{before}\n")
    then = oom_kills()
    if after is not None:
        counts.write_text(f"nr_zone 1\n{after}\n")
    assert said in describe_exit(-signal.SIGKILL, Path("log"), then)
