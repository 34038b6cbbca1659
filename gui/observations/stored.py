"""Observations of stored experiments, read in the background, and merged for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from engine.analysis.styles import distinct_styles
from engine.config.specs import ExperimentSpec
from engine.events.runs import RunRestored
from engine.experiments import find_experiment
from engine.utils.errors import StoreError, TrainscopeError
from engine.utils.text import pluralise
from engine.workspace.catalogue import UNREADABLE_NAME, Catalogue, CatalogueEntry
from engine.workspace.replay import replay_experiment
from gui.observations.experiment import Observations
from gui.observations.run import QUANTITIES, RunObservation, metric_quantity


def spec_of(entry: CatalogueEntry) -> ExperimentSpec:
    """Return the settings of a stored experiment.

    Raises:
        SpecError: if the experiment or its settings are unknown to this version.
        StoreError: if the experiment can't be read.
    """
    if entry.stored.name == UNREADABLE_NAME:
        raise StoreError(entry.stored.reason)
    return find_experiment(entry.stored.name).spec.from_json(entry.stored.spec)


@dataclass(frozen=True)
class Stored:
    """A stored experiment with its observations."""

    entry: CatalogueEntry
    observations: Observations


def read_experiment(number: int) -> Callable[[Path], Iterator[CatalogueEntry | str | Stored]]:
    """Query an experiment with all its records.

    The observations are built in the reading thread, so that the GUI thread only draws them.

    Returns:
        A query that yields the experiment's entry, progress messages, and the ``Stored`` experiment. It raises
        ``StoreError`` if there is no such experiment, and ``SpecError`` if its settings are unknown to this version.
    """

    def query(workspace: Path) -> Iterator[CatalogueEntry | str | Stored]:
        with closing(Catalogue(workspace)) as catalogue:
            entry = catalogue.entry(number)
        yield entry
        observations = Observations()
        observations.expect(spec_of(entry))
        for read, event in enumerate(replay_experiment(workspace, number)):  # the first event is the plan
            observations.take(event)
            if isinstance(event, RunRestored):
                yield f"{read} of {pluralise(len(observations.runs), 'run')} read"
        for variant in observations.variants.values():
            for quantity in (*QUANTITIES, *map(metric_quantity, variant.metrics)):
                variant.curve(quantity)  # cached: for a million records it would block the GUI thread
        yield Stored(entry, observations)

    return query


def merge_experiments(number: int, stored: Sequence[Stored]) -> Observations:
    """Merge experiments into one with variants named such as ``#12 cnn_4``, each in a distinct style.

    Probe runs are excluded. Each variant keeps its own data set.

    Args:
        number: number of the merged experiment; views keep their zoom while it stays the same.
        stored: the experiments.

    Raises:
        TrainscopeError: if there are more variants than distinct styles.
    """
    together = Observations()
    together.experiment = number
    variants = [
        (f"#{each.observations.experiment} {variant.name}", variant)
        for each in stored
        for variant in each.observations.variants.values()
        if not variant.is_probe
    ]
    available = distinct_styles()
    if len(variants) > len(available):
        raise TrainscopeError(
            f"{len(variants)} curves can't be told apart, {len(available)} can; "
            "take an experiment out of the comparison."
        )
    for (name, variant), style in zip(variants, available, strict=False):
        runs = [_renamed(run, name) for run in variant.runs]
        together.variants[name] = replace(variant, name=name, style=style, runs=runs)
        together.runs |= {run.planned.run: run for run in runs}
    return together


def _renamed(run: RunObservation, variant: str) -> RunObservation:
    spec = run.planned.spec.model_copy(update={"variant": variant})
    return replace(run, planned=replace(run.planned, spec=spec))
