"""One million records in one experiment: time until the board has drawn them, and frame times of panning and zooming.

Compared with bare pyqtgraph PlotWidgets, one per plot, with the same curves and pyqtgraph's downsampling.

Two experiments: one run of 1,000,000 records, and one variant of 50 runs of 20,000. A frame is a change of the
horizontal range of all four plots together with their painting. Needs a display, or QT_QPA_PLATFORM=offscreen, which
paints as well.

Usage: python -m benchmarks.million_records [frames]
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication, QGridLayout, QWidget

from engine.analysis.smoothing import preload
from engine.events.datasets import DatasetInfo
from engine.events.experiments import ExperimentStarted
from engine.events.runs import PlannedRun
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from gui.boards.architectures import architectures_board
from gui.boards.training_board import TrainingBoard
from gui.observations.experiment import Observations
from gui.observations.run import QUANTITIES
from gui.plots.curves.curve_plot import CurvePlot
from gui.plots.curves.options import CurveOptions, Repeats
from gui.utils.theme import Scheme, apply_scheme, apply_style

SIZE = (930, 720)  # the board in a window of 1280x800
EVERY = 10  # steps per record
OPTIONS = {
    "mean and band": CurveOptions(),
    "smoothed 0.9": CurveOptions(smoothing=0.9),
    "single runs": CurveOptions(repeats=Repeats.RUNS),
}


def main(frames: int) -> None:
    app = QApplication(sys.argv[:1])
    apply_style(app)
    apply_scheme(app, Scheme.LIGHT)
    preload()  # as the window does before the slider moves
    for runs, records in ((1, 1_000_000), (50, 20_000)):
        observations = experiment(runs, records)
        bare = measure_bare(observations, frames)
        print(f"{runs} x {records:,} records; bare PlotWidgets: {said(bare)}", flush=True)
        for name, options in OPTIONS.items():
            ours = measure_board(observations, options, frames)
            print(
                f"  board, {name}: {said(ours)}; first frame {bare[0] / ours[0]:.1f}, p50 "
                f"{np.median(bare[1]) / np.median(ours[1]):.1f} times as fast",
                flush=True,
            )
        growth = measure_growth(observations, frames)
        print(f"  a further record taken and drawn: {spread(growth)}", flush=True)


def experiment(runs: int, records: int) -> Observations:
    spec = ARCHITECTURES_EXPERIMENT.preset("course", architectures=["mlp_1"], repeats=runs)
    planned = [
        PlannedRun(number, run, 33_130, EVERY * records)
        for number, run in enumerate(ARCHITECTURES_EXPERIMENT.plan(spec), start=1)
    ]
    observations = Observations()
    info = DatasetInfo("noise", "Noise", tuple("abcdefghij"), (32, 32, 1), records, 0, 0, "")
    observations.take(ExperimentStarted(1, "architectures", info, tuple(planned), workers=1))
    generator = np.random.default_rng(0)
    for number, run in observations.runs.items():
        run.steps = array("d", (EVERY * np.arange(1.0, records + 1)).tobytes())
        for name in QUANTITIES:
            decay = 2.3 * np.exp(-4 * np.arange(records) / records)
            run.curves[name] = array("d", (decay * generator.lognormal(0, 0.2, records)).tobytes())
        run.curves["seconds"] = array("d", (0.01 * np.arange(1.0, records + 1) * (1 + 0.01 * number)).tobytes())
        observations._changed(number)
    return observations


def measure_board(observations: Observations, options: CurveOptions, frames: int) -> tuple[float, list[float]]:
    for variant in observations.variants.values():
        variant._statistics.clear()
    board = architectures_board()
    board._link.use(options)
    board.resize(*SIZE)
    board.show()
    QApplication.processEvents()
    first = timed(lambda: open_board(board, observations))
    plot = next(plot for plot in board.plots if isinstance(plot, CurvePlot))
    taken = [timed(lambda span=span: zoom(plot, *span)) for span in spans(observations, frames)]
    board.close()
    board.deleteLater()
    return first, taken


def open_board(board: TrainingBoard, observations: Observations) -> None:
    for view in board.views():
        view.begin(observations)
    for view in board.views():
        view.refresh(observations)
    QApplication.processEvents()


def zoom(plot: pg.PlotWidget, low: float, high: float) -> None:
    plot.setXRange(low, high, padding=0)
    QApplication.processEvents()


def measure_growth(observations: Observations, frames: int) -> list[float]:
    board = architectures_board()
    board.resize(*SIZE)
    board.show()
    open_board(board, observations)
    number, run = next(iter(observations.runs.items()))

    def grow() -> None:
        run.steps.append(run.steps[-1] + EVERY)
        for curve in run.curves.values():
            curve.append(curve[-1])
        observations._changed(number)
        for plot in board.plots:
            plot.refresh(observations)
        QApplication.processEvents()

    taken = [timed(grow) for _ in range(frames)]
    board.close()
    board.deleteLater()
    return taken


def measure_bare(observations: Observations, frames: int) -> tuple[float, list[float]]:
    """Measure the curves of the same three plots in PlotWidgets, configured as pyqtgraph recommends for long curves."""
    widget = QWidget()
    grid = QGridLayout(widget)
    plots = [pg.PlotWidget() for _ in range(3)]
    for place, plot in enumerate(plots):
        plot.setDownsampling(auto=True, mode="peak")
        plot.setClipToView(True)
        plot.setXLink(plots[0])
        grid.addWidget(plot, *divmod(place, 2))
    widget.resize(SIZE[0], 400)
    widget.show()
    QApplication.processEvents()

    def draw() -> None:
        for plot, names in zip(
            plots, (("training_loss",), ("validation_accuracy", "training_accuracy"), ("gradient_norm",)), strict=True
        ):
            for run in observations.runs.values():
                for name in names:
                    plot.plot(np.array(run.steps), np.array(run.curves[name]), pen=pg.mkPen("#0072B2", width=1))
        QApplication.processEvents()

    first = timed(draw)
    taken = [timed(lambda span=span: zoom(plots[0], *span)) for span in spans(observations, frames)]
    widget.close()
    widget.deleteLater()
    return first, taken


def spans(observations: Observations, frames: int) -> list[tuple[float, float]]:
    """Yield ranges: zoom in to a thousandth, pan there and at a third, zoom out."""
    whole = observations.runs[1].steps[-1]
    quarter = frames // 4
    widths = np.geomspace(1, 1e-3, quarter)
    centres = np.linspace(0.3, 0.7, quarter)
    plan = [(0.5, width) for width in widths] + [(centre, 1e-3) for centre in centres]
    plan += [(centre, 1 / 3) for centre in centres] + [(0.5, width) for width in widths[::-1]]
    return [(whole * (centre - width / 2), whole * (centre + width / 2)) for centre, width in plan]


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin)


def said(measured: tuple[float, list[float]]) -> str:
    return f"first frame {measured[0]:.0f} ms; pan and zoom {spread(measured[1])}"


def spread(taken: Sequence[float]) -> str:
    p50, p99 = np.percentile(taken, [50, 99])
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {max(taken):.1f} ms"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
