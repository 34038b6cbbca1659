"""Data and processes that the tests of the engine share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config.specs import DataSpec
from engine.datasets import PreparedData, prepare
from engine.events.channel import ControlChannel
from engine.storage.store import Store
from tests.engine.support import few

HERE = Path(__file__).parent
WITHOUT_TENSORFLOW = ("analysis", "config", "datasets", "events", "storage", "utils", "watching", "workspace")


@pytest.fixture(scope="session", autouse=True)
def one_thread(request: pytest.FixtureRequest) -> None:
    """TensorFlow computes with one thread here, as in a worker of one core; it must be told before its first operation.

    Where only folders are tested that need no TensorFlow, it is not loaded.
    """
    folders = {HERE / name for name in WITHOUT_TENSORFLOW}
    tested = (item.path for item in request.session.items if item.path.is_relative_to(HERE))
    if any(folders.isdisjoint(path.parents) for path in tested):
        from engine.devices.hardware import configure

        configure(1)


@pytest.fixture(scope="session")
def digits() -> PreparedData:
    """All digits, 32x32x1, prepared as the presets do."""
    return prepare(DataSpec(), lambda _message, _done, _total: None)


@pytest.fixture(scope="session")
def few_digits(digits: PreparedData) -> PreparedData:
    """130 training, 60 validation and 40 test images: batches of 50, 50 and 30."""
    return few(digits)


@pytest.fixture
def store(workspace: Path) -> Iterator[Store]:
    """A store in a new workspace."""
    opened = Store(workspace)
    yield opened
    opened.close()


@pytest.fixture
def control() -> Iterator[ControlChannel]:
    """A channel on which nothing was sent."""
    channel = ControlChannel()
    yield channel
    channel.close()
