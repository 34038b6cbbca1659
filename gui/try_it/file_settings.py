"""How images are prepared for the network of a file, and what its classes are called."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from engine.config.fields import describe
from engine.config.specs import DataSpec
from engine.events.inference import NetworkOpened, PickedTestImages
from gui.try_it.candidate import OF_A_DATASET, Candidate, assumptions
from gui.widgets.factories import shrinkable_combo_box


class FileSettings(QWidget):
    """Normalisation and classes of a network's file; emits ``changed()`` when the user changes them.

    The page says what is known from the file and what is only assumed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("file_settings")
        self._opened: NetworkOpened | None = None
        self._class_names: tuple[str, ...] = ()  # those of the chosen data set, once known
        self._normalization = shrinkable_combo_box(
            "file_normalization", "Normalisation", "How the images were normalised that the network was trained on"
        )
        self._classes = shrinkable_combo_box(
            "file_classes", "Classes", "What the outputs stand for; those of a data set come with its test images"
        )
        self._note = QLabel()
        self._note.setObjectName("file_assumptions")
        self._note.setWordWrap(True)
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(4)
        rows.addRow("Normalisation", self._normalization)
        rows.addRow("Classes", self._classes)
        rows.addRow(self._note)
        self._offer_normalizations()
        for box in (self._normalization, self._classes):
            box.currentIndexChanged.connect(lambda _index: self._choose())

    @property
    def candidate(self) -> Candidate | None:
        """The network as it is to be tried; None without a file."""
        if self._opened is None:
            return None
        return Candidate.of_file(
            self._opened, self._normalization.currentData(), self._classes.currentData(), self._class_names
        )

    def show_file(self, opened: NetworkOpened, datasets: Sequence[str]) -> None:
        """Show what is known of a file, and offer the classes of ``datasets``."""
        self._opened, self._class_names = opened, ()
        is_fixed = opened.normalization not in (None, OF_A_DATASET)
        with QSignalBlocker(self._normalization), QSignalBlocker(self._classes):
            _select(self._normalization, opened.normalization if is_fixed else "half")
            self._classes.clear()
            own = len(opened.class_names) == opened.classes
            self._classes.addItem("as the file names them" if own else "numbered", None)
            for dataset in datasets:
                self._classes.addItem(f"those of {dataset}", dataset)
        self._describe()

    def take_classes(self, picked: PickedTestImages) -> str:
        """Use the classes of the data set of ``picked``; return a sentence if they are not those of the network."""
        opened, title = self._opened, picked.data.dataset
        if opened is None:
            return ""
        if len(picked.class_names) != opened.classes:
            self.drop_dataset()
            return (
                f"{opened.file.name} tells {opened.classes} classes apart, and {title} has {len(picked.class_names)}; "
                "choose another data set."
            )
        if opened.shape[2] > picked.images.shape[3]:
            self.drop_dataset()
            return f"{opened.file.name} takes images in colour, and those of {title} are gray; choose another data set."
        self._class_names = picked.class_names
        self._describe()
        return ""

    def drop_dataset(self) -> None:
        """Choose no data set."""
        self._classes.setCurrentIndex(0)

    def _choose(self) -> None:
        self._class_names = ()
        self._describe()
        self.changed.emit()

    def _describe(self) -> None:
        candidate = self.candidate
        if self._opened is not None and candidate is not None:
            left_out = [f"Left out, as only training needs it: {', '.join(self._opened.left_out)}."]
            sentences = [*assumptions(self._opened, candidate), *(left_out if self._opened.left_out else [])]
            self._note.setText(" ".join(sentences))

    def _offer_normalizations(self) -> None:
        (item,) = (each for each in describe(DataSpec) if each.key == "normalization")
        for choice in item.choices:
            self._normalization.addItem(item.choice_labels.get(choice, choice), choice)


def _select(box: QComboBox, value: object) -> None:
    box.setCurrentIndex(max(0, box.findData(value)))
