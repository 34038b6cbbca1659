"""engine.executors.processes.watchdog: when a process counts as hung."""

from __future__ import annotations

import pytest

from engine.executors.processes.watchdog import HANG_SECONDS, Watchdog


class FakeProcess:
    """A process with a clock and a processor time that the test sets."""

    def __init__(self, seconds: float = HANG_SECONDS) -> None:
        self.now, self.cpu = 0.0, 0.0
        self.watchdog = Watchdog(0, seconds, lambda: self.now, lambda _pid: self.cpu)

    def hangs_within(self, seconds: float, interval: float = 2.5, share: float = 0.0) -> float | None:
        """The time at which it is found to hang, computing ``share`` of the time; None if it isn't."""
        until = self.now + seconds
        while self.now < until:
            self.now += interval
            self.cpu += share * interval
            if self.watchdog.check():
                return self.now
        return None


@pytest.mark.parametrize(("share", "found"), [(0.0, True), (0.009, True), (0.011, False), (1.0, False)])
def test_what_computes_less_than_a_hundredth_of_the_time_stands_still(share: float, found: bool) -> None:
    when = FakeProcess().hangs_within(1000, share=share)
    assert (when is not None) is found
    if found:
        assert when == pytest.approx(HANG_SECONDS, abs=10)


def test_a_process_that_computed_much_and_then_stands_still_is_found_out_as_fast() -> None:
    process = FakeProcess()
    assert process.hangs_within(3600, share=1.0) is None
    when = process.hangs_within(1000)
    assert when is not None
    assert when - 3600 == pytest.approx(HANG_SECONDS, abs=10)


def test_a_sign_of_life_begins_the_count_anew() -> None:
    process = FakeProcess()
    for _ in range(5):
        assert process.hangs_within(0.9 * HANG_SECONDS) is None
        process.watchdog.reset()


def test_system_sleep_is_not_counted_as_inactivity() -> None:
    process = FakeProcess()
    for _ in range(10):
        assert process.hangs_within(1, interval=8 * 3600) is None
