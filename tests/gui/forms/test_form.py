"""The form built from the fields of a spec."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.config.fields import FieldKind, describe
from engine.config.specs import ExperimentSpec
from engine.experiments import EXPERIMENTS
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.architectures.experiment import ArchitecturesSpec
from engine.experiments.convolution.experiment import ConvolutionSpec
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.experiments.schedule.experiment import LearningScheduleSpec
from engine.utils.errors import SpecError
from gui.forms.form import Form
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


def test_settings_of_optimiser_and_loss_survive_the_form(form: Form) -> None:
    settings: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "ema_momentum": 0.99}
    given = {"weight_decay": 0.0005, "clip_norm": 1.5, "label_smoothing": 0.1, "class_weights": "balanced"}
    for optional in (given, given | {"weight_decay": 0.0}, given | {"weight_decay": None, "clip_norm": None}):
        spec = ARCHITECTURES_EXPERIMENT.preset("quick", **settings | optional)
        form.show_spec(spec)
        assert form.spec() == spec
    assert find(form, QDoubleSpinBox, "clip_norm").text() == "no clipping"


def test_an_epsilon_of_pytorch_survives_the_form(form: Form) -> None:
    form.show_spec(ARCHITECTURES_EXPERIMENT.preset("quick", epsilon=1e-8, beta_2=0.9999))
    assert form.spec() == ARCHITECTURES_EXPERIMENT.preset("quick", epsilon=1e-8, beta_2=0.9999)


def test_only_the_settings_of_the_chosen_optimiser_are_shown_and_read(form: Form) -> None:
    def shown() -> set[str]:
        keys = ("momentum", "nesterov", "beta_1", "beta_2", "epsilon", "weight_decay")
        return {key for key in keys if not find(form, QWidget, key).isHidden()}

    optimizer = find(form, QComboBox, "optimizer")
    found = {}
    for name in ("sgd", "rmsprop", "adam"):
        optimizer.setCurrentIndex(optimizer.findData(name))
        found[name] = shown()
        if name == "sgd":
            find(form, QDoubleSpinBox, "momentum").setValue(0.9)
    assert found == {
        "sgd": {"momentum", "nesterov", "weight_decay"},
        "rmsprop": {"momentum", "epsilon", "weight_decay"},
        "adam": {"beta_1", "beta_2", "epsilon", "weight_decay"},
    }
    assert form.spec() == ARCHITECTURES_EXPERIMENT.preset("quick"), "the momentum went with SGD"


def test_nesterov_without_momentum_is_refused_by_the_form(form: Form) -> None:
    form.show_values({"optimizer": "sgd", "nesterov": True})
    with pytest.raises(SpecError, match="nesterov needs a momentum above 0"):
        form.spec()


def test_units_follow_their_numbers(form: Form) -> None:
    said = {}
    for number in (1, 2):
        form.show_values({"repeats": number, "batch_size": number})
        said[number] = [find(form, QSpinBox, key).text() for key in ("repeats", "batch_size")]
    assert said == {1: ["1 run", "1 image"], 2: ["2 runs", "2 images"]}


@pytest.mark.parametrize(("experiment", "preset"), [(name, p) for name, e in EXPERIMENTS.items() for p in e.presets])
def test_the_form_of_every_experiment_shows_and_reads_its_presets(qtbot: QtBot, experiment: str, preset: str) -> None:
    spec = EXPERIMENTS[experiment].preset(preset)
    made = Form(type(spec))
    qtbot.addWidget(made)
    made.show_spec(spec)
    assert made.spec() == spec


UNUSUAL: dict[str, dict[str, Any]] = {
    "activations": {
        "architectures": ["mlp_1", "small[FC-8, ReLU]"],
        "activations": ["gelu"],
        "normalization": "bytes",
        "learning_rate": 0.5,
    },
    "learning-rate": {"architecture": "small[FC-8, ReLU]", "rates": [2.5, 1e-05, 0.00025], "range_test": False},
    "schedule": {"rates": [0.1, 0.01], "switches": [7], "compare": [], "epochs": 20, "delta": 0.0},
    "convolution": {"input": "/data/größe of it.npy", "precision": "float32"},
    "basics": {"network": "Conv-3x5x2, FC-8", "input_shape": [28, 24, 3], "momentum": 0.5},
}


@pytest.mark.parametrize("experiment", UNUSUAL)
def test_unusual_values_of_every_kind_survive_the_form(qtbot: QtBot, experiment: str) -> None:
    spec = EXPERIMENTS[experiment].preset("quick", **UNUSUAL[experiment])
    made = Form(type(spec))
    qtbot.addWidget(made)
    made.show_spec(spec)
    assert made.spec() == spec


@pytest.fixture
def schedule(qtbot: QtBot) -> Form:
    """Return the form of an experiment with lists of numbers and one architecture."""
    made = Form(LearningScheduleSpec)
    qtbot.addWidget(made)
    made.show_spec(SCHEDULE_EXPERIMENT.preset("quick"))
    return made


def write(form: Form, key: str, text: str) -> None:
    """Type into a line edit and leave it."""
    line = find(form, QLineEdit, key)
    line.selectAll()
    QTest.keyClicks(line, text) if text else line.clear()
    QTest.keyClick(line, Qt.Key.Key_Return)


@pytest.mark.parametrize("text", ["0.5,0.05,0.005", " 0.5 , 5e-2,\t.005, "])
def test_numbers_are_typed_with_commas_between(schedule: Form, text: str) -> None:
    write(schedule, "rates", text.replace("\t", " "))
    assert schedule.spec().model_dump()["rates"] == (0.5, 0.05, 0.005)


def test_an_empty_list_of_numbers_says_what_it_means(schedule: Form) -> None:
    line = find(schedule, QLineEdit, "switches")
    assert (line.text(), line.placeholderText()) == ("", "found by itself")
    write(schedule, "switches", "4, 9")
    assert schedule.spec().model_dump()["switches"] == (4, 9)
    write(schedule, "switches", "")
    assert schedule.spec().model_dump()["switches"] == ()


@pytest.mark.parametrize(
    ("key", "text", "reason"),
    [
        ("rates", "fast", "rates can't be 'fast'; it takes numbers, each above 0 to 1000."),
        ("rates", "0.1; 0.01", "rates can't be '0.1; 0.01'; it takes numbers, each above 0 to 1000."),
        ("rates", "", "rates: name at least one learning rate."),
        ("switches", "9, 4", "switches must rise and lie before the last epoch."),
    ],
)
def test_invalid_numbers_are_reported(schedule: Form, key: str, text: str, reason: str) -> None:
    write(schedule, key, text)
    with pytest.raises(SpecError) as error:
        schedule.spec()
    assert str(error.value) == reason


def test_values_chosen_on_a_board_are_shown_without_announcing_a_change(schedule: Form, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(schedule.changed):
        schedule.show_values({"switches": (4, 9)})
    assert schedule.spec().model_dump()["switches"] == (4, 9)


def test_one_architecture_is_chosen_from_a_list(schedule: Form, qtbot: QtBot) -> None:
    with qtbot.waitSignal(schedule.changed):
        find(schedule, QComboBox, "architecture_list").setCurrentText("mlp_2")
    assert schedule.spec().model_dump()["architecture"] == "mlp_2"
    schedule.offer_architecture("small[FC-8]", chosen=True)
    assert schedule.spec().model_dump()["architecture"] == "small[FC-8]"


def test_writing_a_network_is_requested_from_the_window(schedule: Form, form: Form, qtbot: QtBot) -> None:
    for each, name in ((schedule, "architecture_write"), (form, "architectures_write")):
        with qtbot.waitSignal(each.new_network_requested):
            find(each, QPushButton, name).click()


def test_a_file_is_typed_or_chosen_and_left_out_when_empty(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Form(ConvolutionSpec)
    qtbot.addWidget(made)
    made.show_spec(ConvolutionSpec())
    assert made.spec().model_dump()["input"] is None
    write(made, "input_path", "/data/images.npy")
    assert made.spec().model_dump()["input"] == "/data/images.npy"
    for answer, expected in (("/data/other.npy", "/data/other.npy"), ("", "/data/other.npy")):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_arguments, answer=answer: (answer, ""))
        find(made, QToolButton, "input_open").click()
        assert made.spec().model_dump()["input"] == expected
    write(made, "input_path", " ")
    assert made.spec().model_dump()["input"] is None


@pytest.mark.parametrize(
    ("settings", "stored", "seen"),
    [
        ({}, (28, 28, 1), (28, 28, 1)),
        ({"grayscale": True}, (32, 30, 3), (32, 30, 1)),
        ({"grayscale": False}, (32, 30, 3), (32, 30, 3)),
        ({"image_size": 16, "grayscale": False}, (32, 30, 3), (16, 16, 3)),
    ],
)
def test_the_form_knows_what_images_a_network_will_see(
    form: Form, settings: dict[str, Any], stored: tuple[int, ...], seen: tuple[int, ...]
) -> None:
    form.show_values(settings)
    assert form.image_shape(stored) == seen


@pytest.mark.parametrize("spec", [experiment.spec for experiment in EXPERIMENTS.values()], ids=lambda s: s.__name__)
def test_every_field_has_an_editor_that_scripts_and_screen_readers_find(
    qtbot: QtBot, spec: type[ExperimentSpec]
) -> None:
    form = Form(spec)
    qtbot.addWidget(form)
    for item in describe(spec):
        is_dataset = item.kind is FieldKind.DATASET
        editor = find(form, QWidget, "dataset_chooser" if is_dataset else item.key)
        assert item.help in unescape(editor.toolTip())
        assert is_dataset or editor.accessibleName() == item.label


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


def test_a_missing_architecture_is_reported(form: Form) -> None:
    for box in form.findChildren(QCheckBox):
        if box.objectName().startswith("architectures_"):
            box.setChecked(False)
    with pytest.raises(SpecError, match="at least one"):
        form.spec()
