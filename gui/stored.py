"""Stored experiments as the window observes them: read away from the event loop, one alone or several as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from engine.catalogue import Catalogue, Entry
from engine.errors import TrainscopeError
from engine.events import Event
from engine.experiments import find_experiment
from engine.palette import distinct_styles
from engine.restore import restored_experiment
from engine.spec import ExperimentSpec
from engine.store import Store
from gui.observations import Observations, RunObservation, VariantObservation


def spec_of(entry: Entry) -> ExperimentSpec:
    """The settings of a stored experiment; raises :class:`SpecError` where this program doesn't know them."""
    return find_experiment(entry.stored.name).spec.from_json(entry.stored.spec)


def reading(number: int) -> Callable[[Path], Iterator[Entry | Event]]:
    """A question for a :class:`~gui.reader.Reader`: the experiment's entry, then all that once happened in it."""

    def question(workspace: Path) -> Iterator[Entry | Event]:
        with closing(Catalogue(workspace)) as catalogue:
            yield catalogue.entry(number)
        with closing(Store(workspace)) as store:
            yield from restored_experiment(store, number)

    return question


class Stored:
    """One stored experiment while it is read and afterwards."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.observations = Observations()

    def take(self, part: Entry | Event) -> None:
        """Note an answer to :func:`reading`; raises :class:`SpecError` where its settings are not known here."""
        if isinstance(part, Entry):
            self.entry = part
            self.observations.expect(spec_of(part))
        else:
            self.observations.take(part)

    @property
    def runs_read(self) -> str:
        """How far the reading is."""
        runs = self.observations.runs.values()
        read = sum(run.status.is_final for run in runs)
        return f"{read} of {len(runs)} runs read" if runs else "reading"


def merged(number: int, stored: Sequence[Stored]) -> Observations:
    """Several experiments as one whose variants are called such as ``#12 cnn_4``, none drawn like another.

    ``number`` stands for the experiment: a view keeps its zoom as long as it is the same. Runs that only found settings
    for others are left out. Raises :class:`TrainscopeError` where there are more variants than looks.
    """
    together = Observations()
    together.experiment = number
    together.info = stored[0].observations.info
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
        together.variants[name] = VariantObservation(name, style, runs, changes=1)
        together.runs |= {run.planned.run: run for run in runs}
    return together


def _renamed(run: RunObservation, variant: str) -> RunObservation:
    spec = run.planned.spec.model_copy(update={"variant": variant})
    return replace(run, planned=replace(run.planned, spec=spec))
