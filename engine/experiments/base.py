"""Declarations of experiments, from which everything else in the program is derived.

There are three kinds: a ``TrainingExperiment`` plans runs, a ``ComputedExperiment`` computes its results in one task;
both are run by the same session. The runs of a ``LoggedExperiment`` are trained and logged by other programs and read
by ``engine.watching``. All are kept in the same store. docs/extending.md shows how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.config.specs import ExperimentSpec, RunSpec
from engine.datasets.base import ProgressCallback

if TYPE_CHECKING:
    from engine.analysis.blocks import Facts, NamedFigure, Paragraph, Table
    from engine.analysis.claims import Claim, ComputedResult
    from engine.analysis.results import ExperimentResult
    from engine.events.experiments import Computation, ComputedPart

CourseDictionary = dict[str, Any]
Findings = dict[str, Any]


def _empty(*_args: Any) -> Iterator[Any]:
    return iter(())


def _no_findings(_spec: Any, _result: ExperimentResult) -> Findings:
    return {}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Declarations common to all kinds of experiments.

    Attributes:
        name: identifier on the command line and in the store.
        title: title of its tab.
        summary: what it does, in one sentence.
        lesson: text beside the plots, on what to look for and what it means; simple HTML.
        spec: the settings; form, command line, TOML and the report's table of settings are derived from its fields.
        presets: values that differ from the defaults, for each of ``quick`` and ``course``, both of which are required
            for an experiment that this program runs.
        homework_part: part of the course's homework; None for an experiment beyond the course, which ``all`` leaves out
            and which comes last in a report.
        report_title: heading of its section in a report, if not ``title``.
        batch_lines: the lines that ``--batch`` prints about the findings.
        report_blocks: tables and text about the findings in a report.
    """

    name: str
    title: str
    summary: str
    lesson: str
    spec: type[ExperimentSpec]
    presets: Mapping[str, Mapping[str, Any]]
    homework_part: int | None = None
    report_title: str = ""
    batch_lines: Callable[[Findings], Iterator[str]] = _empty
    report_blocks: Callable[[Findings], Iterator[Table | Facts | Paragraph]] = _empty

    @property
    def heading(self) -> str:
        """Heading of its section in a report, such as ``Part 1: Basic concepts``."""
        title = self.report_title or self.title
        return title if self.homework_part is None else f"Part {self.homework_part}: {title}"

    def preset(self, name: str, **changes: Any) -> ExperimentSpec:
        """Build the spec of a preset, with ``changes`` applied.

        Raises:
            SpecError: if a changed value is invalid.
        """
        return self.spec.build(dict(self.presets[name]) | changes)


@dataclass(frozen=True, kw_only=True)
class ExperimentWithRuns(Experiment):
    """An experiment whose results are runs with records.

    Attributes:
        findings: returns further keys of ``summary.json``, from the spec and the results.
        claims: yields the claims that results and findings support.
        figures: yields the figures of the results.
        course_dictionaries: yields file names without suffix, with the result dictionaries that the course's plotting
            code expects.
    """

    findings: Callable[[Any, ExperimentResult], Findings] = _no_findings
    claims: Callable[[ExperimentResult, Findings], Iterator[Claim]] = _empty
    figures: Callable[[ExperimentResult], Iterator[NamedFigure]] = _empty
    course_dictionaries: Callable[[ExperimentResult], Iterator[tuple[str, CourseDictionary]]] = _empty


@dataclass(frozen=True, kw_only=True)
class LoggedExperiment(ExperimentWithRuns):
    """An experiment whose runs other programs train and log."""


@dataclass(frozen=True, kw_only=True)
class TrainingExperiment(ExperimentWithRuns):
    """An experiment that trains networks.

    Attributes:
        plan: returns the runs of a spec.
        follow_up: called once all planned runs have ended, and again after each further stage; returns runs that depend
            on the results so far. It reads only the stored results, so that an interrupted experiment can be resumed,
            and may return runs that exist already.
        later_stages: returns what ``follow_up`` will return, stage by stage, as far as it determines the time: how many
            runs, and of how many steps; their schedules are not known yet.
    """

    plan: Callable[[Any], list[RunSpec]]
    follow_up: Callable[[Any, ExperimentResult], list[RunSpec]] | None = None
    later_stages: Callable[[Any], list[list[RunSpec]]] = lambda _spec: []


@dataclass(frozen=True, kw_only=True)
class ComputedExperiment(Experiment):
    """An experiment that computes its results in one task of a worker.

    Attributes:
        compute: called with the spec, a function that emits a ``ComputedPart`` as an event, and a progress callback.
            The callback raises ``Cancelled`` if the user cancels, or its subclass ``Stopped``, on which ``compute`` may
            return its results so far.
        claims: yields the claims that the computation supports.
        figures: yields the figures of the spec and the computation.
        archives: names of exported ``.npz`` files without suffix, with the names of the arrays in each.
        replay: yields the parts that ``compute`` emitted, from the stored computation.
    """

    compute: Callable[[Any, Callable[[ComputedPart], None], ProgressCallback], Computation]
    claims: Callable[[ComputedResult], Iterator[Claim]] = _empty
    figures: Callable[[Any, Computation], Iterator[NamedFigure]] = _empty
    archives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    replay: Callable[[Computation], Iterator[ComputedPart]] = _empty
