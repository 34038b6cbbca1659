"""An experiment's settings for display next to the nearest preset, and as text for the clipboard and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import tomli_w

from engine.config.fields import FieldDescription, describe
from engine.config.parsing import parse_json, parse_toml
from engine.config.specs import ExperimentSpec
from engine.experiments import EXPERIMENTS, RUNNABLE_EXPERIMENTS, find_runnable
from engine.experiments.base import Experiment
from engine.utils.errors import SpecError
from engine.utils.text import safe_repr

EXPERIMENT_KEY = "experiment"  # in copied settings: which experiment they are for
EMPTY = "–"


@dataclass(frozen=True)
class Setting:
    """One setting as text; ``differs`` tells whether it deviates from the nearest preset's ``preset_value``."""

    key: str
    label: str
    value: str
    preset_value: str
    differs: bool


def describe_settings(name: str, spec: Mapping[str, Any]) -> tuple[str, tuple[Setting, ...]]:
    """Find the preset nearest to a stored spec, and describe its settings next to those of the preset.

    Args:
        name: name of the experiment.
        spec: values as parsed from JSON; unknown keys are shown unchanged.

    Returns:
        The name of the preset with the fewest differing settings ("" for an experiment without presets or an unknown
        one), and the settings.
    """
    presets = _presets(name)
    nearest = min(presets, key=lambda each: _count_differing(spec, presets[each].values), default="")
    if not nearest:
        labels = {key: item.label for key, item in _fields(name).items()} if name in EXPERIMENTS else {}
        return "", tuple(
            Setting(key, labels.get(key, key), format_json_value(value), EMPTY, False) for key, value in spec.items()
        )
    preset = presets[nearest]
    return nearest, tuple(
        preset.settings[key]
        if key in preset.values and value == preset.values[key]
        else _changed_setting(name, preset, key, value)
        for key, value in spec.items()
    )


def format_json_value(value: Any, field: FieldDescription | None = None) -> str:
    """Format a value parsed from JSON for a table cell, with its unit."""
    match value:
        case None | "" | []:
            return EMPTY
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(format_json_value(each) for each in value)
        case float():
            text = f"{value:.8g}"
        case _:
            text = str(value)
    if field is None or not field.unit:
        return text
    return f"{text} {field.unit.removesuffix('s') if value == 1 else field.unit}"


def settings_to_toml(name: str, spec: Mapping[str, Any]) -> str:
    """Write settings as TOML whose first line names the experiment; ``parse_settings`` reads it back."""
    return tomli_w.dumps({EXPERIMENT_KEY: name} | {key: value for key, value in spec.items() if value is not None})


def parse_settings(text: str) -> tuple[Experiment, ExperimentSpec]:
    """Parse an experiment and its settings from TOML or JSON text.

    Raises:
        SpecError: if the text is empty, names no known experiment, or has invalid settings.
    """
    if not text.strip():
        raise SpecError("There is no text to paste; copy settings first.")
    values = _parse_table(text)
    name = values.pop(EXPERIMENT_KEY, None)
    if not isinstance(name, str):
        raise SpecError(
            f"The text doesn't say which experiment its settings are for; add a line such as "
            f'{EXPERIMENT_KEY} = "{next(iter(RUNNABLE_EXPERIMENTS))}".'
        )
    experiment = find_runnable(name)
    return experiment, experiment.spec.build(values)


def drop_experiment_key(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of a file without the key that names the experiment.

    Raises:
        SpecError: if they are for an experiment other than ``name``.
    """
    named = values.get(EXPERIMENT_KEY, name)
    if named != name:
        shown = named if isinstance(named, str) else safe_repr(named)
        raise SpecError(f"The settings are for the experiment '{shown}', not for '{name}'; name that one instead.")
    return {key: value for key, value in values.items() if key != EXPERIMENT_KEY}


def _parse_table(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return parse_toml(text, by_hand=True)
    values = parse_json(text)
    if not isinstance(values, dict):
        raise SpecError("The settings must be a table of keys and values.")
    return values


@dataclass(frozen=True)
class _Preset:
    """A preset as JSON values and as formatted settings; cached, as lists show hundreds of experiments."""

    values: dict[str, Any]
    settings: dict[str, Setting]


def _count_differing(spec: Mapping[str, Any], preset_values: Mapping[str, Any]) -> int:
    return sum(key not in preset_values or value != preset_values[key] for key, value in spec.items())


def _changed_setting(name: str, preset: _Preset, key: str, value: Any) -> Setting:
    """Describe a setting that differs from the preset's."""
    setting = preset.settings.get(key, Setting(key, key, EMPTY, EMPTY, False))
    text = format_json_value(value, _fields(name).get(key))
    return replace(setting, value=text, preset_value=setting.value, differs=True)


@cache
def _fields(name: str) -> dict[str, FieldDescription]:
    return {item.key: item for item in describe(EXPERIMENTS[name].spec)}


@cache
def _presets(name: str) -> dict[str, _Preset]:
    """Return the presets of an experiment; none if it is unknown."""
    if name not in EXPERIMENTS:
        return {}
    return {preset: _describe_preset(name, preset) for preset in EXPERIMENTS[name].presets}


def _describe_preset(name: str, preset: str) -> _Preset:
    values = EXPERIMENTS[name].preset(preset).model_dump(mode="json")
    fields = _fields(name)
    texts = {key: format_json_value(value, fields[key]) for key, value in values.items()}
    return _Preset(values, {key: Setting(key, fields[key].label, text, text, False) for key, text in texts.items()})
