"""Groups of a form that are folded unless something in them differs from its default."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QSpinBox, QToolButton
from pytestqt.qtbot import QtBot

from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.architectures.experiment import ArchitecturesSpec
from gui.forms.form import Form
from tests.gui.support import find


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    made = Form(ArchitecturesSpec)
    qtbot.addWidget(made)
    return made


def test_augmentation_is_folded_unless_something_is_on(form: Form) -> None:
    shift = find(form, QSpinBox, "shift")
    preset = ARCHITECTURES_EXPERIMENT.preset
    for spec, is_folded in ((preset("quick"), True), (preset("quick", shift=3), False), (preset("quick"), True)):
        form.show_spec(spec)
        assert shift.isVisibleTo(form) is not is_folded
        assert form.spec() == spec, "values that are not seen are read"


def test_the_button_folds_and_unfolds(form: Form) -> None:
    shift, button = find(form, QSpinBox, "shift"), find(form, QToolButton, "augmentation_fold")
    for expected in (True, False):
        button.click()
        assert shift.isVisibleTo(form) is expected
    form.show_values({"epochs": 3})
    assert not shift.isVisibleTo(form), "nothing of the group was set"
    form.show_values({"mixup": 0.2})
    assert shift.isVisibleTo(form)
