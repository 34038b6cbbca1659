"""What the networks among the inputs are tried with."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """As in the tests of the engine, which may follow in this process: TensorFlow must be told first."""
    from engine.devices.hardware import configure

    configure(1)
