"""Construction of a report's section from a stored experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from engine.analysis.blocks import Facts, NamedFigure, Paragraph
from engine.analysis.claims import Claim, ComputedResult
from engine.analysis.network_figure import network_figures
from engine.analysis.ranking import largest_class_claims
from engine.analysis.results import ExperimentResult, load_results
from engine.config.logged_runs import UNKNOWN_SEED, LoggedRunSpec
from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.runs import Status
from engine.experiments import find_experiment
from engine.experiments.base import ComputedExperiment, Experiment, ExperimentWithRuns
from engine.exports.report.document import PAGE_INCHES, Block, Claims, Gallery, Picture, ReportPart, Section
from engine.exports.report.runs import accuracy_table, curve_table, event_table, score_tables
from engine.exports.report.settings import settings_table
from engine.storage.store import Store, StoredExperiment
from engine.training.timetable import shortened_interval
from engine.utils.text import as_duration, pluralise

RESULT, RUNS = "What the measurements support", "Runs that ended early or were changed"
RESULTS, FIGURES, NETWORKS = "Results", "Figures", "Networks"
CURVES = "What the curves say"
HALF = 0.51  # share of the width up to which two pictures are paired
MAX_CLASSES_LISTED = 20


def build_section(store: Store, experiment: int) -> Section:
    """Build the section of a stored experiment.

    Raises:
        StoreError: if the experiment is not in the store or can't be read.
        SpecError: if the program does not know an experiment of its name.
        TypeError: if the experiment's declaration is of an unknown kind.
    """
    stored = store.experiment(experiment)
    definition = find_experiment(stored.name)
    devices = [stored.device] if stored.device is not None else []
    logs: list[LoggedRunSpec] = []
    match definition:
        case ExperimentWithRuns():
            result = load_results(store, experiment)
            devices = result.devices
            logs = [run.spec for run in store.runs(experiment) if isinstance(run.spec, LoggedRunSpec)]
            claims, parts = _training_parts(store, definition, result)
        case ComputedExperiment():
            claims, parts = _computed_parts(store, definition, stored)
        case _:
            raise TypeError(f"{type(definition).__name__} is no kind of experiment")
    title = definition.heading + (f" – {stored.title}" if stored.title else "")
    return Section(
        f"experiment-{experiment}",
        title,
        _subtitle(stored),
        (*_overview(stored, devices, logs), *parts, _settings_part(definition, store, stored)),
        tuple(claim for claim in claims if claim.headline),
    )


def _training_parts(
    store: Store, definition: ExperimentWithRuns, result: ExperimentResult
) -> tuple[tuple[Claim, ...], list[ReportPart]]:
    runs = store.runs(result.experiment.id)
    findings = definition.findings(definition.spec.from_json(result.experiment.spec), result)
    claims = (*largest_class_claims(result), *definition.claims(result, findings))
    events = event_table(result, runs)
    parts = [
        _claims_part(claims),
        ReportPart("Accuracy", (accuracy_table(result), *score_tables(result), *definition.report_blocks(findings))),
    ]
    if events is not None:
        parts.append(ReportPart(RUNS, (events,)))
    if (curves := curve_table(store, result, runs)) is not None:
        parts.append(ReportPart(CURVES, (curves,)))
    if any(variant.runs for variant in result.variants):
        parts += _optional_part(FIGURES, _picture_blocks(definition.figures(result)))
        parts += _optional_part(NETWORKS, _network_blocks(network_figures(result, PAGE_INCHES)))
    return claims, parts


def _computed_parts(
    store: Store, definition: ComputedExperiment, stored: StoredExperiment
) -> tuple[tuple[Claim, ...], list[ReportPart]]:
    computation = store.computation(stored.id)
    if computation is None:
        return (), [_claims_part(())]
    claims = tuple(definition.claims(ComputedResult(stored.id, computation)))
    results = _optional_part(RESULTS, definition.report_blocks(computation.findings))
    figures = _optional_part(
        FIGURES, _picture_blocks(definition.figures(definition.spec.from_json(stored.spec), computation))
    )
    return claims, [_claims_part(claims), *results, *figures]


def _optional_part(title: str, blocks: Iterable[Block]) -> list[ReportPart]:
    """Return a part of ``blocks``, or no part if there are none."""
    contents = tuple(blocks)
    return [ReportPart(title, contents)] if contents else []


def _claims_part(claims: tuple[Claim, ...]) -> ReportPart:
    nothing = Paragraph("Nothing was measured that supports a claim.", quiet=True)
    return ReportPart(RESULT, (Claims(claims),) if claims else (nothing,))


def _picture_blocks(figures: Iterable[NamedFigure]) -> Iterator[Block]:
    """Stack wide figures, and pair narrow ones."""
    pictures = [Picture(name, caption, figure) for name, figure, caption in figures]
    for narrow, together in groupby(pictures, key=lambda picture: picture.is_narrow):
        if narrow:
            yield Gallery(tuple(together))
        else:
            yield from together


def _network_blocks(figures: Iterable[NamedFigure]) -> Iterator[Block]:
    """Pair the pictures of networks, which are only as wide as they need be; long networks have a row of their own."""
    pictures = [Picture(name, caption, figure) for name, figure, caption in figures]
    for is_small, together in groupby(pictures, key=lambda picture: picture.share < HALF):
        if is_small:
            yield Gallery(tuple(together))
        else:
            yield from together


def _subtitle(stored: StoredExperiment) -> str:
    where = f" on {stored.dataset.title}" if stored.dataset and stored.dataset.title else ""
    return f"Experiment {stored.id}{where}, {_format_time(stored.created)}"


def _overview(
    stored: StoredExperiment, devices: Sequence[Device], logs: Sequence[LoggedRunSpec]
) -> Iterator[ReportPart]:
    """Yield the user's notes and the facts about the experiment."""
    notes = [Paragraph(text.strip()) for text in stored.notes.split("\n\n") if text.strip()]
    yield ReportPart("", (*notes, Facts(tuple(_facts(stored, devices, logs)))))


def _facts(
    stored: StoredExperiment, devices: Sequence[Device], logs: Sequence[LoggedRunSpec]
) -> Iterator[tuple[str, str]]:
    yield "Ended", _format_status(stored)
    if logs:
        formats = Counter(log.format for log in logs)
        yield "Runs", "as logged by " + "; ".join(f"{name} ({pluralise(n, 'run')})" for name, n in formats.items())
        yield from _told_facts(stored.dataset)
    elif (data := stored.dataset) is not None:
        height, width, channels = data.shape
        size = f"{width} x {height} pixels, {pluralise(channels, 'channel')}, {len(data.class_names)} classes"
        parts = f"{data.train_count:,} training, {data.validation_count:,} validation, {data.test_count:,} test images"
        yield "Data set", f"{data.title}: {parts}, {size}"
        if data.class_counts:
            yield "Images of each class", _class_counts(data)
        for warning in data.warnings:
            yield "Warning", warning
        yield "SHA-256", data.fingerprint
    if stored.seed != UNKNOWN_SEED:
        yield "Seed", str(stored.seed)
    if devices:
        used = "; ".join(device.title for device in devices)
        threads = f", {pluralise(stored.workers, 'worker')}, {pluralise(devices[0].threads, 'thread')} each"
        library = f", computed by {devices[0].library} ({devices[0].instructions})" if devices[0].library else ""
        yield "Device", used if logs else f"{used}{threads}{library}"
    if stored.versions:
        yield "Versions", ", ".join(f"{name} {version}" for name, version in stored.versions.items())


def _told_facts(data: DatasetInfo | None) -> Iterator[tuple[str, str]]:
    """Yield what logs tell of the data set."""
    if data is None:
        return
    counts = zip(
        (data.train_count, data.validation_count, data.test_count), ("training", "validation", "test"), strict=True
    )
    parts = [f"{count:,} {part}" for count, part in counts if count]
    told = [f"{', '.join(parts)} images"] if parts else []
    if data.class_names:
        told.append(f"{len(data.class_names)} classes")
    name = data.title or data.name
    if name or told:
        yield "Data set", ": ".join(filter(None, (name, ", ".join(told))))
    for warning in data.warnings:
        yield "Warning", warning


def _class_counts(data: DatasetInfo) -> str:
    """Format training and test images of each class, only the range where there are many classes; and the origin."""
    source = "of its own" if data.own_validation else "held back from training"
    if len(data.class_names) > MAX_CLASSES_LISTED:
        train, test = data.class_counts, data.test_class_counts
        listed = f"{min(train):,} to {max(train):,} training and {min(test):,} to {max(test):,} test images"
    else:
        each = zip(data.class_names, data.class_counts, data.test_class_counts, strict=True)
        listed = ", ".join(f"{name}: {train:,} / {test:,}" for name, train, test in each) + " (training / test)"
    return f"{listed}; validation images {source}"


def _format_status(stored: StoredExperiment) -> str:
    if not stored.status.is_final:
        return "not yet; this is what was recorded until now"
    took = "" if stored.seconds is None else f" after {as_duration(stored.seconds)}"
    reason = f": {stored.reason}" if stored.reason else ""
    return f"{Status(stored.status).value}{took}{reason}"


def _settings_part(definition: Experiment, store: Store, stored: StoredExperiment) -> ReportPart:
    """Return the table of settings, and what differed from them."""
    differed = shortened_interval(run.planned for run in store.runs(stored.id))
    remarks = (Paragraph(differed, quiet=True),) if differed else ()
    return ReportPart("Settings", (settings_table(definition, definition.spec.from_json(stored.spec)), *remarks))


def _format_time(seconds: float) -> str:
    """Format a Unix time as local time, such as ``24 November 2026, 18:05``."""
    at = datetime.fromtimestamp(seconds).astimezone()
    return f"{at.day} {at:%B %Y, %H:%M}"
