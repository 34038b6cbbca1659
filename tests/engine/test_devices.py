"""engine.devices: what this process computes on."""

from __future__ import annotations

import os

from engine.devices import cpu_count, cpu_name, current_device


def test_cores_are_those_this_process_may_use() -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)


def test_the_processor_has_a_name() -> None:
    assert cpu_name().strip()


def test_the_device_says_how_many_threads_were_configured() -> None:
    assert current_device().threads == 1
    assert current_device().kind in ("CPU", "GPU")
