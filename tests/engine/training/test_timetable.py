"""engine.training.timetable: an epoch cut into segments that end at records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.specs import TrainingSpec
from engine.events.runs import PlannedRun, record_interval
from engine.experiments.architectures.experiment import plan
from engine.training.timetable import Segment, Timetable, shortened_interval
from tests.engine.support import small_spec

whole = st.builds(Timetable, st.integers(1, 60), st.integers(1, 12), st.integers(1, 80))
ended_early = st.builds(
    lambda images, record_every, most: Timetable.of(images, TrainingSpec(record_every=record_every), most),
    st.integers(1, 3000),
    st.integers(1, 80),
    st.integers(1, 200),
)
timetables = whole | ended_early


def segments_of(timetable: Timetable) -> list[Segment]:
    return [segment for epoch in range(timetable.epochs) for segment in timetable.segments(epoch)]


@given(timetables)
def test_the_pieces_cover_every_step_exactly_once_and_in_order(timetable: Timetable) -> None:
    steps = [step for segment in segments_of(timetable) for step in range(segment.start, segment.stop)]
    assert steps == list(range(timetable.total_steps))


@given(timetables)
def test_pieces_end_at_records_and_at_ends_of_epochs_and_nowhere_else(timetable: Timetable) -> None:
    every = range(timetable.interval, timetable.total_steps + 1, timetable.interval)
    ends = range(timetable.steps_per_epoch, timetable.total_steps + 1, timetable.steps_per_epoch)
    assert [segment.stop for segment in segments_of(timetable)] == sorted({*every, *ends, timetable.total_steps})


@given(timetables)
def test_records_are_the_multiples_of_the_interval(timetable: Timetable) -> None:
    records = [segment.stop for segment in segments_of(timetable) if segment.ends_with_record]
    assert records == list(range(timetable.interval, timetable.total_steps + 1, timetable.interval))


@given(timetables)
def test_a_run_has_the_interval_that_was_set_or_is_too_short_for_two_records(timetable: Timetable) -> None:
    if timetable.total_steps >= 2 * timetable.record_every:
        assert timetable.interval == timetable.record_every
    else:
        records = sum(segment.ends_with_record for segment in segments_of(timetable))
        assert records >= min(timetable.total_steps, 10)


@pytest.mark.parametrize(
    ("steps", "every", "interval", "said"),
    [
        (20, 10, 10, ""),
        (19, 10, 1, "Recorded every step instead of every 10, as a run has only 19 steps."),
        (1, 10, 1, "Recorded every step instead of every 10, as a run has only 1 step."),
        (1, 1, 1, ""),
        (500, 1000, 50, "Recorded every 50 steps instead of every 1000, as a run has only 500 steps."),
    ],
)
def test_the_interval_of_a_short_run_shrinks_to_fit_and_that_is_said(
    steps: int, every: int, interval: int, said: str
) -> None:
    (spec,) = plan(small_spec(record_every=every))
    assert record_interval(steps, every) == interval
    assert shortened_interval([PlannedRun(1, spec, 0, steps), PlannedRun(2, spec, 0, 10_000)]) == said


@given(timetables)
def test_no_epoch_has_more_pieces_than_fit_makes_calls(timetable: Timetable) -> None:
    counts = [len(timetable.segments(epoch)) for epoch in range(timetable.epochs)]
    assert all(1 <= count <= timetable.segments_per_epoch for count in counts)


@given(st.integers(1, 3000), st.integers(1, 200))
def test_a_run_with_a_most_of_steps_makes_just_so_many_in_as_many_epochs_as_they_take(images: int, most: int) -> None:
    timetable = Timetable.of(images, TrainingSpec(batch_size=50, epochs=1), most)
    assert timetable.total_steps == most
    assert all(timetable.segments(epoch) for epoch in range(timetable.epochs))
    assert not timetable.segments(timetable.epochs)


def test_the_course_protocol_gives_1350_records() -> None:
    timetable = Timetable.of(45_000, TrainingSpec(batch_size=50, epochs=15, record_every=10))
    assert timetable.steps_per_epoch == 900
    assert sum(segment.ends_with_record for segment in segments_of(timetable)) == 1350


def test_a_short_last_batch_counts_as_a_step() -> None:
    assert Timetable.of(130, TrainingSpec(batch_size=50, epochs=1)).steps_per_epoch == 3
    assert Timetable.of(100, TrainingSpec(batch_size=50, epochs=1)).steps_per_epoch == 2
    assert Timetable.of(30, TrainingSpec(batch_size=50, epochs=1)).steps_per_epoch == 1
