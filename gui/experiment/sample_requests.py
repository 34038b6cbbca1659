"""Requests for sample images of the data set chosen in a form."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from engine.config.augmentation import AugmentationSpec
from engine.config.specs import DataSpec, ExperimentSpec, RepeatSpec
from engine.executors.tasks import AugmentedSampleTask, SampleTask
from engine.utils.errors import SpecError
from gui.forms.dataset_chooser import SAMPLES
from gui.forms.form import Form

DELAY_MS = 250  # after the last change of the form: long enough to type a number


class SampleRequests(QTimer):
    """Emits ``requested(task)`` a moment after it was started, if ``form`` has a data set and ``page`` is visible.

    Images are requested again when their augmentation is changed, and those that could not be loaded once it is changed
    whether broken ones are left out.
    """

    requested = Signal(object)

    def __init__(self, form: Form, page: QWidget) -> None:
        super().__init__(page, interval=DELAY_MS, singleShot=True)
        self._chooser, self._form, self._page = form.dataset_chooser, form, page
        self._requested: SampleTask | None = None  # requested last
        self.timeout.connect(self._request)
        if self._chooser is not None:
            self._chooser.chosen.connect(lambda _dataset: self.start())
            form.changed.connect(self._retry)

    def start_if_missing(self) -> None:
        """Start unless images are shown."""
        if self._chooser is not None and not self._chooser.has_samples:
            self.start()

    def _request(self) -> None:
        if self._chooser is None or not self._page.isVisible():
            return
        try:
            spec = self._form.spec()
        except SpecError:
            return  # reported when Run is pressed
        self._requested = _task(spec)
        self._chooser.show_busy("Loading sample images …")
        self.requested.emit(self._requested)

    def _retry(self) -> None:
        if self._requested is None:
            return
        with suppress(SpecError):  # reported when Run is pressed
            task = _task(self._form.spec())
            if task != replace(self._requested, data=task.data):
                self.start()
            elif task.data.skip_broken_images != self._requested.data.skip_broken_images:
                self.start_if_missing()


def _task(spec: ExperimentSpec) -> SampleTask:
    data = spec.part(DataSpec)
    if isinstance(spec, AugmentationSpec) and spec.operations and isinstance(spec, RepeatSpec):
        return AugmentedSampleTask(data, SAMPLES, spec.part(AugmentationSpec), spec.seed)
    return SampleTask(data, SAMPLES)
