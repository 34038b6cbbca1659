"""Thumbnails of experiments in the list: a few validation accuracies of each variant."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter

from engine.analysis.alignment import Points, align, interpolated
from engine.analysis.statistics import mean_and_deviation
from engine.analysis.styles import styles
from engine.config.logged_runs import LoggedRunSpec, parse_run_spec
from engine.config.specs import BaseRunSpec
from engine.events.runs import record_interval
from engine.storage.rows import READ_ERRORS

THUMBNAIL_VALUES = 48  # about the width of a thumbnail in pixels
DIGITS = 4  # of an accuracy in a thumbnail

Execute = Callable[..., sqlite3.Cursor]  # of a statement and its values


@dataclass(frozen=True)
class ThumbnailCurve:
    """The curve of a variant in a thumbnail.

    Attributes:
        colour: #RRGGBB.
        values: validation accuracies (fractions), means over the repeats at equidistant steps.
    """

    variant: str
    colour: str
    values: tuple[float, ...]


_CURVES = TypeAdapter(tuple[ThumbnailCurve, ...])


def make_thumbnail(execute: Execute, number: int) -> tuple[ThumbnailCurve, ...]:
    """Return the curves of an experiment; propagates ``READ_ERRORS`` if a run is damaged, and errors of ``execute``."""
    specs: dict[str, BaseRunSpec] = {}
    curves: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    logged: dict[str, list[Points]] = defaultdict(list)
    for run in execute("SELECT id, spec, total_steps FROM runs WHERE experiment=? ORDER BY id", number):
        spec = parse_run_spec(run["spec"])
        if spec.probe:
            continue
        specs.setdefault(spec.variant, spec)
        if isinstance(spec, LoggedRunSpec):
            logged[spec.variant].append(_logged_points(execute, run["id"]))
            continue
        for step, value in _sampled(execute, run["id"], run["total_steps"], spec.training.record_every):
            curves[spec.variant][step].append(value)
    values = {name: [float(np.mean(each[step])) for step in sorted(each)] for name, each in curves.items()}
    values |= {name: _sampled_mean(runs) for name, runs in logged.items()}
    drawn = styles(specs.values())
    return tuple(
        ThumbnailCurve(name, drawn[name].hex, tuple(round(value, DIGITS) for value in values[name]))
        for name in specs
        if values.get(name)
    )


def format_thumbnail(curves: Iterable[ThumbnailCurve]) -> str:
    """Return the curves as JSON."""
    return json.dumps([{"name": each.variant, "colour": each.colour, "values": each.values} for each in curves])


def parse_thumbnail(text: str) -> tuple[ThumbnailCurve, ...] | None:
    """Parse what ``format_thumbnail`` returned; None if that is damaged."""
    try:
        return _CURVES.validate_python([line | {"variant": line["name"]} for line in json.loads(text)])
    except READ_ERRORS:  # derived from stored results, so nothing is lost
        return None


def _sampled(execute: Execute, run: int, total_steps: int, every: int) -> list[tuple[int, float]]:
    """Return steps and validation accuracies of up to ``THUMBNAIL_VALUES`` equidistant records of a run.

    They are selected by primary key, so that a run of a million records costs no more than one of fifty.
    """
    records = total_steps // (every := record_interval(total_steps, every))
    steps = np.unique(np.linspace(1, records, min(records, THUMBNAIL_VALUES)).round().astype(int)) * every
    marks = ", ".join("?" * len(steps))
    rows = execute(
        f"SELECT step, validation_accuracy FROM points WHERE run=? AND step IN ({marks}) "  # noqa: S608
        "AND validation_accuracy IS NOT NULL",
        *(run, *steps.tolist()),
    )
    return [(row["step"], row["validation_accuracy"]) for row in rows]


def _logged_points(execute: Execute, run: int) -> Points:
    """Return steps and validation accuracies of a logged run, whose records are at steps of its own."""
    rows = execute(
        "SELECT step, validation_accuracy FROM points WHERE run=? AND validation_accuracy IS NOT NULL ORDER BY step",
        run,
    ).fetchall()
    return np.array([row["step"] for row in rows], float), np.array([row["validation_accuracy"] for row in rows], float)


def _sampled_mean(runs: list[Points]) -> list[float]:
    """Return the mean over logged runs at up to ``THUMBNAIL_VALUES`` equidistant steps."""
    steps, table = align(runs)
    mean, _ = mean_and_deviation(table)
    finite = np.isfinite(mean)
    if not finite.any():
        return []
    steps, mean = steps[finite], mean[finite]
    sampled = np.linspace(steps[0], steps[-1], min(len(steps), THUMBNAIL_VALUES))
    return [float(value) for value in interpolated((steps, mean), sampled)]
