"""engine.selftest.runner: whatever a check does, the others are run."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import replace

import psutil
import pytest

from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.selftest.check import CheckContext, CheckState, skipped, warning
from engine.selftest.runner import run_checks
from engine.utils.errors import Cancelled
from tests.engine.selftest.sample_checks import (
    check,
    crashes,
    exits,
    hangs,
    names_process,
    raises_memory_error,
    raises_os_error,
    raises_user_error,
    raises_value_error,
    run_all,
    warns,
)

TIMEOUT_SECONDS = 60.0


def test_whatever_a_check_does_the_others_have_their_turn(context: CheckContext) -> None:
    checks = [
        check(names_process),
        check(crashes),
        check(warns, "crashes"),
        check(names_process, "names_process", "warns"),
        check(raises_value_error),
        check(raises_user_error),
        check(exits),
        check(names_process, isolated=True),
        check(names_process),
        check(raises_memory_error),
        check(raises_os_error),
    ]
    outcomes = run_all(checks, replace(context, device="cpu"))
    who, crash, lacking, _, stumbled, explained, left, alone, last, memory, refused = (each.result for each in outcomes)
    assert (who.state, who.facts) == (CheckState.OK, {"Fact": "a fact"})
    assert {each.state for each in (crash, stumbled, explained, left, memory, refused)} == {CheckState.FAILED}
    assert "crashed (SIGSEGV)" in crash.sentence
    assert lacking == skipped("Can't be checked, as crashes failed.")
    assert outcomes[3].result.sentence == "Can't be checked, as warns failed.", "what was skipped is lacking too"
    assert stumbled.sentence.startswith("An unexpected ValueError ended it (a value); ")
    assert explained.sentence == "It does not work; try another."
    assert "ended with code 3" in left.sentence
    assert memory.sentence.startswith("There is not enough memory for it; ")
    assert refused.sentence.startswith("The system refused it ([Errno 2] No such file or directory: ")
    processes = [each.sentence.split()[0] for each in (who, alone, last)]
    assert len({*processes, str(os.getpid())}) == 4, "a process of its own, which the next check does not share"
    assert last.sentence.endswith(" cpu")
    assert "ValueError: a value" in (context.scratch / "selftest.log").read_text()


def test_a_check_that_hangs_is_ended_with_all_it_has_started(context: CheckContext) -> None:
    pid = context.scratch / "pid"
    # The process is there before the clock starts, so that the check gets to its own.
    before, hung, after = run_all([check(warns), check(hangs, seconds=2), check(warns)], context)
    assert hung.result.state is CheckState.FAILED
    assert hung.result.sentence.startswith("Not done after 2 s, so it was ended; ")
    assert before.result == after.result == warning("Somewhat little.")
    with suppress(psutil.NoSuchProcess):  # killed, it may not have been buried yet
        psutil.Process(int(pid.read_text())).wait(TIMEOUT_SECONDS)


def test_what_is_under_way_can_be_cancelled(context: CheckContext) -> None:
    with closing(ControlChannel()) as control, pytest.raises(Cancelled):
        list(run_checks([check(hangs)], context, control, lambda _check: control.send(Control.CANCEL)))


@pytest.mark.parametrize(
    ("code", "named"),
    [(-4, "lacks instructions"), (-9, "want of memory"), (-6, "SIGABRT"), (-99, "signal 99"), (1, "code 1")],
)
def test_how_a_process_ended_is_put_into_words(code: int, named: str) -> None:
    from engine.selftest.runner import describe_exit

    assert named in describe_exit(code)
