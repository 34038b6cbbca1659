"""The columns of each run that the list of experiments needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from engine.analysis.statistics import accuracies_of, counted_runs
from engine.events.runs import Status

# The columns of a listed run. A finished run has records; for any other, ``points`` is queried.
_RUNS = """
SELECT status, experiment, variant,
    CASE WHEN typeof(test_accuracy) IN ('real', 'integer') THEN test_accuracy END AS test_accuracy,
    test_accuracy IS NOT NULL AS is_tested,
    CASE WHEN json_valid(spec) THEN coalesce(json_extract(spec, '$.probe'), 0) ELSE 1 END AS is_probe,
    CASE WHEN json_valid(device) THEN json_extract(device, '$.kind') || ': ' || json_extract(device, '$.name')
        END AS device,
    status = 'finished' OR EXISTS (SELECT 1 FROM points WHERE run = runs.id) AS has_records,
    EXISTS (SELECT 1 FROM interventions WHERE run = runs.id AND kind = 'learning rate') AS has_manual_rate
FROM runs{where} ORDER BY id
"""


class ListedRun(NamedTuple):
    """A row of the query; ``device`` is a text such as ``CPU: Intel``."""

    status: Status
    experiment: int
    variant: str
    test_accuracy: float | None
    is_tested: bool
    is_probe: bool
    device: str | None
    has_records: bool
    has_manual_rate: bool


def runs_query(where: str) -> str:
    """Return the SQL query of ``listed_runs``; ``where`` is a WHERE clause on ``runs``, or empty."""
    return _RUNS.format(where=where)


def listed_runs(rows: Iterable[Iterable[Any]]) -> Iterator[ListedRun]:
    """Yield the rows as runs; one with a damaged status counts as skipped, so it can't be resumed."""
    known = {str(status): status for status in Status}
    for status, *rest in rows:
        yield ListedRun(known.get(status, Status.SKIPPED), *rest)


def counted_accuracies(runs: Iterable[ListedRun]) -> list[float]:
    """Return the test accuracies included in statistics of an experiment; probes are excluded."""
    variants: dict[str, list[ListedRun]] = defaultdict(list)
    for run in runs:
        if not run.is_probe:
            variants[run.variant].append(run)
    return [accuracy for each in variants.values() for accuracy in accuracies_of(counted_runs(each))]
