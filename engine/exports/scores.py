"""Export of ``test_scores.csv``: precision, recall and F1 of each class in each test."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.analysis.results import ExperimentResult
from engine.analysis.scores import scores_of
from engine.utils.files import atomic_path

SCORE_COLUMNS = ("variant", "repeat", "class", "images", "predicted", "precision", "recall", "f1")


def score_rows(result: ExperimentResult) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``test_scores.csv``, one per class of each run that was tested."""
    for variant in result.compared:
        for run in variant.tested:
            scores = scores_of(run.run.confusion, result.dataset.class_names)
            for each in scores.classes if scores else ():
                values = asdict(each)
                yield {"variant": variant.name, "repeat": run.run.spec.repeat, "class": values.pop("name"), **values}


def write_scores(path: Path, result: ExperimentResult) -> Path:
    """Write the rows as UTF-8, and return the file."""
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, SCORE_COLUMNS)
        writer.writeheader()
        writer.writerows(score_rows(result))
    return path
