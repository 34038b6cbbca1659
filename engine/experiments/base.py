"""What an experiment declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.spec import ExperimentSpec, RunSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.results import ExperimentResult

CourseDictionary = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    """An experiment: its fields, its plan and what it exports.

    ``presets`` maps a preset's name to the fields it changes from their defaults; ``plan`` gives the runs of a spec;
    ``figures`` yields (file name without suffix, figure); ``course_dictionaries`` yields (file name without suffix,
    the result dictionary the course's plotting expects).
    """

    name: str
    title: str
    summary: str
    spec: type[ExperimentSpec]
    presets: Mapping[str, Mapping[str, Any]]
    plan: Callable[[Any], list[RunSpec]]
    figures: Callable[[ExperimentResult], Iterator[tuple[str, Figure]]]
    course_dictionaries: Callable[[ExperimentResult], Iterator[tuple[str, CourseDictionary]]]

    def preset(self, name: str, **changes: Any) -> ExperimentSpec:
        """The spec of a preset with ``changes`` on top; raises :class:`~engine.errors.SpecError`."""
        return self.spec.build(dict(self.presets[name]) | changes)
