"""Automatic findings in the curves, as text."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy, QToolButton

from engine.analysis.diagnosis import Finding, GroupedFinding, diagnose, group_findings
from engine.events.datasets import DatasetInfo
from engine.utils.text import pluralise
from gui.observations.diagnosis import observed_curves
from gui.observations.experiment import Observations
from gui.observations.run import RunObservation
from gui.plots.curves.legend import line_swatch

TITLE = "What the curves say"
SWATCH = QSize(22, 10)
SWATCH_LINE = 3.0
MIN_HEIGHT = 24  # pixels of the list: less than one finding, which can then be scrolled to
ARROW_PADDING = 34  # pixels of the headline taken by its arrow and margins
# Factor by which the records must grow before a run is diagnosed again, so that the text does not change with each one.
RECORD_GROWTH = 1.05
# Runs diagnosed per pass; a stored experiment can have hundreds, and each takes a fraction of a millisecond.
RUNS_PER_PASS = 4

_Key = tuple[str, str | None]  # of an item: kind and variant of a finding, or a warning's sentence


@dataclass
class _RunDiagnosis:
    """The findings of ``run``, with its generation, its number of records and whether it had ended at that time."""

    run: RunObservation
    generation: int = 0
    records: int = 0
    is_final: bool = False
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_due(self) -> bool:
        grown = len(self.run.steps) >= max(RECORD_GROWTH * self.records, self.records + 1)
        is_replaced = self.run.generation != self.generation and len(self.run.steps) > 0
        return grown or is_replaced or self.run.status.is_final is not self.is_final

    def update(self, info: DatasetInfo | None) -> None:
        self.generation = self.run.generation
        self.records, self.is_final = len(self.run.steps), self.run.status.is_final
        self.findings = diagnose(observed_curves(self.run), info, {finding.kind for finding in self.findings})


class FindingsToggle(QToolButton):
    """A headline with the most severe finding; when checked, it expands ``list`` with all of them, if any.

    Emits ``highlighted(variant)`` when the user selects a finding, and ``highlighted(None)`` when the list is collapsed
    or the finding disappears. The warnings of the data set come last in the list.
    """

    highlighted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("findings_toggle")
        self.setToolTip("Findings in the curves of this experiment: press to unfold all of them, and what to try")
        self.setCheckable(True)
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setArrowType(Qt.ArrowType.RightArrow)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.list = FindingList(TITLE)
        self._observations = Observations()
        self._diagnoses: dict[int, _RunDiagnosis] = {}
        self._queue: deque[int] = deque()
        self._shown: list[GroupedFinding] = []
        self._warnings: tuple[str, ...] = ()
        self._headline = ""
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._diagnose_some)
        self.toggled.connect(lambda _on: self._expand())
        self.list.itemClicked.connect(self._highlight)
        self.list.itemActivated.connect(self._highlight)
        self._show([])

    def begin(self, observations: Observations) -> None:
        """Clear the findings of the previous plan; if the plan only grew, those of its runs are kept."""
        self._observations = observations
        self._warnings = observations.info.warnings if observations.info else ()
        kept = {
            number: diagnosis
            for number, diagnosis in self._diagnoses.items()
            if observations.runs.get(number) is diagnosis.run
        }
        self._diagnoses = {number: kept.get(number, _RunDiagnosis(run)) for number, run in observations.runs.items()}
        self._queue.clear()
        self._show_grouped()

    def refresh(self, observations: Observations) -> None:
        """Diagnose the runs with enough new records."""
        queued = set(self._queue)
        for number, diagnosis in self._diagnoses.items():
            # A probe's rate is raised until it diverges, or it is abandoned on a plateau: findings are expected.
            if number not in queued and not diagnosis.run.planned.spec.probe and diagnosis.is_due:
                self._queue.append(number)
        self._diagnose_some()

    @property
    def shown(self) -> list[GroupedFinding]:
        """The findings in the list, most severe first."""
        return self._shown

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the height of the text; the width is what is left in the row."""
        return QSize(ARROW_PADDING, self.fontMetrics().height() + 10)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the size hint, as the text is elided."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Elide the headline to the new width."""
        super().resizeEvent(event)
        self._elide()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Elide the headline again for another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._elide()

    def _diagnose_some(self) -> None:
        before = [diagnosis.findings for diagnosis in self._diagnoses.values()]
        for _ in range(min(RUNS_PER_PASS, len(self._queue))):
            diagnosis = self._diagnoses[self._queue.popleft()]
            diagnosis.update(self._observations.variants[diagnosis.run.planned.spec.variant].info)
        if before != [diagnosis.findings for diagnosis in self._diagnoses.values()]:
            self._show_grouped()
        if not self._queue:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()

    def _show_grouped(self) -> None:
        self._show(group_findings(finding for diagnosis in self._diagnoses.values() for finding in diagnosis.findings))

    def _show(self, found: list[GroupedFinding]) -> None:
        self._shown = found
        count = f" ({len(found)})" if found else ""
        self._headline = f"{TITLE}{count}: {found[0].text if found else 'nothing alarming so far'}{self._warning_note}"
        self.setAccessibleName(self._headline)
        self._elide()
        self._fill()
        self._expand()

    @property
    def _warning_note(self) -> str:
        if not self._warnings:
            return ""
        return f" · data set: {pluralise(len(self._warnings), 'warning')}"

    def _fill(self) -> None:
        chosen, scrolled = self._key(self.list.currentItem()), self.list.verticalScrollBar().value()
        with QSignalBlocker(self.list):
            self.list.clear()
            for each in self._shown:
                item = QListWidgetItem(self._swatch(each.finding.variant), f"{each.text}\n{each.finding.advice}")
                runs = f"{pluralise(len(each.repeats), 'run')}: {', '.join(str(repeat) for repeat in each.repeats)}"
                item.setToolTip(f"{each.finding.kind.value.capitalize()}; {runs}")
                self._add(item, (each.finding.kind, each.finding.variant), chosen)
            for sentence in self._warnings:
                self._add(QListWidgetItem(f"Data set: {sentence}"), (sentence, None), chosen)
        self.list.fit()
        self.list.verticalScrollBar().setValue(scrolled)
        if chosen is not None and self.list.currentItem() is None:
            self.highlighted.emit(None)

    def _add(self, item: QListWidgetItem, key: _Key, chosen: _Key | None) -> None:
        item.setData(Qt.ItemDataRole.UserRole, key)
        self.list.addItem(item)
        if key == chosen:
            self.list.setCurrentItem(item)

    @staticmethod
    def _key(item: QListWidgetItem | None) -> _Key | None:
        return None if item is None else tuple(item.data(Qt.ItemDataRole.UserRole))

    def _highlight(self, item: QListWidgetItem) -> None:
        self.highlighted.emit(item.data(Qt.ItemDataRole.UserRole)[1])

    def _expand(self) -> None:
        """Show the list if it is wanted and not empty."""
        has_items = bool(self._shown or self._warnings)
        expanded = self.isChecked() and has_items
        self.setEnabled(has_items)
        self.setArrowType(Qt.ArrowType.DownArrow if expanded else Qt.ArrowType.RightArrow)
        self.list.setVisible(expanded)
        if not expanded and self.list.currentItem() is not None:
            self.list.setCurrentRow(-1)
            self.highlighted.emit(None)

    def _elide(self) -> None:
        room = self.width() - ARROW_PADDING
        self.setText(self.fontMetrics().elidedText(self._headline, Qt.TextElideMode.ElideRight, max(room, 0)))

    def _swatch(self, variant: str) -> QIcon:
        """Return an icon with the variant's line style."""
        return QIcon(line_swatch(self._observations.variants[variant].style, SWATCH, SWATCH_LINE))


class FindingList(QListWidget):
    """A list without a preferred size: it takes its share of the layout, up to the height of its items."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("findings")
        self.setAccessibleName(name)
        self.setWordWrap(True)
        self.setSpacing(1)
        self.setIconSize(SWATCH)
        self.setMinimumHeight(MIN_HEIGHT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the minimum height, as the layout's stretch decides."""
        return QSize(0, MIN_HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fit the height, as another width wraps the text differently."""
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Limit the height to that of all items."""
        self.doItemsLayout()
        last = self.visualItemRect(self.item(self.count() - 1))  # an empty rectangle if there is none
        needed = last.bottom() + 1 + self.verticalScrollBar().value() + self.spacing() + 2 * self.frameWidth()
        self.setMaximumHeight(max(needed, MIN_HEIGHT))
