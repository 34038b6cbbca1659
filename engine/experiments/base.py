"""What an experiment declares; everything else that the program knows of one follows from it.

There are two kinds: a :class:`TrainingExperiment` plans runs, a :class:`ComputedExperiment` computes its results in one
task. Both are run by the same session and kept in the same store. docs/extending.md shows how one is added.
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


def _empty(*_given: Any) -> Iterator[Any]:
    return iter(())


def _no_findings(_spec: Any, _result: ExperimentResult) -> Findings:
    return {}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What both kinds declare.

    Attributes:
        name: How it is called on the command line and in the store.
        title: What its tab is called.
        summary: What it does, in one sentence.
        lesson: What to look at beside the plots, and what it means; simple HTML.
        spec: Its settings, from whose fields form, command line, TOML and the report's table of settings follow.
        presets: The fields that ``quick`` and ``course``, which must both be there, change from their defaults.
        homework_part: Which part of the course's homework it is; None for one beyond the course, which is left out
            where all experiments of the course are asked for, and comes last in a report.
        report_title: What its section of a report is called, where that is not ``title``.
        batch_lines: The lines that ``--batch`` prints of the findings.
        report_blocks: Tables and text that a report has of the findings.
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
        """The heading of its section in a report, such as ``Part 1: Basic concepts``."""
        title = self.report_title or self.title
        return title if self.homework_part is None else f"Part {self.homework_part}: {title}"

    def preset(self, name: str, **changes: Any) -> ExperimentSpec:
        """The spec of a preset with ``changes`` on top; raises :class:`~engine.utils.errors.SpecError`."""
        return self.spec.build(dict(self.presets[name]) | changes)


@dataclass(frozen=True, kw_only=True)
class TrainingExperiment(Experiment):
    """An experiment that trains networks.

    Attributes:
        plan: The runs of a spec.
        follow_up: Asked once all of them have ended, and again after each further stage, for runs that depend on what
            was found. It looks at the stored results alone, so that an interrupted experiment can go on, and may name
            runs that there are already.
        findings: Further keys of ``summary.json``, from the spec and the results.
        claims: What the results and the findings support.
        figures: The figures of the results.
        course_dictionaries: Names of files without suffix, and the result dictionaries that the course's plotting
            expects.
    """

    plan: Callable[[Any], list[RunSpec]]
    follow_up: Callable[[Any, ExperimentResult], list[RunSpec]] | None = None
    findings: Callable[[Any, ExperimentResult], Findings] = _no_findings
    claims: Callable[[ExperimentResult, Findings], Iterator[Claim]] = _empty
    figures: Callable[[ExperimentResult], Iterator[NamedFigure]] = _empty
    course_dictionaries: Callable[[ExperimentResult], Iterator[tuple[str, CourseDictionary]]] = _empty


@dataclass(frozen=True, kw_only=True)
class ComputedExperiment(Experiment):
    """An experiment that computes its results in one task of a worker.

    Attributes:
        compute: Gets the spec, a function that sends a :class:`~engine.events.experiments.ComputedPart` to whoever watches, and a
            progress, which raises :class:`~engine.utils.errors.Cancelled` when the user asks for it, or its kind
            :class:`~engine.utils.errors.Stopped`, which ``compute`` may answer with what it has so far.
        claims: What the computation supports.
        figures: The figures of the spec and the computation.
        archives: The names of exported ``.npz`` files without suffix, and the arrays in each.
        replay: The parts that were once sent, for who opens the stored results.
    """

    compute: Callable[[Any, Callable[[ComputedPart], None], ProgressCallback], Computation]
    claims: Callable[[ComputedResult], Iterator[Claim]] = _empty
    figures: Callable[[Any, Computation], Iterator[NamedFigure]] = _empty
    archives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    replay: Callable[[Computation], Iterator[ComputedPart]] = _empty
