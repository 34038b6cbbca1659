"""Plans executed by children that follow a script."""

from __future__ import annotations

from engine.events.channel import ControlChannel
from engine.events.commands import Command
from engine.events.runs import RunFinished, Status
from engine.events.tasks import Event
from engine.executors.processes.pool import ProcessExecutor
from tests.engine.support import of, small_spec, train_tasks


def run_plan(
    executor: ProcessExecutor,
    runs: int,
    control: ControlChannel,
    answer: dict[tuple[type, int], list[Command]] | None = None,
) -> list[Event]:
    """All events of a plan of ``runs`` runs.

    Args:
        executor: the executor.
        runs: number of runs.
        control: the channel of the executor.
        answer: the commands to send upon an event, by its type and run.
    """
    events: list[Event] = []
    remaining = dict(answer or {})

    def take(event: Event) -> None:
        events.append(event)
        for command in remaining.pop((type(event), getattr(event, "run", 0)), []):
            control.send(command)

    executor.run(train_tasks(small_spec(repeats=runs)), take, control)
    return events


def ends(events: list[Event]) -> dict[int, Status]:
    """The status of each run; fails if one ended twice."""
    found = [(event.run, event.status) for event in of(RunFinished, events)]
    assert len(found) == len(dict(found))
    return dict(found)


def reasons(events: list[Event]) -> list[str]:
    return [event.reason for event in of(RunFinished, events) if event.reason]
