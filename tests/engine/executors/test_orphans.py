"""No process outlives the program that started it, however that ends; the programs are real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
import pytest

from engine.cli.exit_codes import EXIT_INTERRUPTED
from engine.events.runs import Status
from engine.executors.processes.scratch_folder import PREFIX, remove_orphaned_folders
from engine.storage.store import Store
from tests.engine.support import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals are POSIX's")

if sys.platform != "win32":
    from tests.engine.executors.processes.scripted_worker import scripted

GONE_SECONDS = 10  # how long a process may outlive its parent; more than it takes on a busy machine
LONG = ["architectures", "--set", "architectures=mlp_1", "epochs=100000", "repeats=3", "--workers"]

WINDOW = """
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

import engine.executors.processes.child
from engine.executors.tasks import ReadImageTask
from engine.utils.logs import ProgramLog
from gui.app import make_window
from gui.utils.preferences import StartupOptions
from gui.experiment.experiment_tab import ExperimentTab
from tests.engine.executors.processes.scripted_worker import scripted_worker

if __name__ == "__main__":
    engine.executors.processes.child.worker_main = scripted_worker
    app = QApplication(sys.argv)
    window = make_window(StartupOptions(Path(sys.argv[1]), workers=1), ProgramLog())
    window.show()
    tab = window.findChild(ExperimentTab, "tab_architectures")
    tab.form.show_values({"architectures": ["mlp_1"], "repeats": 1})
    tab.start()
    helpers = [window._assistant, window._prober, window._librarian]
    answered = []
    for helper in helpers:
        helper.idle.connect(lambda helper=helper: answered.append(helper))
        helper.run_task(ReadImageTask(Path("nowhere")))

    def look():
        if {*helpers} == {*answered} and any(run.steps for run in tab.observations.runs.values()):
            print("training", flush=True)
            timer.stop()

    timer = QTimer(app, interval=50)
    timer.timeout.connect(look)
    timer.start()
    app.exec()
"""

SCRIPTED = """
import sys
from pathlib import Path

import engine.executors.processes.child
from engine.events.channel import ControlChannel
from engine.events.runs import Record
from engine.executors.processes.pool import ProcessExecutor
from tests.engine.executors.processes.scripted_worker import scripted_worker
from tests.engine.support import small_spec, train_tasks

if __name__ == "__main__":
    engine.executors.processes.child.worker_main = scripted_worker
    executor = ProcessExecutor(3, Path(sys.argv[1]))
    executor.start(3)
    reached = []

    def emit(event):
        if isinstance(event, Record):
            reached.append(event.run)
            if len(reached) == 3:
                print("training", flush=True)

    executor.run(train_tasks(small_spec(repeats=3)), emit, ControlChannel())
"""


@contextmanager
def program(*command: str, temporary: Path, **streams: int | IO[str] | None) -> Iterator[subprocess.Popen[str]]:
    """A program in a session of its own, which keeps what is temporary in a folder of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    temporary.mkdir(exist_ok=True)
    with subprocess.Popen(  # noqa: S603
        [sys.executable, *command], cwd=ROOT, env=environment, start_new_session=True, text=True, **streams
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)


def family(parent: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that it has started, Python's own tracker among them."""
    found = psutil.Process(parent.pid).children(recursive=True)
    assert found
    return found


def survivors(processes: list[psutil.Process]) -> list[psutil.Process]:
    """The processes that survive ``GONE_SECONDS``; they are killed."""
    _, alive = psutil.wait_procs(processes, timeout=GONE_SECONDS)
    for each in alive:
        each.kill()
    return alive


def read_until(stream: IO[str] | None, words: str) -> None:
    assert stream is not None
    assert any(words in line for line in iter(stream.readline, "")), "it ended before"


@pytest.mark.long
def test_the_children_of_a_batch_that_is_killed_are_gone_at_once(tmp_path: Path) -> None:
    """One of two training processes is stopped, so it can't react by itself; the Linux kernel kills it."""
    temporary = tmp_path / "temporary"
    command = ["main.py", "--batch", *LONG, "2", "--workspace", str(tmp_path / "workspace")]
    with program(*command, temporary=temporary, stderr=subprocess.PIPE) as parent:
        read_until(parent.stderr, ": epoch 2, ")
        processes = family(parent)
        if sys.platform == "linux":
            trains = [each for each in processes if any("spawn_main" in word for word in each.cmdline())]
            trains[-1].suspend()
        parent.kill()
        assert survivors(processes) == []
    assert len(list(temporary.glob(f"{PREFIX}*/"))) == 3, "one for each process, and one for what they share"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        remove_orphaned_folders()
    assert list(temporary.iterdir()) == [], "the next program clears away what they left"


@pytest.mark.long
def test_the_children_of_a_window_that_is_killed_are_gone_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training process, and the idle ones: assistant, prober and librarian."""
    scripted(tmp_path, monkeypatch).write("burn")
    script = tmp_path / "window.py"
    script.write_text(WINDOW, encoding="utf-8")
    with program(str(script), str(tmp_path / "ws"), temporary=tmp_path / "tmp", stdout=subprocess.PIPE) as parent:
        read_until(parent.stdout, "training")
        processes = family(parent)
        parent.kill()
        assert len(processes) == 5, "these four, and Python's own tracker"
        assert survivors(processes) == []


@pytest.mark.parametrize("whole_group", [False, True], ids=["parent", "group"])
def test_not_even_those_are_left_that_can_not_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_group: bool
) -> None:
    """One computes in Python, one is deadlocked, one holds the GIL in compiled code."""
    held = "hold the interpreter" if sys.platform == "linux" else "burn"
    scripted(tmp_path, monkeypatch).write("burn", "deadlock", held)
    script = tmp_path / "parent.py"
    script.write_text(SCRIPTED, encoding="utf-8")
    with program(str(script), str(tmp_path / "logs"), temporary=tmp_path / "tmp", stdout=subprocess.PIPE) as parent:
        read_until(parent.stdout, "training")
        processes = family(parent)
        if whole_group:
            os.killpg(parent.pid, signal.SIGKILL)
        else:
            parent.kill()
        assert survivors(processes) == []


# Becomes the program named by its arguments, on the terminal that is its standard error.
ON_TERMINAL = """
import fcntl, os, sys, termios

fcntl.ioctl(2, termios.TIOCSCTTY, 0)
termios.tcsetwinsize(2, (24, 120))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.long
@pytest.mark.parametrize("end", ["the terminal is closed", "the system shuts down"])
def test_a_batch_that_is_told_to_end_with_all_its_children_stops_and_keeps_what_was_learned(
    tmp_path: Path, end: str
) -> None:
    """The signal reaches all processes; the children leave it to their parent."""
    outer, inner = os.openpty()
    command = ["-c", ON_TERMINAL, "main.py", "--batch", *LONG, "1", "--workspace", str(tmp_path / "workspace")]
    with program(*command, temporary=tmp_path / "tmp", stdin=inner, stdout=inner, stderr=inner) as parent:
        os.close(inner)
        seen = b""
        while b" loss " not in seen:
            seen += os.read(outer, 1000)
        processes = family(parent)
        if end == "the system shuts down":
            os.killpg(parent.pid, signal.SIGTERM)
            with suppress(OSError):  # the terminal's other end is closed, by the last of them
                while os.read(outer, 1000):
                    pass
        os.close(outer)
        code = parent.wait(60)
        assert survivors(processes) == []
    assert code == EXIT_INTERRUPTED
    with closing(Store(tmp_path / "workspace")) as store:
        assert store.experiment(1).status is Status.STOPPED
        assert [run.status for run in store.runs(1)] == [Status.STOPPED, Status.CANCELLED, Status.CANCELLED]
        assert store.run(1).is_tested
