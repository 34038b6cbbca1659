"""engine.experiments.presets: formatted settings, copying and pasting, and copied settings with --config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.cli.arguments import parse
from engine.cli.batch import build_spec, build_specs
from engine.config.fields import FieldKind, describe
from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.experiments.presets import EMPTY, describe_settings, format_json_value, parse_settings, settings_to_toml
from engine.utils.errors import SpecError

ARCHITECTURES = RUNNABLE_EXPERIMENTS["architectures"]


def plain(spec: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(spec.to_json())
    return values


@pytest.mark.parametrize("name", RUNNABLE_EXPERIMENTS)
@pytest.mark.parametrize("preset", ["quick", "course"])
def test_what_is_copied_can_be_pasted(name: str, preset: str) -> None:
    spec = RUNNABLE_EXPERIMENTS[name].preset(preset)
    text = settings_to_toml(name, plain(spec))
    assert text.splitlines()[0] == f'experiment = "{name}"'
    assert parse_settings(text) == (RUNNABLE_EXPERIMENTS[name], spec)
    assert parse_settings(json.dumps({"experiment": name} | plain(spec))) == (RUNNABLE_EXPERIMENTS[name], spec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no text to paste"),
        ("hello there", "not valid TOML"),
        ('{"experiment": ', "not valid JSON"),
        ("epochs = 5", "which experiment"),
        ("experiment = 7", "which experiment"),
        ('experiment = "alchemy"', "no experiment called 'alchemy'"),
        ('experiment = "architectures"\nepochs = -1', "epochs can't be -1"),
        ('experiment = "architectures"\nepoch = 5', "did you mean 'epochs'"),
    ],
)
def test_what_is_wrong_with_a_text_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_settings(text)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (name, item.key)
        for name, experiment in RUNNABLE_EXPERIMENTS.items()
        for item in describe(experiment.spec)
        if item.kind in (FieldKind.DATASET, FieldKind.MODEL, FieldKind.FILE)
    ],
)
def test_a_backslash_read_as_an_escape_is_found_in_every_path(name: str, key: str) -> None:
    with pytest.raises(SpecError, match=f"the path of '{key}' has a backslash in double quotes; in single quotes"):
        parse_settings(f'experiment = "{name}"\n{key} = "data\\train"')


def test_settings_are_compared_with_the_nearest_preset() -> None:
    spec = ARCHITECTURES.preset("course", epochs=3, architectures=["mlp_1", "cnn_4"])
    preset, settings = describe_settings("architectures", plain(spec))
    assert preset == "course"
    assert {each.key: (each.value, each.preset_value) for each in settings if each.differs} == {
        "epochs": ("3", "15"),
        "architectures": ("mlp_1, cnn_4", "mlp_1, mlp_2, cnn_3, cnn_4, cnn_5"),
    }
    assert len(settings) == len(type(spec).model_fields)


def test_settings_of_an_experiment_that_is_not_known_are_shown_as_they_are() -> None:
    preset, settings = describe_settings("alchemy", {"metal": "gold"})
    assert preset == ""
    assert [(each.label, each.value, each.differs) for each in settings] == [("metal", "gold", False)]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("grayscale", True, "yes"),
        ("image_size", None, EMPTY),
        ("learning_rate", 0.001, "0.001"),
        ("repeats", 1, "1 run"),
        ("repeats", 3, "3 runs"),
        ("architectures", ["mlp_1", "cnn_3"], "mlp_1, cnn_3"),
    ],
)
def test_values_in_words(key: str, value: Any, words: str) -> None:
    assert {each.key: each.value for each in describe_settings("architectures", {key: value})[1]} == {key: words}
    assert format_json_value(value).split()[0] == words.split(maxsplit=1)[0]


def test_config_takes_copied_settings(tmp_path: Path) -> None:
    spec = ARCHITECTURES.preset("quick", epochs=3)
    file = tmp_path / "copied.toml"
    file.write_text(settings_to_toml("architectures", plain(spec)), encoding="utf-8")
    assert build_spec(ARCHITECTURES, parse(["--batch", "architectures", "--config", str(file)])) == spec


@pytest.mark.parametrize("batch", ["activations", "all"])
def test_config_refuses_settings_of_another_experiment(tmp_path: Path, batch: str) -> None:
    file = tmp_path / "copied.toml"
    file.write_text(settings_to_toml("architectures", plain(ARCHITECTURES.preset("quick"))), encoding="utf-8")
    chosen = list(RUNNABLE_EXPERIMENTS.values()) if batch == "all" else [RUNNABLE_EXPERIMENTS[batch]]
    with pytest.raises(SpecError, match=f"copied.toml: The settings are for .*'architectures', not for '{batch}'"):
        build_specs(chosen, parse(["--batch", batch, "--config", str(file)]))
