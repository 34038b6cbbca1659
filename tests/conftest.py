"""What every test stands on: offscreen Qt, settings and data of its own, and nothing left running behind it."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings

pytest_plugins = ["tests.cpu_times"]

# Of inputs that a property must hold for; `make test-long` tries more.
settings.register_profile("default", max_examples=20, deadline=None)
settings.register_profile("wide", max_examples=200, deadline=None)
settings.load_profile("default")

_USER = tempfile.mkdtemp(prefix="trainscope-tests-")

# Before Qt, matplotlib or the program look for the user's folders: tests have a user of their own.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
for _variable, _folder in {
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "TRAINSCOPE_CACHE": "cache",
}.items():
    os.environ[_variable] = str(Path(_USER, _folder))


def pytest_configure(config: pytest.Config) -> None:
    # Keras 3.15 saving a model under NumPy 2.4; nothing the program could do otherwise.
    message = "__array__ implementation doesn't accept a copy keyword"
    config.addinivalue_line("filterwarnings", f"ignore:{message}:DeprecationWarning:keras")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays: no collection of garbage, of which each training begins with one, looks at it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    import shutil

    shutil.rmtree(_USER, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """What a test has logged of paths that are no text can't be sent from a process of xdist as it is."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace that does not exist yet."""
    return tmp_path / "workspace"


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_tests() -> Iterator[None]:
    """Set up first and so torn down last: by then every shared fixture has closed what it started."""
    yield
    assert not _children(), f"still running after the last test: {_described(_children())}"


@pytest.fixture(autouse=True)
def leaves_nothing_running() -> Iterator[None]:
    """Fails a test that leaves a child process or a thread which would keep the program alive.

    What fixtures of a wider scope started is there before the test and is not counted against it.
    """
    children, threads = _children(), set(threading.enumerate())
    yield
    left = _children() - children
    assert not left, f"child processes left running: {_described(left)}"
    held = [thread.name for thread in set(threading.enumerate()) - threads if not thread.daemon]
    assert not held, f"threads left running: {held}"


def _children() -> set[psutil.Process]:
    """Processes started from here, without multiprocessing's own tracker, which ends with this process."""
    if not _has_children():
        return set()
    return {child for child in psutil.Process().children(recursive=True) if not _is_tracker(child)}


def _has_children() -> bool:
    """Asked of Linux alone, which lists them; else every process there is would be looked at, twice a test."""
    tasks = Path("/proc/self/task")
    if not (tasks / str(os.getpid()) / "children").exists():
        return True
    return any((task / "children").read_text() for task in tasks.iterdir())


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return any("multiprocessing.resource_tracker" in word for word in process.cmdline())
    except psutil.Error:  # it ended meanwhile
        return True


def _described(processes: set[psutil.Process]) -> list[str]:
    described = []
    for process in processes:
        try:
            described.append(f"{process.pid} ({process.status()}) {' '.join(process.cmdline())[:120]}")
        except psutil.Error:
            described.append(f"{process.pid} (gone)")
    return described
