"""One experiment as a section of the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from engine.analysis.results import ExperimentResult, load_results
from engine.events.devices import Device
from engine.events.runs import Status
from engine.experiments import find_experiment
from engine.experiments.base import ComputedExperiment, Experiment, TrainingExperiment
from engine.exports.report.captions import caption_of
from engine.exports.report.claims import Claim, claims_of_computation, claims_of_runs
from engine.exports.report.computed import COMPUTED_TABLES
from engine.exports.report.document import Block, Claims, Facts, Gallery, Paragraph, Picture, ReportPart, Section
from engine.exports.report.runs import accuracy_table, curve_table, event_table
from engine.exports.report.settings import settings_table
from engine.storage.store import Store, StoredExperiment
from engine.utils.text import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The order of the homework, what its parts are called, and what goes beyond it.
PARTS = {
    "basics": "ReportPart 1: Basic concepts",
    "convolution": "ReportPart 2: Convolution",
    "architectures": "ReportPart 3: Architectures",
    "activations": "ReportPart 4: Activations",
    "learning-rate": "ReportPart 5: Learning rate",
    "schedule": "ReportPart 5: Learning rate schedule",
    "train-on": "Further training",
}
RESULT, RUNS, FIGURES = "What the measurements support", "Runs that did not go as planned", "Figures"
CURVES = "What the curves say"


def section_of(store: Store, experiment: int) -> Section:
    """The section of a stored experiment; raises :class:`~engine.utils.errors.TrainscopeError`."""
    stored = store.experiment(experiment)
    definition = find_experiment(stored.name)
    devices = [stored.device] if stored.device is not None else []
    match definition:
        case TrainingExperiment():
            result = load_results(store, experiment)
            devices = result.devices
            claims, parts = _of_runs(store, definition, result)
        case ComputedExperiment():
            claims, parts = _of_computation(store, definition, stored)
        case _:
            raise TypeError(f"{type(definition).__name__} is no kind of experiment")
    title = PARTS[stored.name] + (f" – {stored.title}" if stored.title else "")
    return Section(
        f"experiment-{experiment}",
        title,
        _line(stored),
        (*_about(stored, devices), *parts, _settings(definition, stored)),
        tuple(claim for claim in claims if claim.headline),
    )


def _of_runs(
    store: Store, definition: TrainingExperiment, result: ExperimentResult
) -> tuple[tuple[Claim, ...], list[ReportPart]]:
    runs = store.runs(result.experiment.id)
    claims = claims_of_runs(result)
    events = event_table(result, runs)
    blocks: list[Block] = [accuracy_table(result)]
    if definition.name == "schedule":
        blocks += _switches(definition.findings(definition.spec.from_json(result.experiment.spec), result))
    parts = [_supported(claims), ReportPart("Accuracy", tuple(blocks))]
    if events is not None:
        parts.append(ReportPart(RUNS, (events,)))
    if (curves := curve_table(store, result, runs)) is not None:
        parts.append(ReportPart(CURVES, (curves,)))
    if any(variant.runs for variant in result.variants):
        parts.append(ReportPart(FIGURES, tuple(_pictures(definition.figures(result)))))
    return claims, parts


def _of_computation(
    store: Store, definition: ComputedExperiment, stored: StoredExperiment
) -> tuple[tuple[Claim, ...], list[ReportPart]]:
    found = store.computation(stored.id)
    if found is None:
        return (), [_supported(())]
    claims = claims_of_computation(stored.name, stored.id, found)
    tables = tuple(COMPUTED_TABLES[stored.name](found.findings))
    figures = definition.figures(definition.spec.from_json(stored.spec), found)
    return claims, [_supported(claims), ReportPart("Results", tables), ReportPart(FIGURES, tuple(_pictures(figures)))]


def _supported(claims: tuple[Claim, ...]) -> ReportPart:
    nothing = Paragraph("Nothing was measured that supports a claim.", quiet=True)
    return ReportPart(RESULT, (Claims(claims),) if claims else (nothing,))


def _pictures(figures: Iterable[tuple[str, Figure]]) -> Iterator[Block]:
    """Wide figures one below the other, narrow ones in pairs."""
    pictures = [Picture(name, caption_of(name), figure) for name, figure in figures]
    for narrow, together in groupby(pictures, key=lambda picture: picture.is_narrow):
        if narrow:
            yield Gallery(tuple(together))
        else:
            yield from together


def _switches(findings: dict[str, Any]) -> list[Block]:
    """Where the schedule's rate switches, and by which rule that was found."""
    schedule = findings["schedule"]
    if not schedule["switches"]:
        return []
    told = zip(schedule["rates"][1:], schedule["switches"], schedule["found"], strict=False)
    text = "; ".join(f"to {rate:g} after epoch {epoch} ({how})" for rate, epoch, how in told)
    return [Paragraph(f"Rates: {schedule['rates'][0]:g}, then {text}. {schedule['rule'] or ''}".rstrip())]


def _line(stored: StoredExperiment) -> str:
    where = f" on {stored.dataset.title}" if stored.dataset else ""
    return f"Experiment {stored.id}{where}, {_moment(stored.created)}"


def _about(stored: StoredExperiment, devices: Sequence[Device]) -> Iterator[ReportPart]:
    """Notes and circumstances."""
    notes = [Paragraph(text.strip()) for text in stored.notes.split("\n\n") if text.strip()]
    yield ReportPart("", (*notes, Facts(tuple(_facts(stored, devices)))))


def _facts(stored: StoredExperiment, devices: Sequence[Device]) -> Iterator[tuple[str, str]]:
    yield "Ended", _ending(stored)
    if (data := stored.dataset) is not None:
        height, width, channels = data.shape
        size = f"{width} x {height} pixels, {counted(channels, 'channel')}, {len(data.class_names)} classes"
        parts = f"{data.train_count:,} training, {data.validation_count:,} validation, {data.test_count:,} test images"
        yield "Data set", f"{data.title}: {parts}, {size}"
        yield "SHA-256", data.fingerprint
    yield "Seed", str(stored.seed)
    if devices:
        threads = counted(devices[0].threads, "thread")
        used = "; ".join(device.title for device in devices)
        yield "Device", f"{used}, {counted(stored.workers, 'worker')}, {threads} each"
    if stored.versions:
        yield "Versions", ", ".join(f"{name} {version}" for name, version in stored.versions.items())


def _ending(stored: StoredExperiment) -> str:
    if not stored.status.is_final:
        return "not yet; this is what was recorded until now"
    took = "" if stored.seconds is None else f" after {_duration(stored.seconds)}"
    reason = f": {stored.reason}" if stored.reason else ""
    return f"{Status(stored.status).value}{took}{reason}"


def _settings(definition: Experiment, stored: StoredExperiment) -> ReportPart:
    return ReportPart("Settings", (settings_table(definition, definition.spec.from_json(stored.spec)),))


def _moment(seconds: float) -> str:
    """Such as ``24 November 2026, 18:05``, in local time."""
    at = datetime.fromtimestamp(seconds).astimezone()
    return f"{at.day} {at:%B %Y, %H:%M}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
