"""Choice of a variant and one of its runs."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from gui.observations.experiment import Observations
from gui.observations.run import RunObservation
from gui.observations.variant import VariantObservation


class RunChooser(QWidget):
    """Two lists: the variants, and the runs of the chosen one after an entry for all of them.

    Emits ``chosen()`` when the user or ``choose`` changed the choice.

    Args:
        name: prefix of the objectNames.
        all_runs: text of the entry for all runs.
        tip: tool tip of the list of runs.
    """

    chosen = Signal()

    def __init__(self, name: str, all_runs: str, tip: str) -> None:
        super().__init__()
        self._all_runs = all_runs
        self._observations = Observations()
        self._variants, self._runs = QComboBox(), QComboBox()
        self._variants.setObjectName(f"{name}_variant")
        self._runs.setObjectName(f"{name}_run")
        self._runs.setToolTip(tip)
        self._variants.setToolTip("Which variant is looked into")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        for text, box in (("V&ariant", self._variants), ("R&un", self._runs)):
            label = QLabel(text)
            label.setBuddy(box)
            box.setAccessibleName(text.replace("&", ""))
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            layout.addWidget(label)
            layout.addWidget(box)
        layout.addStretch(1)
        self._variants.currentIndexChanged.connect(self._variant_chosen)
        self._runs.currentIndexChanged.connect(lambda _index: self.chosen.emit())

    @property
    def variant(self) -> VariantObservation | None:
        """The chosen variant; None without a plan."""
        return self._observations.variants.get(self._variants.currentText())

    @property
    def run(self) -> RunObservation | None:
        """The chosen run; None for all of them."""
        number = self._runs.currentData()
        return None if number is None else self._observations.runs.get(number)

    def begin(self, observations: Observations) -> None:
        """Offer the variants of a plan; the choice is kept if the plan has the chosen variant."""
        self._observations = observations
        names = list(observations.variants)
        chosen, run = self._variants.currentText(), self._runs.currentIndex()
        self._fill(self._variants, [(name, name) for name in names])
        stays = chosen in names
        with QSignalBlocker(self._variants), QSignalBlocker(self._runs):
            self._variants.setCurrentIndex(names.index(chosen) if stays else 0)
            self._offer_runs()
            self._runs.setCurrentIndex(run if stays and 0 <= run < self._runs.count() else 0)

    def choose(self, variant: str) -> None:
        """Choose ``variant``, or the first one if there is none of that name."""
        self._variants.setCurrentIndex(max(self._variants.findText(variant), 0))

    def _variant_chosen(self, _index: int) -> None:
        self._offer_runs()
        self.chosen.emit()

    def _offer_runs(self) -> None:
        runs = self.variant.runs if self.variant else []
        entries = [(f"Run {run.planned.spec.repeat}", run.planned.run) for run in runs]
        self._fill(self._runs, [(self._all_runs, None), *entries])

    @staticmethod
    def _fill(box: QComboBox, entries: list[tuple[str, object]]) -> None:
        with QSignalBlocker(box):
            box.clear()
            for text, data in entries:
                box.addItem(text, data)
