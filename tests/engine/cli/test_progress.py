"""engine.cli.progress: bars in a terminal, lines in a file."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from engine.cli.progress import BarReporter, LineReporter, make_reporter
from engine.events.datasets import DatasetReady
from engine.events.experiments import ExperimentFinished, ExperimentStarted, RunsAdded
from engine.events.runs import PlannedRun, RunRestored, Status
from engine.events.tasks import Event, Progress
from engine.experiments.architectures.experiment import plan
from tests.engine.support import INFO, finished, record, small_spec, started, weights

RUNS = tuple(PlannedRun(i, spec, 33_130, 52) for i, spec in enumerate(plan(small_spec(repeats=2, epochs=2)), start=1))
EVENTS: list[Event] = [
    Progress("Loading the digits", 0, 1),
    Progress("Loading the digits", 1, 1),
    DatasetReady(INFO),
    ExperimentStarted(1, "architectures", INFO, RUNS, 2),
    started(1),
    weights(1),
    record(1, 10),
    record(1, 30, epoch=2),
    record(1, 40, epoch=2),
    finished(1),
    finished(2, Status.CRASHED, reason="It was ended.", test_accuracy=None),
    ExperimentFinished(1, Status.FINISHED),
]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: StringIO, events: list[Event] | None = None) -> str:
    reporter = make_reporter(stream)
    for event in events or EVENTS:
        reporter.handle(event)
    reporter.close()
    return stream.getvalue()


def test_a_terminal_gets_bars_and_a_file_gets_lines() -> None:
    terminal = make_reporter(Terminal())
    assert isinstance(terminal, BarReporter)
    assert isinstance(make_reporter(StringIO()), LineReporter)


def test_lines_tell_each_stage_each_epoch_and_each_end_once() -> None:
    assert shown(StringIO()).splitlines() == [
        "Loading the digits ...",
        "Digits: 10 classes of 32x32x1 images, 1293 for training, 144 for validation, 360 for testing",
        "2 runs, 2 at a time",
        "mlp_1 #1: epoch 1, step 10, training loss 2.250, accuracy 12.5 %, validation accuracy 25.0 %",
        "mlp_1 #1: epoch 2, step 40, training loss 2.250, accuracy 12.5 %, validation accuracy 25.0 %",
        "[1/2] mlp_1 #1 finished in 2.0 s: test accuracy 50.00 %",
        "[2/2] mlp_1 #2 crashed: It was ended.",
    ]


def test_warnings_of_the_data_set_are_shown_before_training() -> None:
    info = replace(INFO, warnings=("All images are alike.", "Seven are broken."))
    for stream in (StringIO(), Terminal()):
        text = shown(stream, [DatasetReady(info), *EVENTS[3:]])
        lines = [line.strip() for line in text.replace("\r", "\n").splitlines()]
        assert lines.index("Warning: All images are alike.") + 1 == lines.index("Warning: Seven are broken.")
        assert text.index("Warning:") < text.index("mlp_1 #1")


STAGES: list[Event] = [
    ExperimentStarted(1, "schedule", INFO, RUNS[:1], 2),
    record(1, 10),
    finished(1),
    RunsAdded((replace(RUNS[1], spec=RUNS[1].spec.replace(variant="search_2")),)),
    record(2, 10),
    finished(2),
    ExperimentFinished(1, Status.FINISHED),
]


def test_runs_added_later_are_named_and_counted() -> None:
    assert shown(StringIO(), STAGES).splitlines() == [
        "1 run, 2 at a time",
        "mlp_1 #1: epoch 1, step 10, training loss 2.250, accuracy 12.5 %, validation accuracy 25.0 %",
        "[1/1] mlp_1 #1 finished in 2.0 s: test accuracy 50.00 %",
        "1 more run: search_2",
        "search_2 #2: epoch 1, step 10, training loss 2.250, accuracy 12.5 %, validation accuracy 25.0 %",
        "[2/2] search_2 #2 finished in 2.0 s: test accuracy 50.00 %",
    ]


def restored(run: int, status: Status) -> RunRestored:
    return RunRestored(run, status, None, {}, {}, (), (), None)


RESUMED: list[Event] = [
    ExperimentStarted(1, "architectures", INFO, RUNS, 2),
    restored(1, Status.FINISHED),
    restored(2, Status.QUEUED),
    replace(started(2), after=26),
    record(2, 30, epoch=2),
    finished(2),
]


def test_a_shorter_interval_than_was_set_is_said() -> None:
    short: list[Event] = [ExperimentStarted(1, "architectures", INFO, (replace(RUNS[0], total_steps=6),), 1)]
    said = "Recorded every step instead of every 10, as a run has only 6 steps."
    assert shown(StringIO(), short).splitlines() == ["1 run, 1 at a time", said]
    assert said in shown(Terminal(), short)


def test_a_warning_is_said_before_anything_is_trained() -> None:
    warned: list[Event] = [ExperimentStarted(1, "architectures", INFO, RUNS, 2, "It needs more memory.")]
    assert shown(StringIO(), warned).splitlines() == ["2 runs, 2 at a time", "It needs more memory."]
    assert "It needs more memory." in shown(Terminal(), warned)


def test_what_was_there_already_counts() -> None:
    assert shown(StringIO(), RESUMED).splitlines()[-1].startswith("[2/2] mlp_1 #2 finished")
    pieces = shown(Terminal(), RESUMED).replace("\n", "\r").split("\r")
    first = next(piece for piece in pieces if "training" in piece)
    assert f"{52 + 26}/104" in first, "all steps of the ended run and the former steps of the other"
    assert any("104/104" in piece for piece in pieces)


def test_the_bar_grows_with_runs_added_later() -> None:
    pieces = shown(Terminal(), STAGES).replace("\n", "\r").split("\r")
    assert any("52/52" in piece for piece in pieces)
    assert any("104/104" in piece and "100%" in piece for piece in pieces)


def test_the_bar_fills_with_steps_and_ends_full() -> None:
    text = shown(Terminal())
    last = text.replace("\n", "\r").split("\r")
    assert any("104/104" in piece and "100%" in piece for piece in last)
    assert "mlp_1 #1 finished in 2.0 s: test accuracy 50.00 %" in text
    assert "mlp_1 #2 crashed: It was ended." in text


def test_the_bar_shows_the_time_left() -> None:
    pieces = [piece for piece in shown(Terminal()).split("\r") if "training" in piece]
    assert any(" left, mlp_1 #1 loss 2.25 val 25 %" in piece for piece in pieces)
    assert not any("?" in piece or "<" in piece for piece in pieces), "tqdm's own estimate"


def test_lines_are_written_as_they_arise() -> None:
    class Counting(StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Counting()
    make_reporter(stream).handle(Progress("Loading", 0, 1))
    assert stream.flushed == 1


def test_a_refused_device_is_told_once() -> None:
    sentence = "gpu:0 computes 1 of 6 patterns wrongly."
    refused = replace(started(1).device, refusal=sentence)
    events = [replace(started(run), device=refused) for run in (1, 2)]
    for stream in (StringIO(), Terminal()):
        assert shown(stream, [*EVENTS[:4], *events, *EVENTS[5:]]).count(f"{sentence}\n") == 1


def test_what_a_run_is_measured_with_leaves_the_bar_of_those_under_way() -> None:
    measuring = Progress("Measuring how fast cnn_4 trains on gpu:0", 0, 2)
    text = shown(Terminal(), [*EVENTS[:7], measuring, *EVENTS[7:]])
    assert text.count("training:   0%") == shown(Terminal()).count("training:   0%")
    assert "Measuring how fast cnn_4 trains on gpu:0" not in text.split("training:")[0]
