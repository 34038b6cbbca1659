"""Shared fixtures: offscreen Qt, separate user folders, and checks that no process or thread is left running."""

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

# Number of inputs of each property test; `make test-long` tries more.
settings.register_profile("default", max_examples=20, deadline=None)
settings.register_profile("wide", max_examples=200, deadline=None)
settings.load_profile("default")

_USER = tempfile.mkdtemp(prefix="trainscope-tests-")

# Set before Qt, matplotlib or the program read the user's folders.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Otherwise the first run of each test session would measure which library is faster.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
for _variable, _folder in {
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "TRAINSCOPE_CACHE": "cache",
}.items():
    os.environ[_variable] = str(Path(_USER, _folder))


def pytest_configure(config: pytest.Config) -> None:
    # Raised by Keras 3.15 as it saves a model under NumPy 2.4; the program can't avoid it.
    message = "__array__ implementation doesn't accept a copy keyword"
    config.addinivalue_line("filterwarnings", f"ignore:{message}:DeprecationWarning:keras")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude imported objects from garbage collection, as each training starts with one."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    import shutil

    shutil.rmtree(_USER, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Escape surrogates in captured logs, such as of invalid file names, which xdist can't transmit."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace that does not exist yet."""
    return tmp_path / "workspace"


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_tests() -> Iterator[None]:
    """Check for child processes last: this fixture is set up first, so all shared ones are closed before it."""
    yield
    assert not _children(), f"still running after the last test: {_described(_children())}"


@pytest.fixture(autouse=True)
def leaves_nothing_running() -> Iterator[None]:
    """Fail a test that leaves a child process or a non-daemon thread running.

    Those started by fixtures of a wider scope exist before the test and are ignored.
    """
    children, threads = _children(), set(threading.enumerate())
    yield
    left = _children() - children
    assert not left, f"child processes left running: {_described(left)}"
    held = [thread.name for thread in set(threading.enumerate()) - threads if not thread.daemon]
    assert not held, f"threads left running: {held}"


def _children() -> set[psutil.Process]:
    """Return all child processes except multiprocessing's resource tracker, which ends with this process."""
    if not _has_children():
        return set()
    return {child for child in psutil.Process().children(recursive=True) if not _is_tracker(child)}


def _has_children() -> bool:
    """Return whether there are children, by Linux's list of them; elsewhere psutil would scan all processes."""
    tasks = Path("/proc/self/task")
    if not (tasks / str(os.getpid()) / "children").exists():
        return True
    try:
        return any((task / "children").read_text() for task in tasks.iterdir())
    except (FileNotFoundError, ProcessLookupError):  # a thread has ended meanwhile; its children are another's now
        return True


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return any("multiprocessing.resource_tracker" in word for word in process.cmdline())
    except psutil.Error:  # it has ended meanwhile
        return True


def _described(processes: set[psutil.Process]) -> list[str]:
    described = []
    for process in processes:
        try:
            described.append(f"{process.pid} ({process.status()}) {' '.join(process.cmdline())[:120]}")
        except psutil.Error:
            described.append(f"{process.pid} (gone)")
    return described
