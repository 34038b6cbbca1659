"""Children that hang are killed; those that are paused or compute are not."""

from __future__ import annotations

import sys

import pytest

from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.runs import Intervention, RunFinished, Status
from engine.executors.processes.pool import ProcessExecutor
from tests.engine.executors.processes.child_support import ends, reasons, run_plan
from tests.engine.support import of

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="signals, limits and raw pipes are POSIX's"),
]

if sys.platform != "win32":
    from tests.engine.executors.processes.scripted_worker import Script


@pytest.mark.parametrize("how", ["stop", "stop within a message", "deadlock"])
def test_one_that_stands_still_is_ended_and_the_next_run_is_trained(
    one: ProcessExecutor, script: Script, control: ControlChannel, how: str
) -> None:
    script.write(how, "train")
    events = run_plan(one, 2, control)
    assert ends(events) == {1: Status.CRASHED, 2: Status.FINISHED}
    assert reasons(events)[0].startswith("The training process neither said nor computed anything for 1 second and was")


def test_one_that_is_held_is_not_taken_for_hung(two: ProcessExecutor, script: Script, control: ControlChannel) -> None:
    """Meanwhile two others hang one after the other and are detected."""
    script.write("hold", "stop", "stop")
    two.start(2)
    events = run_plan(two, 3, control, {(RunFinished, 3): [Control.RESUME]})
    assert ends(events) == {2: Status.CRASHED, 3: Status.CRASHED, 1: Status.FINISHED}
    assert [event.label for event in of(Intervention, events)] == ["paused", "resumed"]


def test_one_that_computes_is_left_alone_until_cancel_is_pressed_again(
    two: ProcessExecutor, script: Script, control: ControlChannel
) -> None:
    """The other one hangs meanwhile; the one that computes ends as cancelled, those that wait never begin."""
    script.write("burn", "stop", "train", "train")
    two.start(2)
    answer = {(RunFinished, 2): [Control.CANCEL], (RunFinished, 4): [Control.CANCEL]}
    events = run_plan(two, 4, control, answer)
    assert ends(events) == {2: Status.CRASHED, 3: Status.CANCELLED, 4: Status.CANCELLED, 1: Status.CANCELLED}
    assert "It did not answer, so its process was ended." in reasons(events)
    script.write("train")
    assert ends(run_plan(two, 1, control)) == {1: Status.FINISHED}
