"""Long use: memory, files and threads after 200 runs, a day of records and 2,000 repaints; lateness of the window.

- 200 experiments of one run each, one after the other in one window with its real training process: memory, open
  files and threads of the window and of the process. A line is fitted after the first fifth, during which caches fill.
- A day of two trainings of cnn_4 (a record takes about 0.35 s) passed to the window as fast as it draws: memory, and
  the lateness of a 16 ms timer in each quarter. Records are kept to be drawn, so memory is given per record.
- 2,000 repaints of a plot: references to None (see tests/gui/plots/test_repaint.py for the reason).

Results are saved as JSON if a file is named, with a plot of the first beside it. Needs a display, or
QT_QPA_PLATFORM=offscreen, which paints as well.

Usage: python -m benchmarks.long_use [--runs N] [--records N] [--save FILE.json]
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication, QTabWidget

from benchmarks.lateness import LatenessTimer
from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.datasets import DatasetReady
from engine.events.runs import Record, RunStarted
from engine.events.tasks import Emit, Event
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.tasks import PrepareTask, Task, TrainTask
from gui.experiment.experiment_tab import ExperimentTab
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.startup.garbage_collector import GarbageCollector
from gui.startup.selftest import lost_references
from gui.utils.theme import Scheme, apply_scheme, apply_style
from gui.window.main_window import MainWindow
from tests.engine.support import INFO, finished, record, started
from tests.gui.support import observed

MEBI = 1024 * 1024
WARM = 0.2  # share of the runs during which caches fill
RECORDS_A_DAY = 2 * 24 * 3600 * 1000 // 350  # of two trainings of cnn_4
AT_ONCE = 20  # records emitted before waiting for the window
REPAINTS = 2_000


@dataclass(frozen=True)
class Held:
    """Resources of a process: memory in MiB (0 for a child that does not exist), open files, threads."""

    window_memory: float
    child_memory: float
    window_files: int
    child_files: int
    window_threads: int
    child_threads: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Long use of the window.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--records", type=int, default=RECORDS_A_DAY)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    apply_style(app)
    apply_scheme(app, Scheme.LIGHT)
    GarbageCollector(app)
    found: dict[str, Any] = {"repaints": REPAINTS, "references_lost": repaint()}
    print(f"{REPAINTS} repaints: {found['references_lost']} references to None lost", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found["day"] = replay(Path(folder), options.records)
    with tempfile.TemporaryDirectory() as folder:
        held = train_in_a_row(Path(folder), options.runs)
    found["runs"] = [asdict(each) for each in held]
    found["growth_a_run"] = growth(held)
    for name, (slope, first, last) in found["growth_a_run"].items():
        print(f"{name}: {first:.1f} after the warm-up, {last:.1f} at the end, {slope:+.4f} a run", flush=True)
    if options.save:
        options.save.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        draw(held, options.save.with_suffix(".png"))


def train_in_a_row(workspace: Path, runs: int) -> list[Held]:
    """Return the resources after each of ``runs`` experiments of one run."""
    trainer = ProcessExecutor(1, workspace / "logs", low_priority=True)
    window = opened(workspace, trainer)
    tab = window.findChild(ExperimentTab, "tab_architectures")
    tab.form.show_spec(tab.experiment.preset("quick", architectures=["mlp_1"], repeats=1, epochs=2))
    held = []
    ended = QEventLoop()
    window.training_ended.connect(ended.quit)
    for number in range(1, runs + 1):
        tab.start()
        ended.exec()
        gc.collect()
        child = trainer._children[0]._process.pid
        held.append(holding(psutil.Process(child)))
        if number % 20 == 0:
            print(f"after {number} runs: {held[-1]}", flush=True)
    window.close()
    return held


def growth(held: Sequence[Held]) -> dict[str, tuple[float, float, float]]:
    """Return, for each resource, the slope per run of a line fitted after the warm-up, and its first and last value."""
    warm = held[round(WARM * len(held)) :]
    numbers = np.arange(len(warm))
    table = {name: [asdict(each)[name] for each in warm] for name in asdict(held[0])}
    return {name: (float(np.polyfit(numbers, v, 1)[0]), v[0], v[-1]) for name, v in table.items()}


def replay(workspace: Path, records: int) -> dict[str, Any]:
    """Pass two runs of ``records`` records in total to the window: memory, and lateness in each quarter."""
    telling = SyntheticExecutor(records // 2)
    window = opened(workspace, telling)
    tab = window.findChild(ExperimentTab, "tab_architectures")
    tab.form.show_spec(tab.experiment.preset("course", architectures=["cnn_4"], repeats=2))
    lateness: list[list[float]] = [[] for _ in range(4)]
    memory = [holding().window_memory]
    sent = 0

    def note(late: float) -> None:
        lateness[min(3, 4 * sent // records)].append(late)

    def take(event: Event) -> None:
        nonlocal sent
        if isinstance(event, Record):
            sent += 1
            if sent % AT_ONCE == 0:
                telling.drawn.release()
            if sent % (records // 4) == 0:
                memory.append(holding().window_memory)

    timer = LatenessTimer(note, window)
    window.trained.connect(take)
    ended = QEventLoop()
    window.training_ended.connect(ended.quit)
    begin = time.perf_counter()
    tab.start()
    timer.begin()
    ended.exec()
    timer.stop()
    seconds = time.perf_counter() - begin
    window.close()
    quarters = [[float(np.percentile(part, p)) for p in (50, 99, 100)] for part in lateness]
    for number, ((p50, p99, worst), size) in enumerate(zip(quarters, memory[1:], strict=False), start=1):
        print(
            f"a day's records, quarter {number}: lateness p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms; "
            f"memory {size:.0f} MiB",
            flush=True,
        )
    a_record = (memory[-1] - memory[0]) * MEBI / sent
    print(f"{sent:,} records in {seconds:.0f} s, {a_record:.0f} bytes each", flush=True)
    return {"records": sent, "seconds": seconds, "lateness": quarters, "memory": memory, "bytes_a_record": a_record}


class SyntheticExecutor:
    """An executor that emits synthetic records, no faster than the window receives them."""

    def __init__(self, records: int) -> None:
        self._records = records
        self.drawn = threading.Semaphore(2)

    def start(self, runs: int, threads: int | None = None) -> int:
        return 2

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        return Allocation(2, 1)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        for task in tasks:
            if isinstance(task, PrepareTask):
                emit(DatasetReady(INFO))
            elif isinstance(task, TrainTask):
                self._emit_records(task, emit)

    def _emit_records(self, task: TrainTask, emit: Emit) -> None:
        generator = np.random.default_rng(task.run)
        emit(RunStarted(task.run, started().device, {}, ("conv_1", "conv_2", "conv_3", "prediction"), 26))
        for number in range(1, self._records + 1):
            loss, accuracy = generator.lognormal(-1, 0.3), generator.beta(8, 2)
            values = {"training_loss": loss, "validation_loss": loss, "validation_accuracy": accuracy}
            norms = tuple(generator.lognormal(0, 0.5, 4).tolist())
            emit(
                record(
                    task.run, 10 * number, seconds=0.35 * number, gradient_norms=norms, update_ratios=norms, **values
                )
            )
            if number % AT_ONCE == 0:
                self.drawn.acquire()
        emit(finished(task.run))

    def close(self) -> None:
        """Nothing to end."""


def repaint() -> int:
    """Return the references to None lost by repaints of a plot."""
    plot = CurvePlot("training_loss", "Training loss", "loss (nats)", (Series("training_loss"),))
    observations = observed(started(), record())
    plot.begin(observations)
    plot.refresh(observations)
    plot.show()
    plot.grab()
    lost = lost_references(plot, REPAINTS)
    plot.close()
    return max(0, lost)


def opened(workspace: Path, trainer: Any) -> MainWindow:
    """Open a window whose experiments run on ``trainer``."""
    others = [
        ProcessExecutor(1, workspace / "logs" / name, low_priority=True) for name in ("assistant", "prober", "other")
    ]
    window = MainWindow(workspace, trainer, *others)
    window.show()
    tabs: QTabWidget = window.findChild(QTabWidget, "tabs")
    tabs.setCurrentWidget(window.findChild(ExperimentTab, "tab_architectures"))
    return window


def holding(child: psutil.Process | None = None) -> Held:
    """Return the current resources of this process and ``child``."""
    own = psutil.Process()
    of_child: tuple[float, int, int] = (0.0, 0, 0)
    if child is not None:
        of_child = (child.memory_info().rss / MEBI, child.num_fds(), child.num_threads())
    memory, files, threads = own.memory_info().rss / MEBI, own.num_fds(), own.num_threads()
    return Held(memory, of_child[0], files, of_child[1], threads, of_child[2])


def draw(held: Sequence[Held], file: Path) -> None:
    """Plot memory over the runs."""
    from matplotlib.figure import Figure

    figure = Figure((7, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([each.window_memory for each in held], label="window")
    axes.plot([each.child_memory for each in held], label="training process")
    axes.set(xlabel="runs in a row", ylabel="memory (MiB)", ylim=(0, None))
    axes.legend()
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()
