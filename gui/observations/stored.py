"""Stored experiments as the window observes them: read away from the event loop, one alone or several as one."""

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
from gui.observations.run import QUANTITIES, RunObservation


def spec_of(entry: CatalogueEntry) -> ExperimentSpec:
    """The settings of a stored experiment; raises :class:`SpecError` where this program doesn't know them.

    Raises :class:`StoreError` where the experiment itself can't be read.
    """
    if entry.stored.name == UNREADABLE_NAME:
        raise StoreError(entry.stored.reason)
    return find_experiment(entry.stored.name).spec.from_json(entry.stored.spec)


@dataclass(frozen=True)
class Stored:
    """A stored experiment with all that was observed of it."""

    entry: CatalogueEntry
    observations: Observations


def reading(number: int) -> Callable[[Path], Iterator[CatalogueEntry | str | Stored]]:
    """A question to the store: the experiment's entry, how far the reading is, and all of it.

    It is put together where it is read, so that the window only has to draw it. Raises :class:`StoreError` where there
    is no such experiment, and :class:`SpecError` where this program doesn't know its settings.
    """

    def question(workspace: Path) -> Iterator[CatalogueEntry | str | Stored]:
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
            for quantity in QUANTITIES:
                variant.curve(quantity)  # kept: of a million records it would hold up the window
        yield Stored(entry, observations)

    return question


def merged(number: int, stored: Sequence[Stored]) -> Observations:
    """Several experiments as one whose variants are called such as ``#12 cnn_4``, no two drawn alike.

    ``number`` stands for the experiment: a view keeps its zoom as long as it is the same. Runs that only found settings
    for others are left out. Each variant knows the data set that it was trained on. Raises :class:`TrainscopeError`
    where there are more variants than looks.
    """
    together = Observations()
    together.experiment = number
    variants = [
        (f"#{each.observations.experiment} {variant.name}", variant)
        for each in stored
        for variant in each.observations.variants.values()
        if not variant.is_probe
    ]
    looks = distinct_styles()
    if len(variants) > len(looks):
        raise TrainscopeError(
            f"{len(variants)} curves can't be told apart, {len(looks)} can; take an experiment out of the comparison."
        )
    for (name, variant), style in zip(variants, looks, strict=False):
        runs = [_renamed(run, name) for run in variant.runs]
        together.variants[name] = replace(variant, name=name, style=style, runs=runs)
        together.runs |= {run.planned.run: run for run in runs}
    return together


def _renamed(run: RunObservation, variant: str) -> RunObservation:
    spec = run.planned.spec.model_copy(update={"variant": variant})
    return replace(run, planned=replace(run.planned, spec=spec))
