"""Connection of the data sets page, the data set choosers of the forms, and the sample images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import QObject, Qt, Signal

from engine.config.specs import DataSpec
from engine.events.commands import Control
from engine.events.datasets import SamplesReady
from engine.events.tasks import Event, Progress, TaskFailed
from engine.executors.tasks import SampleTask
from gui.background.engine_thread import EngineThread
from gui.datasets.detail import SAMPLES as DETAIL_SAMPLES
from gui.datasets.tab import DatasetsTab
from gui.experiment.experiment_tab import ExperimentTab
from gui.forms.dataset_chooser import LEAVE_OUT, DatasetChooser
from gui.forms.form import Form


class SampleView(Protocol):
    """A view of sample images of a data set."""

    @property
    def has_samples(self) -> bool:
        """Whether images are shown."""

    def show_busy(self, text: str) -> None:
        """Show the progress of fetching the images."""

    def show_samples(self, samples: SamplesReady) -> None:
        """Show images."""


class DatasetController(QObject):
    """Passes requests and answers between the page, the forms and two executors.

    Emits ``remedy_offered(sentence, text, act)`` for a failure that ``act`` helps against.

    Args:
        page: the data sets page.
        tabs: the experiment tabs, whose forms may have a data set chooser; each is added once it is built.
        assistant: fetches sample images.
        librarian: downloads, verifies and removes data sets.
    """

    remedy_offered = Signal(str, str, object)

    def __init__(
        self, page: DatasetsTab, tabs: Sequence[ExperimentTab], assistant: EngineThread, librarian: EngineThread
    ) -> None:
        super().__init__(page)
        self._page, self._tabs, self._assistant = page, tabs, assistant
        self._sampled: SampleView | None = None  # the view that requested sample images last
        self._requested = SampleTask(DataSpec(), 0)
        page.samples_requested.connect(lambda data: self.fetch_samples(page.detail, SampleTask(data, DETAIL_SAMPLES)))
        page.remedy_offered.connect(self.remedy_offered)
        page.use_requested.connect(self._use)
        page.added.connect(self._offer)
        page.task_requested.connect(librarian.run_task)
        page.control_requested.connect(librarian.send)
        assistant.happened.connect(self._take, Qt.ConnectionType.QueuedConnection)
        librarian.happened.connect(page.take, Qt.ConnectionType.QueuedConnection)
        librarian.idle.connect(page.idle, Qt.ConnectionType.QueuedConnection)

    def add(self, tab: ExperimentTab) -> None:
        """Offer the user's own data sets in the form of ``tab``, and follow its choice."""
        if (chooser := tab.form.dataset_chooser) is not None:
            chooser.chosen.connect(self._keep)
            self._offer_in(chooser)

    def fetch_samples(self, view: SampleView | None, task: SampleTask) -> None:
        """Fetch sample images for ``view``, cancelling any earlier request."""
        self._sampled, self._requested = view, task
        self._assistant.send(Control.CANCEL)
        self._assistant.run_task(task)

    def _take(self, event: Event) -> None:
        """Show the answer to the request for sample images."""
        if isinstance(event, SamplesReady):
            self._page.remember(event.dataset)
        if self._sampled is None:
            return
        match event:
            case SamplesReady():
                self._sampled.show_samples(event)
                self._page.refresh()  # a folder's image and class counts are known after decoding
            case Progress(message, done, total):
                self._say(f"{message} ({done / total:.0%})" if total else message)
            case TaskFailed(reason, cancelled=False, broken_images=broken):
                self._say("Not loaded.")
                if broken:
                    self._offer_to_leave_out(reason)

    def _offer_to_leave_out(self, reason: str) -> None:
        """Offer to fetch the samples requested last without the images that can't be read."""
        view, task, data = self._sampled, self._requested, self._requested.data
        if data.skip_broken_images:
            self._page.failed.emit(reason)
            return

        def fetch() -> None:
            if isinstance(view, DatasetChooser):
                self._forms()[view].skip_broken_images(data.dataset)  # which has its tab fetch the samples
            else:
                self._page.skip_broken_images(data.dataset)
                self.fetch_samples(view, replace(task, data=data.replace(skip_broken_images=True)))

        self.remedy_offered.emit(reason, LEAVE_OUT, fetch)

    def _say(self, text: str) -> None:
        if self._sampled is not None and not self._sampled.has_samples:
            self._sampled.show_busy(text)

    def _use(self, dataset: str) -> None:
        for chooser, form in self._forms().items():
            chooser.use(dataset)
            if self._page.skips_broken_images(dataset):
                form.skip_broken_images(dataset)

    def _keep(self, dataset: str) -> None:
        """Show a data set of the user's own on the page, and offer it in all forms."""
        self._page.show_own(dataset)
        self._offer()

    def _offer(self, _added: str = "") -> None:
        for chooser in self._forms():
            self._offer_in(chooser)

    def _offer_in(self, chooser: DatasetChooser) -> None:
        for path in self._page.own_datasets():
            chooser.offer(str(path))

    def _forms(self) -> dict[DatasetChooser, Form]:
        """Return the forms with a chooser, by chooser."""
        return {chooser: tab.form for tab in self._tabs if (chooser := tab.form.dataset_chooser) is not None}
