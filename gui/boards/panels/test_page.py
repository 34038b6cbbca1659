"""Results on the test set: the confusion matrix and the misclassified images of highest confidence."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.analysis.confusion import complete_names, most_frequent
from engine.analysis.statistics import best_run
from engine.events.runs import RunFinished
from engine.utils.arrays import Array
from gui.boards.panels.confusion_matrix import ConfusionMatrix
from gui.boards.panels.mistake_grid import MistakeGrid
from gui.boards.panels.run_chooser import RunChooser
from gui.observations.experiment import Observations
from gui.observations.run import RunObservation
from gui.observations.summary import scores_sentence
from gui.widgets.factories import splitter
from gui.widgets.placeholder import Placeholder

MAX_CONFUSIONS = 6  # listed as text
SCORES_TIP = (
    "As scikit-learn computes them. Recall: share of a class's images that were recognised; precision: share of the "
    "images taken for it that are of it; F1: their harmonic mean; balanced accuracy: mean recall of the classes tested"
)
HINT = "Once a run is tested, this page shows which classes it confuses and the wrong images it was surest of."


class TestPage(QWidget):
    """Test results of the chosen run, or of the best tested one."""

    __test__ = False  # not a test class of pytest

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("tested_page")
        self.chooser = RunChooser("tested", "Best run", "Which run's test is shown, or that of the best so far")
        self._percent = QCheckBox("&Percent")
        self._percent.setObjectName("confusion_percent")
        self._percent.setToolTip("Percent of the true class' test images instead of how many they are")
        self._summary, self._confusions, self._none_wrong = QLabel(), QLabel(), QLabel("No test image was wrong.")
        self._scores = QLabel()
        self._scores.setObjectName("test_scores")
        self._scores.setWordWrap(True)
        self._scores.setToolTip(SCORES_TIP)
        self._summary.setObjectName("tested_summary")
        self._confusions.setObjectName("confusions")
        self._confusions.setWordWrap(True)
        self._none_wrong.setObjectName("none_wrong")
        self._matrix, self._mistakes = ConfusionMatrix(), MistakeGrid()
        self._observations = Observations()
        self._shown: object = None
        self._arrange()
        self._percent.toggled.connect(self._matrix.use_percent)
        self.chooser.chosen.connect(lambda: self.refresh(self._observations))

    def begin(self, observations: Observations) -> None:
        """Offer the variants of a new plan."""
        self._observations, self._shown = observations, None
        self.chooser.begin(observations)
        self._show_hint(HINT)

    def refresh(self, observations: Observations) -> None:
        """Show the test results of the chosen run, unless already shown."""
        run, variant = self._chosen_run(), self.chooser.variant
        if run is None or variant is None or run.finished is None or run.finished.confusion is None:
            self._shown = None
            self._show_hint(self._hint(run))
        elif run is not self._shown:
            self._shown = run
            self._show(run, run.finished, run.finished.confusion, variant.class_names)

    def show_variant(self, name: str, visible: bool) -> None:
        """Do nothing: the page shows the chosen variant, whether or not it is hidden elsewhere."""

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Update the matrix, whose colours are blended with the background."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._matrix.use_percent(self._percent.isChecked())

    def _chosen_run(self) -> RunObservation | None:
        variant = self.chooser.variant
        if self.chooser.run is not None or variant is None:
            return self.chooser.run
        return best_run(variant.counted_runs)

    def _hint(self, run: RunObservation | None) -> str:
        variant = self.chooser.variant
        if variant is None:
            return HINT
        if run is not None and run.status.is_final:
            return f"Run {run.planned.spec.repeat} of {variant.name} was not tested ({run.status.value})."
        which = f"run {run.planned.spec.repeat}" if run is not None else "any run"
        if all(each.status.is_final for each in variant.runs):
            return f"No run of {variant.name} was tested."
        return f"{HINT}\n\n{variant.name} has not been tested yet in {which}."

    def _show_hint(self, why: str) -> None:
        self._summary.setText("")
        self._percent.setEnabled(False)
        self._content.set_hint(why)
        self._content.show_content(False)

    def _show(self, run: RunObservation, finished: RunFinished, confusion: Array, names: tuple[str, ...]) -> None:
        names = complete_names(names, len(confusion))
        self._matrix.show_confusion(confusion, names)
        right, total = int(confusion.trace()), int(confusion.sum())
        self._summary.setText(
            f"run {run.planned.spec.repeat}: {right:,} of {total:,} right, {100 * right / total:.2f} %"
        )
        self._scores.setText(scores_sentence(confusion, self.chooser.variant.info if self.chooser.variant else None))
        found = most_frequent(confusion, names, MAX_CONFUSIONS)
        lines = [escape(each.text) for each in found] or ["None: every test image was recognised."]
        self._confusions.setText("<b>Most frequent confusions</b><br>" + "<br>".join(lines))
        self._mistakes.show_mistakes(finished.mistakes, names)
        unknown = "Images are not logged." if run.planned.is_logged else "The images were not kept with this older run."
        none = "No test image was wrong." if right == total else unknown
        self._none_wrong.setText(none)
        self._none_wrong.setVisible(not finished.mistakes)
        self._mistakes.setVisible(bool(finished.mistakes))
        self._percent.setEnabled(True)
        self._content.show_content(True)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.chooser)
        top.addWidget(self._summary)
        top.addStretch(1)
        top.addWidget(self._percent)
        split = splitter(
            "tested_views", (self._left(), 3, 540), (self._right(), 2, 360), orientation=Qt.Orientation.Horizontal
        )
        self._content = Placeholder(HINT, split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._content, 1)

    def _left(self) -> QWidget:
        caption = QLabel(
            "A row a true class, a column a predicted one. Blue: right; orange: wrong; the fuller, the more often."
        )
        caption.setObjectName("caption")
        caption.setWordWrap(True)
        return _column(self._matrix, caption)

    def _right(self) -> QWidget:
        title = QLabel("<b>Wrong, and surest of it</b>")
        title.setToolTip("Test images, as the network saw them: what they are, what they were taken for, how surely")
        return _column(self._scores, self._confusions, title, self._none_wrong, self._mistakes)


def _column(*widgets: QWidget) -> QWidget:
    """Stack widgets vertically; all but labels stretch."""
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    layout.addStretch(0)  # takes the room only where no other widget that stretches is visible
    return column
