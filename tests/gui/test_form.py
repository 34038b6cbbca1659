"""The form follows from the fields."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from engine.errors import SpecError
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT, ArchitecturesSpec
from engine.fields import Kind, describe
from gui.form import Form
from tests.gui.support import find


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    made = Form(ArchitecturesSpec)
    qtbot.addWidget(made)
    made.show_spec(ARCHITECTURES_EXPERIMENT.preset("quick"))
    return made


@pytest.mark.parametrize("name", ARCHITECTURES_EXPERIMENT.presets)
def test_a_spec_shown_is_the_spec_read(form: Form, name: str) -> None:
    spec = ARCHITECTURES_EXPERIMENT.preset(name)
    form.show_spec(spec)
    assert form.spec() == spec


def test_unusual_values_survive_the_form(form: Form) -> None:
    spec = ARCHITECTURES_EXPERIMENT.preset(
        "quick",
        learning_rate=0.00025,
        image_size=28,
        grayscale=False,
        normalization="per-dataset",
        architectures=["cnn_5", "mlp_2"],
        dataset="/some/folder of images",
        test_fraction=0.35,
    )
    form.show_spec(spec)
    shown = form.spec()
    assert shown == spec.replace(architectures=["mlp_2", "cnn_5"]), "the check boxes keep the table's order"


def test_every_field_has_an_editor_that_scripts_and_screen_readers_find(form: Form) -> None:
    for item in describe(ArchitecturesSpec):
        editor = form._editors[item.key].widget
        assert editor.toolTip().find(item.help[:20]) >= 0
        if item.kind is not Kind.DATASET:
            assert editor.objectName() == item.key
            assert editor.accessibleName() == item.label


def test_bounds_of_the_fields_bound_the_editors(form: Form) -> None:
    batch = find(form, QSpinBox, "batch_size")
    assert (batch.minimum(), batch.maximum(), batch.suffix()) == (1, 65536, " images")
    rate = find(form, QDoubleSpinBox, "learning_rate")
    rate.setValue(0.0)
    assert form.spec().learning_rate > 0
    share = find(form, QDoubleSpinBox, "test_fraction")
    share.setValue(1.0)
    assert form.spec().test_fraction < 1


def test_a_number_is_shown_as_a_person_writes_it(form: Form) -> None:
    assert find(form, QDoubleSpinBox, "learning_rate").text() == "0.001"


@pytest.fixture
def turkish() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("tr_TR"))
    yield
    QLocale.setDefault(before)


def test_a_decimal_comma_of_the_system_changes_no_number(turkish: None, qtbot: QtBot) -> None:
    form = Form(ArchitecturesSpec)
    qtbot.addWidget(form)
    form.show_spec(ARCHITECTURES_EXPERIMENT.preset("quick"))
    rate = find(form, QDoubleSpinBox, "learning_rate")
    QTest.keyClick(rate, Qt.Key.Key_Return)
    assert form.spec().learning_rate == 0.001
    rate.selectAll()
    QTest.keyClicks(rate, "0.01")
    QTest.keyClick(rate, Qt.Key.Key_Return)
    assert form.spec().learning_rate == 0.01


@pytest.mark.parametrize(("kind", "name"), [(QSpinBox, "epochs"), (QComboBox, "optimizer"), (QComboBox, "dataset")])
def test_scrolling_over_the_form_changes_nothing(form: Form, kind: type[QWidget], name: str) -> None:
    widget, before = find(form, kind, name), form.spec()
    down = QWheelEvent(
        QPointF(5, 5),
        widget.mapToGlobal(QPointF(5, 5)),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, down)
    assert form.spec() == before
    assert not down.isAccepted(), "the form itself scrolls"


def test_an_empty_image_side_means_as_stored(form: Form) -> None:
    side = find(form, QSpinBox, "image_size")
    assert side.text() == "as stored"
    assert form.spec().image_size is None
    side.setValue(28)
    assert form.spec().image_size == 28


def test_changes_by_the_user_are_announced_and_changes_by_a_preset_are_not(form: Form, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(form.changed):
        form.show_spec(ARCHITECTURES_EXPERIMENT.preset("course"))
    with qtbot.waitSignal(form.changed):
        find(form, QCheckBox, "grayscale").click()
    with qtbot.waitSignal(form.changed):
        find(form, QComboBox, "activation").setCurrentText("sigmoid")
    assert form.spec().activation == "sigmoid"


def test_no_architecture_at_all_is_said_in_a_sentence(form: Form) -> None:
    for box in form.findChildren(QCheckBox):
        if box.objectName().startswith("architectures_"):
            box.setChecked(False)
    with pytest.raises(SpecError, match="at least one"):
        form.spec()
