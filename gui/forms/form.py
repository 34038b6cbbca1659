"""A form built from a spec's fields: one editor per field, its objectName the field's key.

Plain Qt widgets rather than a parameter tree: each editor is always visible, reachable by keyboard, known to screen
readers, and has an objectName that scripts can find.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QGroupBox, QLabel, QToolButton, QVBoxLayout, QWidget

from engine.config.fields import ADVANCED, RATE_AND_STOPPING, FieldDescription, FieldKind, describe
from engine.config.specs import ExperimentSpec
from engine.networks.comparison import AS_TRAINED
from gui.forms.architecture_editor import ArchitectureEditor, ArchitecturesEditor
from gui.forms.dataset_chooser import SKIP_BROKEN, DatasetChooser
from gui.forms.editors import EDITORS, Editor, field_tip, file_editor, ignore_wheel, set_names
from gui.forms.foldable_group import FoldableGroup

MODEL = "model"
GROUP_ORDER = ("Data", "Augmentation", "Network", "Training", ADVANCED, RATE_AND_STOPPING)
FOLDABLE = ("Augmentation", ADVANCED, RATE_AND_STOPPING)  # folded unless a value in it differs from its default


class Form(QWidget):
    """Editors for all fields of a spec class.

    Emits ``changed`` when the user changes a value, ``new_network_requested`` when they want to write a network, and
    ``trained_network_requested`` when they want to choose one trained in this workspace.
    """

    changed = Signal()
    new_network_requested = Signal()
    trained_network_requested = Signal()

    def __init__(self, spec: type[ExperimentSpec]) -> None:
        super().__init__()
        self.setObjectName("form")
        self._spec = spec
        self._editors: dict[str, Editor] = {}
        self._chooser: DatasetChooser | None = None
        self._model: str | None = None  # the file chosen last
        self._architectures: ArchitectureEditor | ArchitecturesEditor | None = None
        self._foldable: list[tuple[FoldableGroup, list[FieldDescription]]] = []
        self._conditional: list[tuple[FieldDescription, QFormLayout]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        by_group = sorted(describe(spec), key=lambda item: _group_rank(item.group))
        for group, items in groupby(by_group, key=lambda item: item.group):
            layout.addWidget(self._group(group, list(items)))
        layout.addStretch()
        self.changed.connect(self._show_applicable)
        self._show_applicable()

    @property
    def dataset_chooser(self) -> DatasetChooser | None:
        """The editor of the data set field, if the spec has one."""
        return self._chooser

    def spec(self) -> ExperimentSpec:
        """Build the spec from the editors; a field that is not shown, as it has no effect, has its default.

        Propagates ``SpecError`` if a value is invalid.
        """
        hidden = {item.key: item.default for item, _ in self._conditional if not self._applies(item)}
        return self._spec.build({key: editor.read() for key, editor in self._editors.items()} | hidden)

    def show_spec(self, spec: ExperimentSpec) -> None:
        """Show the values of ``spec`` without emitting ``changed``; fold the groups in which nothing was changed."""
        for group, _ in self._foldable:
            group.expand(False)
        self.show_values({key: getattr(spec, key) for key in self._editors})

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show the values of some fields, by key, without emitting ``changed``."""
        blocked = self.blockSignals(True)
        for key, value in values.items():
            self._editors[key].write(value)
        self._model = values.get(MODEL, self._model)
        self.blockSignals(blocked)
        self._show_applicable()
        for group, items in self._foldable:
            if any(item.key in values and values[item.key] != item.default for item in items):
                group.expand(True)

    def skip_broken_images(self, dataset: str) -> None:
        """Set that images which can't be read are left out, if ``dataset`` is the chosen one."""
        if self._chooser is not None and self._chooser.dataset == dataset:
            self.show_values({SKIP_BROKEN: True})
            self.changed.emit()

    def image_shape(self, stored: tuple[int, ...]) -> tuple[int, int, int]:
        """Return height, width and channels of images of shape ``stored`` after the form's preprocessing."""
        height, width, channels = stored
        if (side := self._editors["image_size"].read()) is not None:
            height = width = side
        return height, width, 1 if self._editors["grayscale"].read() else channels

    def offer_architecture(self, architecture: str, chosen: bool = False) -> None:
        """Offer a network written by the user, ``name[layers]``, if the form has an architecture field."""
        if self._architectures is not None:
            self._architectures.add(architecture, chosen)

    def _group(self, title: str, items: list[FieldDescription]) -> QWidget:
        if title in FOLDABLE:
            group = FoldableGroup(title)
            self._foldable.append((group, items))
            self._fill(group.box, items)
            return group
        box = QGroupBox(title)
        self._fill(box, items)
        return box

    def _fill(self, box: QWidget, items: list[FieldDescription]) -> None:
        rows = QFormLayout(box)
        rows.setContentsMargins(8, 6, 8, 8)
        rows.setVerticalSpacing(5)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for item in items:
            editor = self._editor(item)
            editor.widget.setToolTip(field_tip(item))
            self._editors[item.key] = editor
            self._add_row(rows, item, editor.widget)
            if item.only_with is not None and item.only_with[0] in self._spec.model_fields:
                self._conditional.append((item, rows))

    def _applies(self, item: FieldDescription) -> bool:
        """Whether a field has an effect with what is chosen in the field it depends on."""
        return item.only_with is None or self._editors[item.only_with[0]].read() in item.only_with[1]

    def _show_applicable(self) -> None:
        for item, rows in self._conditional:
            rows.setRowVisible(self._editors[item.key].widget, self._applies(item))

    def _editor(self, item: FieldDescription) -> Editor:
        if item.kind in (FieldKind.ARCHITECTURE, FieldKind.ARCHITECTURES):
            return self._architecture_editor(item)
        if item.kind is FieldKind.MODEL:
            return self._model_editor(item)
        if item.kind is not FieldKind.DATASET:
            return EDITORS[item.kind](item, self.changed.emit)
        self._chooser = chooser = DatasetChooser()
        chooser.chosen.connect(lambda _dataset: self.changed.emit())
        return Editor(chooser, lambda: chooser.dataset, chooser.choose)

    def _architecture_editor(self, item: FieldDescription) -> Editor:
        editor: ArchitectureEditor | ArchitecturesEditor
        if item.kind is FieldKind.ARCHITECTURES:
            editor = ArchitecturesEditor(item.key, item.choices)
        else:
            editor = ArchitectureEditor(item.key, item.choices, item.choice_labels)
        self._architectures = set_names(editor, item)
        editor.changed.connect(self.changed.emit)
        editor.new_network_requested.connect(self.new_network_requested.emit)
        if isinstance(editor, ArchitectureEditor):
            ignore_wheel(editor.box)
        return Editor(editor, lambda: editor.chosen, editor.choose)

    def _model_editor(self, item: FieldDescription) -> Editor:
        """Create a file editor with a button for the networks trained in this workspace."""
        editor, button = file_editor(item, self._choose_model), QToolButton()
        button.setObjectName(f"{item.key}_choose")
        button.setText("Choose…")
        button.setToolTip("Choose one of the networks trained in this workspace, and go on as it was trained")
        button.clicked.connect(lambda _checked=False: self.trained_network_requested.emit())
        layout = editor.widget.layout()
        if layout is not None:
            layout.addWidget(button)
        return editor

    def _choose_model(self) -> None:
        """Train the network of the file if the user has chosen another one, whatever its architecture."""
        model = self._editors[MODEL].read()
        if isinstance(self._architectures, ArchitectureEditor) and model not in (None, self._model):
            self._architectures.choose(AS_TRAINED)
        self._model = model
        self.changed.emit()

    @staticmethod
    def _add_row(rows: QFormLayout, item: FieldDescription, widget: QWidget) -> None:
        if item.kind is FieldKind.CHOICES:
            rows.addRow(QLabel(item.label))
        if item.kind in (FieldKind.DATASET, FieldKind.CHOICES, FieldKind.ARCHITECTURES, FieldKind.ARCHITECTURE):
            rows.addRow(widget)
            return
        label = QLabel(item.label)
        label.setToolTip(field_tip(item))
        label.setBuddy(widget)
        rows.addRow(label, widget)


def _group_rank(group: str) -> tuple[int, str]:
    """Return the sort key of a group: known groups in ``GROUP_ORDER``, then others alphabetically."""
    return (GROUP_ORDER.index(group) if group in GROUP_ORDER else len(GROUP_ORDER), group)
