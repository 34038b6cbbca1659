"""engine.training.timetable: an epoch cut into segments that end at records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.config.specs import TrainingSpec
from engine.training.timetable import Segment, Timetable

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
    every = range(timetable.record_every, timetable.total_steps + 1, timetable.record_every)
    ends = range(timetable.steps_per_epoch, timetable.total_steps + 1, timetable.steps_per_epoch)
    assert [segment.stop for segment in segments_of(timetable)] == sorted({*every, *ends, timetable.total_steps})


@given(timetables)
def test_records_are_the_multiples_of_the_interval_or_the_end_of_a_shorter_run(timetable: Timetable) -> None:
    records = [segment.stop for segment in segments_of(timetable) if segment.ends_with_record]
    every = list(range(timetable.record_every, timetable.total_steps + 1, timetable.record_every))
    assert records == (every or [timetable.total_steps])


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
