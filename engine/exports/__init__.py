"""Export of an experiment's results to a folder, in the chosen formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from engine.analysis.network_figure import network_figures
from engine.analysis.results import ExperimentResult, load_results
from engine.config.export_formats import DEFAULT_FORMATS, FORMATS, TENSORFLOW_FORMATS, Format, parse_formats
from engine.datasets.base import ProgressCallback
from engine.events.experiments import Computation
from engine.experiments import find_experiment
from engine.experiments.base import ComputedExperiment, ExperimentWithRuns
from engine.exports.course import portable_pickle, write_course
from engine.exports.curves import write_curves
from engine.exports.figures import write_figures
from engine.exports.files import NOT_UTF_8, check_writable, file_name, write_json, write_text
from engine.exports.manifest import read_manifest, remove_replaced, write_manifest
from engine.exports.networks import write_networks
from engine.exports.scores import write_scores
from engine.exports.script import write_scripts
from engine.exports.summary import summary, summary_header
from engine.exports.tensorboard import write_event_files
from engine.storage.store import Store, StoredExperiment
from engine.utils.errors import ExportError
from engine.utils.files import atomic_path
from engine.utils.text import pluralise

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "TENSORFLOW_FORMATS",
    "Export",
    "Format",
    "check_writable",
    "export_experiment",
    "parse_formats",
    "portable_pickle",
]

MAX_NAMED = 5  # changed files of an earlier export


@dataclass
class Export:
    """The files that an export wrote, and those of an earlier export that it removed, or kept as they were changed.

    Attributes:
        problems: sentences on what could not be exported.
    """

    files: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    changed: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def remark(self) -> str:
        """What became of the earlier files: ``; 2 files of an earlier export removed``, or empty."""
        parts = []
        if self.removed:
            parts.append(f"; {pluralise(len(self.removed), 'file')} of an earlier export removed")
        if self.changed:
            names = ", ".join(path.name for path in self.changed[:MAX_NAMED])
            more = ", …" if len(self.changed) > MAX_NAMED else ""
            parts.append(f"; {pluralise(len(self.changed), 'changed file')} of an earlier export kept: {names}{more}")
        return "".join(parts)


def export_experiment(
    store: Store,
    experiment: int,
    folder: Path,
    formats: Sequence[Format] = DEFAULT_FORMATS,
    progress: ProgressCallback = lambda _message, _done, _total: None,
) -> Export:
    """Write the results of an experiment to a folder, which is created if missing.

    Each file takes its place once it is complete. The files of an earlier export to the folder that this one doesn't
    write are removed at the end, unless they were changed since. Propagates errors of ``progress``.

    Args:
        store: the store that holds the experiment.
        experiment: id of the experiment.
        folder: the target.
        formats: what to write; the settings are always written.
        progress: called before what takes longer.

    Returns:
        The files written, removed and kept, and what could not be exported.

    Raises:
        ExportError: if the folder can't be written, or a text can't be encoded.
    """
    stored = store.experiment(experiment)
    check_writable(folder)
    export, earlier = Export(), read_manifest(folder)
    try:
        try:
            export.files.extend(_write_files(store, stored, folder, formats, export.problems.append, progress))
            export.removed, export.changed = remove_replaced(folder, earlier, export.files)
        finally:
            write_manifest(folder, earlier, export.files)
    except OSError as error:
        raise ExportError(f"{folder} can't be written ({error.strerror}); choose another folder.") from error
    except UnicodeEncodeError as error:
        raise ExportError(f"Experiment {experiment} can't be exported: {NOT_UTF_8}") from error
    return export


def _write_files(
    store: Store,
    stored: StoredExperiment,
    folder: Path,
    formats: Sequence[Format],
    tell: Callable[[str], None],
    progress: ProgressCallback,
) -> Iterator[Path]:
    """Write the files of an experiment.

    Raises:
        TypeError: if the experiment's declaration is of an unknown kind.
    """
    definition = find_experiment(stored.name)
    match definition:
        case ExperimentWithRuns():
            result = load_results(store, stored.id)
            yield from _write_training(store, result, definition, folder, formats)
            if not result.is_logged:
                yield from write_networks(folder / "networks", result, formats, tell, progress)
                if Format.KERAS_SCRIPT in formats:
                    yield from write_scripts(folder / "scripts", result, tell, progress)
            elif set(formats) & set(TENSORFLOW_FORMATS):
                tell("Runs of other programs are exported without networks and scripts, as their logs have none.")
        case ComputedExperiment():
            yield from _write_computation(stored, store.computation(stored.id), definition, folder, formats)
        case _:
            raise TypeError(f"{type(definition).__name__} is no kind of experiment")


def _write_training(
    store: Store, result: ExperimentResult, definition: ExperimentWithRuns, folder: Path, formats: Sequence[Format]
) -> Iterator[Path]:
    spec = definition.spec.from_json(result.experiment.spec)
    yield write_text(folder / "settings.toml", spec.to_toml())
    if Format.JSON in formats:
        yield write_json(folder / "summary.json", summary(result, spec, definition.findings(spec, result)))
    if Format.CSV in formats:
        yield write_curves(folder / "curves.csv", result)
        yield write_scores(folder / "test_scores.csv", result)
    yield from write_figures(folder, chain(definition.figures(result), network_figures(result)), formats)
    if Format.COURSE in formats:
        for name, dictionary in definition.course_dictionaries(result):
            yield from write_course(folder / "course", file_name(name), dictionary)
    if Format.TENSORBOARD in formats:
        yield from write_event_files(folder / "tensorboard", store, result)


def _write_computation(
    stored: StoredExperiment,
    computation: Computation | None,
    definition: ComputedExperiment,
    folder: Path,
    formats: Sequence[Format],
) -> Iterator[Path]:
    spec = definition.spec.from_json(stored.spec)
    yield write_text(folder / "settings.toml", spec.to_toml())
    if Format.JSON in formats:
        findings = computation.findings if computation else {}
        settings = {"settings": spec.model_dump(mode="json")}
        yield write_json(folder / "summary.json", summary_header(stored) | {"variants": []} | findings | settings)
    if computation is None:
        return
    if Format.CSV in formats:
        yield from _write_archives(computation, definition, folder)
    yield from write_figures(folder, definition.figures(spec, computation), formats)


def _write_archives(computation: Computation, definition: ComputedExperiment, folder: Path) -> Iterator[Path]:
    for name, arrays in definition.archives.items():
        path = folder / f"{name}.npz"
        chosen: dict[str, Any] = {array: computation.arrays[array] for array in arrays}
        with atomic_path(path) as part:
            np.savez_compressed(part, **chosen)
        yield path
