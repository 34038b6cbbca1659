"""Run in an extended copy of the program: writes the PDF report of its first experiment and opens its tab in a window.

Arguments: the workspace, the file of the report, the experiment, the data set. Prints the findings as JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication, QComboBox, QTabWidget

import engine
from engine.experiments import COURSE_EXPERIMENTS
from engine.exports.report import write_report
from engine.storage.store import Store
from gui.experiment.experiment_tab import ExperimentTab
from gui.plots.curves.curve_plot import CurvePlot
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor
from tests.gui.support import Assistant, find


def main(workspace: Path, report: Path, experiment: str, dataset: str) -> dict[str, object]:
    """Return the folder of the program, and what its window shows of the experiment."""
    with closing(Store(workspace)) as store:
        write_report(store, [1], report)
    app = QApplication([])
    window = MainWindow(workspace, ScriptedExecutor(), *(Assistant() for _ in range(3)))
    window.show()
    tab = find(window, ExperimentTab, f"tab_{experiment}")
    tabs = find(window, QTabWidget, "tabs")
    tabs.setCurrentWidget(tab)
    tab.prepare()
    app.processEvents()
    found = {
        "program": str(Path(engine.__file__).parents[1]),
        "tab": tabs.tabText(tabs.indexOf(tab)),
        "curves": [plot.objectName() for plot in tab.board.findChildren(CurvePlot)],
        "offers_dataset": find(tab, QComboBox, "dataset").findData(dataset) >= 0,
        "is_of_course": experiment in COURSE_EXPERIMENTS,
    }
    window.close()
    while any(thread.isRunning() for thread in window.findChildren(QThread)):
        app.processEvents()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])))
