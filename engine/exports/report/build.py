"""Assembly of stored experiments into one document, in the order of the homework."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import engine
from engine.analysis.blocks import Paragraph
from engine.experiments import EXPERIMENTS
from engine.exports.report.document import Document
from engine.exports.report.sections import build_section
from engine.storage.store import Store
from engine.utils.errors import ReportError
from engine.utils.text import pluralise

TITLE = "Training artificial neural networks"
CLOSING = (
    "Accuracies are shares of images put in the right class: training accuracy of the batches since the last record, "
    "augmented if the settings say so, validation accuracy of the whole validation set at the record, test accuracy of "
    "the test set after training. "
    "Losses are cross-entropies in nats.",
    "± is the sample standard deviation over repeats, which differ in their seed; n counts them. A difference is said "
    "to exceed the spread where it is larger than either standard deviation and Welch's t-test (two-sided) gives "
    "p < 0.05. Rank correlations are Spearman's, with a two-sided permutation test.",
)


def build_document(store: Store, experiments: Sequence[int]) -> Document:
    """Build the document of the experiments, each of which appears once.

    Raises:
        ReportError: if there are no experiments.
        StoreError: if one of them is not in the store.
    """
    if not experiments:
        raise ReportError("There is no experiment to report; choose at least one.")
    order = sorted(EXPERIMENTS.values(), key=lambda each: each.homework_part or math.inf)
    ranks = {each.name: rank for rank, each in enumerate(order)}
    stored = [store.experiment(number) for number in dict.fromkeys(experiments)]
    stored.sort(key=lambda each: (ranks.get(each.name, math.inf), each.created))
    now = datetime.now().astimezone()
    by = f"by Trainscope {engine.__version__}"
    subtitle = f"{pluralise(len(stored), 'experiment')}, written {now.day} {now:%B %Y} {by}"
    sections = tuple(build_section(store, each.id) for each in stored)
    return Document(TITLE, subtitle, sections, tuple(Paragraph(text, quiet=True) for text in CLOSING))
