"""Pytest plugin that lists the tests with the most CPU time, which varies less with load than wall time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

SHOWN = 25
KEY = "processor seconds"

_begun = pytest.StashKey[float]()


def _seconds() -> float:
    """Return the CPU time of this process and of all children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_begun] = _seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Shared fixtures count for the first test that uses them, child processes for the test in which they end."""
    report = yield
    if call.when == "teardown" and _begun in item.stash:
        report.user_properties.append((KEY, _seconds() - item.stash[_begun]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    spent = Counter(
        {
            report.nodeid: value
            for reports in terminalreporter.stats.values()
            for report in reports
            for key, value in getattr(report, "user_properties", ())
            if key == KEY
        }
    )
    if not spent:
        return
    terminalreporter.section(f"{spent.total():.0f} s of processor time in {len(spent)} tests; the {SHOWN} most")
    for name, seconds in spent.most_common(SHOWN):
        terminalreporter.write_line(f"{seconds:6.1f} s  {name}")
