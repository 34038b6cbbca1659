"""Table of an experiment's settings, with deviations from the course preset marked."""

from __future__ import annotations

from typing import Any

from engine.analysis.blocks import Table, TableColumn
from engine.config.fields import FieldDescription, describe
from engine.config.specs import ExperimentSpec
from engine.experiments.base import Experiment

COURSE = "course"
COLUMNS = (
    TableColumn("Setting", width=4),
    TableColumn("Key", width=4),
    TableColumn("Value", width=5),
    TableColumn("Course", width=5),
)


def settings_table(definition: Experiment, spec: ExperimentSpec) -> Table:
    """Tabulate all settings; the last column, if there is a course preset, holds its value where it differs."""
    course = definition.preset(COURSE) if COURSE in definition.presets else spec
    rows, marked = [], set()
    for position, item in enumerate(describe(definition.spec)):
        value, other = getattr(spec, item.key), getattr(course, item.key)
        if value != other:
            marked.add(position)
        rows.append(
            (item.label, item.key, format_value(item, value), format_value(item, other) if value != other else "")
        )
    if course is spec:
        return Table("", COLUMNS[:-1], tuple(row[:-1] for row in rows))
    note = "Marked: differs from the course preset." if marked else "All of them are the course preset's."
    return Table("", COLUMNS, tuple(rows), frozenset(marked), note)


def format_value(item: FieldDescription, value: Any) -> str:
    """Format a field's value with its unit."""
    unit = (
        "" if not item.unit or value in (None, ()) else f" {item.unit.removesuffix('s') if value == 1 else item.unit}"
    )
    match value:
        case None | ():
            return "empty"
        case bool():
            return "yes" if value else "no"
        case int():
            # A seed is an identifier, so without thousands separators.
            return f"{value}{unit}" if item.key == "seed" else f"{value:,}{unit}"
        case float():
            return f"{value:g}{unit}"
        case tuple():
            return ", ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in value) + unit
        case _:
            return f"{item.choice_labels.get(str(value), str(value))}{unit}"
