"""Progress of a session: a bar with remaining time in a terminal, plain lines otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TextIO

from tqdm import tqdm

from engine.events.datasets import DatasetReady
from engine.events.experiments import Computed, ExperimentStarted, RunsAdded
from engine.events.runs import PlannedRun, Record, RunFinished, RunRestored, RunStarted
from engine.events.tasks import Event, Progress
from engine.training.timetable import shortened_interval
from engine.utils.text import as_duration, pluralise
from engine.workspace.durations.time_left import TimeLeft

# Without tqdm's estimate of the time left, which takes all steps for equally long.
TRAINING_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} steps{postfix}"


class Reporter(Protocol):
    """Receives every event of a session."""

    def handle(self, event: Event) -> None:
        """Show an event."""

    def close(self) -> None:
        """Finish the output; no more events follow."""


def make_reporter(stream: TextIO) -> Reporter:
    """Create a ``BarReporter`` if ``stream`` is a terminal, otherwise a ``LineReporter``."""
    return BarReporter(stream) if stream.isatty() else LineReporter(stream)


class LineReporter:
    """Prints a line for each stage, the last record of each epoch and each finished run; suited to log files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._runs: dict[int, PlannedRun] = {}
        self._last: dict[int, Record] = {}
        self._finished = 0
        self._message = ""
        self._refusal = ""

    def handle(self, event: Event) -> None:
        """Print the lines of ``event``, if any."""
        for line in self._lines(event):
            self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Do nothing, as no line is held back."""

    def _lines(self, event: Event) -> Iterator[str]:
        match event:
            case Progress(message) if message != self._message:
                self._message = message
                yield f"{message} ..."
            case DatasetReady():
                yield describe_images(event)
                yield from warning_lines(event)
            case ExperimentStarted():
                self._runs = {run.run: run for run in event.runs}
                yield f"{pluralise(len(event.runs), 'run')}, {event.workers} at a time"
                yield from _remarks(event)
            case RunsAdded(runs):
                self._runs |= {run.run: run for run in runs}
                variants = ", ".join(dict.fromkeys(run.spec.variant for run in runs))
                yield f"{pluralise(len(runs), 'more run')}: {variants}"
            case RunRestored(status=status) if status.is_final:
                self._finished += 1
            case RunStarted(device=device) | Computed(device=device) if device.refusal not in ("", self._refusal):
                self._refusal = device.refusal
                yield device.refusal
            case Record():
                last = self._last.get(event.run)
                if last is not None and last.epoch < event.epoch:
                    yield self._epoch_line(last)
                self._last[event.run] = event
            case RunFinished():
                if (last := self._last.pop(event.run, None)) is not None:
                    yield self._epoch_line(last)
                self._finished += 1
                yield f"[{self._finished}/{len(self._runs)}] {describe_end(self._runs[event.run], event)}"

    def _epoch_line(self, last: Record) -> str:
        return f"{run_title(self._runs[last.run])}: epoch {last.epoch}, step {last.step}, {describe_record(last)}"


class BarReporter:
    """Shows one bar over the steps of all runs, and the finished runs above it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._runs: dict[int, PlannedRun] = {}
        self._steps: dict[int, int] = {}
        self._is_training = False
        self._message = ""
        self._refusal = ""
        self._bar: tqdm[None] | None = None
        self._left = TimeLeft()

    def handle(self, event: Event) -> None:
        """Update the bar."""
        self._left.take(event)
        for line in self._warnings(event):
            tqdm.write(line, file=self._stream)
        match event:
            case Progress(message) if self._is_training:  # of a run that begins while others train
                self._postfix(message)
            case Progress(message, done, total):
                self._prepare(message, done, total)
            case ExperimentStarted():
                self.close()
                self._runs = {run.run: run for run in event.runs}
                for remark in _remarks(event):
                    tqdm.write(remark, file=self._stream)
            case RunsAdded(runs):
                self._runs |= {run.run: run for run in runs}
                if self._bar is not None:
                    self._bar.total = sum(run.total_steps for run in self._runs.values())
            case RunRestored(run, status):
                self._steps[run] = self._runs[run].total_steps if status.is_final else 0
            case RunStarted(run=run, after=after) if not self._is_training:
                self._steps[run] = after  # resumed from this step
            case Record():
                if not self._is_training:
                    self._is_training = True
                    total, done = sum(run.total_steps for run in self._runs.values()), sum(self._steps.values())
                    self._open("training", total, "step", done, TRAINING_BAR)
                self._advance(event.run, event.step)
                accuracy = f"{100 * event.validation_accuracy:.0f} %"
                newest = f"{run_title(self._runs[event.run])} loss {event.training_loss:.2f} val {accuracy}"
                self._postfix(", ".join(filter(None, (str(self._left), newest))))
            case RunFinished():
                self._advance(event.run, self._runs[event.run].total_steps)
                tqdm.write(describe_end(self._runs[event.run], event), file=self._stream)

    def close(self) -> None:
        """Close the bar, leaving it on the screen."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _warnings(self, event: Event) -> Iterator[str]:
        match event:
            case DatasetReady():
                yield from warning_lines(event)
            case RunStarted(device=device) | Computed(device=device) if device.refusal not in ("", self._refusal):
                self._refusal = device.refusal
                yield device.refusal

    def _prepare(self, message: str, done: int, total: int) -> None:
        if message != self._message:
            self._message = message
            self._open(message, total or None, "")
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def _open(self, title: str, total: int | None, unit: str, done: int = 0, form: str | None = None) -> None:
        self.close()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=title,
            unit=unit,
            file=self._stream,
            dynamic_ncols=True,
            leave=True,
            bar_format=form,
        )

    def _advance(self, run: int, step: int) -> None:
        if self._bar is not None:
            self._bar.update(step - self._steps.get(run, 0))
            self._steps[run] = step

    def _postfix(self, text: str) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)


def _remarks(event: ExperimentStarted) -> Iterator[str]:
    """Yield what the user should know of an experiment before it is trained."""
    yield from (remark for remark in (event.warning, shortened_interval(event.runs)) if remark)


def run_title(run: PlannedRun) -> str:
    """Return a title such as ``cnn_4 #2``."""
    return f"{run.spec.variant} #{run.spec.repeat}"


def describe_images(event: DatasetReady) -> str:
    """Describe a data set by its classes, image shape and number of images in each part."""
    info = event.info
    height, width, channels = info.shape
    return (
        f"{info.title}: {len(info.class_names)} classes of {width}x{height}x{channels} images, {info.train_count} for "
        f"training, {info.validation_count} for validation, {info.test_count} for testing"
    )


def warning_lines(event: DatasetReady) -> Iterator[str]:
    """Yield a line for each warning of a data set."""
    return (f"Warning: {sentence}" for sentence in event.info.warnings)


def describe_record(record: Record) -> str:
    """Describe the loss and accuracies of a record."""
    return (
        f"training loss {record.training_loss:.3f}, accuracy {100 * record.training_accuracy:.1f} %, "
        f"validation accuracy {100 * record.validation_accuracy:.1f} %"
    )


def describe_end(run: PlannedRun, event: RunFinished) -> str:
    """Describe how a run ended."""
    if event.test_accuracy is None:
        return f"{run_title(run)} {event.status}: {event.reason}"
    time = f" in {as_duration(event.seconds, decimals=1)}" if event.seconds is not None else ""
    text = f"{run_title(run)} {event.status}{time}: test accuracy {100 * event.test_accuracy:.2f} %"
    return "; ".join(filter(None, (text, event.kept.sentence if event.kept is not None else "", event.reason)))
