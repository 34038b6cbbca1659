"""What an experiment declares.

There are two kinds: a :class:`TrainingExperiment` plans runs, a :class:`ComputedExperiment` computes its results in one
go. Both are carried out by the same session and kept in the same store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.config.specs import ExperimentSpec, RunSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.analysis.results import ExperimentResult
    from engine.events.experiments import ComputedPart
from engine.events.experiments import Computation

CourseDictionary = dict[str, Any]


ProgressCallback = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Experiment:
    """What all experiments have.

    ``summary`` says in a sentence what it does; ``lesson`` says beside the plots what to look at and what it means, as
    simple HTML; ``presets`` maps a preset's name to the fields it changes from their defaults. What is not
    ``in_course`` needs something that only its user can name, and is left out where every experiment is asked for.
    """

    name: str
    title: str
    summary: str
    lesson: str
    spec: type[ExperimentSpec]
    presets: Mapping[str, Mapping[str, Any]]
    in_course: bool = field(default=True, kw_only=True)

    def preset(self, name: str, **changes: Any) -> ExperimentSpec:
        """The spec of a preset with ``changes`` on top; raises :class:`~engine.utils.errors.SpecError`."""
        return self.spec.build(dict(self.presets[name]) | changes)


def _no_findings(_spec: Any, _result: ExperimentResult) -> dict[str, Any]:
    return {}


def _no_lines(_findings: dict[str, Any]) -> Iterator[str]:
    return iter(())


@dataclass(frozen=True)
class TrainingExperiment(Experiment):
    """An experiment that trains networks.

    ``plan`` gives the runs of a spec. ``follow_up`` is asked once all of them have ended, and again after each further
    stage, for runs that depend on what was found; it looks at the stored results alone, so that an interrupted
    experiment can go on, and may name runs that there are already. ``figures`` yields (file name without suffix,
    figure); ``course_dictionaries`` yields (file
    name without suffix, the result dictionary the course's plotting expects); ``findings`` are further keys of
    ``summary.json``, and ``report`` the lines that ``--batch`` prints of them.
    """

    plan: Callable[[Any], list[RunSpec]]
    figures: Callable[[ExperimentResult], Iterator[tuple[str, Figure]]]
    course_dictionaries: Callable[[ExperimentResult], Iterator[tuple[str, CourseDictionary]]]
    follow_up: Callable[[Any, ExperimentResult], list[RunSpec]] | None = None
    findings: Callable[[Any, ExperimentResult], dict[str, Any]] = _no_findings
    report: Callable[[dict[str, Any]], Iterator[str]] = _no_lines


def _nothing_to_tell(_found: Computation) -> Iterator[ComputedPart]:
    return iter(())


@dataclass(frozen=True)
class ComputedExperiment(Experiment):
    """An experiment that computes its results in one task of a worker.

    ``compute`` gets the spec, a function that sends a :class:`~engine.events.experiments.ComputedPart` to whoever watches, and a
    progress, which raises :class:`~engine.utils.errors.Cancelled` when the user asks for it, or its kind
    :class:`~engine.utils.errors.Stopped`, which ``compute`` may answer with what it has so far. ``report`` gives the lines
    that ``--batch`` prints of the findings. ``figures`` yields (file name without suffix, figure). ``archives`` maps
    the name of an exported ``.npz`` file to the arrays in it. ``retell`` gives the parts that were once sent, for
    who opens the stored results.
    """

    compute: Callable[[Any, Callable[[ComputedPart], None], ProgressCallback], Computation]
    report: Callable[[dict[str, Any]], Iterator[str]]
    figures: Callable[[Any, Computation], Iterator[tuple[str, Figure]]]
    archives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retell: Callable[[Computation], Iterator[ComputedPart]] = _nothing_to_tell
