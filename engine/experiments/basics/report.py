"""Text and tables about the findings, for ``--batch`` and for a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.analysis.blocks import Table, TableColumn
from engine.utils.text import scientific

OPTIMIZERS = {"sgd": "SGD", "momentum": "Momentum", "adam": "Adam"}


def batch_lines(findings: dict[str, Any]) -> Iterator[str]:
    """Format the findings, concept by concept."""
    for example in findings["cross_entropy"]["examples"]:
        yield (
            f"cross-entropy at p = {example['probability_of_true_class']:g}: {example['loss']:.4f} nats, "
            f"gradient at the true logit {example['gradient_at_true_logit']:+.2f}"
        )
    for batches in findings["batches"]:
        yield (
            "{images:,} images in batches of {batch_size:,}: {batches_per_epoch:,} an epoch, the last of "
            "{last_batch:,}; {epochs:,} epochs are {iterations:,} iterations"
        ).format(**batches)
    yield from _parameter_lines(findings["parameters"])
    recovery = findings["gradient_recovery"]
    yield f"gradient recovered from {recovery['steps']:,} steps at rate {recovery['learning_rate']:g}"
    for name, measures in recovery["optimizers"].items():
        verdict = _verdict(measures)
        yield (
            f"  {OPTIMIZERS[name]:<10}largest difference {measures['largest_difference']:.2e}, "
            f"rounding at most {measures['largest_bound']:.2e}: {verdict}"
        )


def _verdict(measures: dict[str, Any]) -> str:
    if measures["largest_bound"] > measures["largest_gradient"]:
        return "hidden by rounding; choose a larger learning rate"
    return "within rounding" if measures["within_rounding"] else "not the gradient"


def _parameter_lines(networks: Sequence[dict[str, Any]]) -> Iterator[str]:
    for network in networks:
        size = "x".join(map(str, network["input_shape"]))
        yield f"{network['name']} on {size}: {network['total']:,} parameters"
        width = max(20, *(len(layer["layer"]) + 2 for layer in network["layers"] if layer["parameters"]))
        for layer in network["layers"]:
            if layer["parameters"]:
                yield f"  {layer['layer']:<{width}}{layer['formula']:<28}{layer['parameters']:>10,}"


def report_blocks(findings: dict[str, Any]) -> Iterator[Table]:
    """Tabulate cross-entropy, batches, parameters and the recovered gradient."""
    yield Table(
        "Cross-entropy",
        (
            TableColumn("Probability of the true class"),
            TableColumn("Loss, -ln p", numeric=True),
            TableColumn("Gradient, p - 1", True),
        ),
        tuple(
            (f"{e['probability_of_true_class']:g}", f"{e['loss']:.4f} nats", f"{e['gradient_at_true_logit']:+.2f}")
            for e in findings["cross_entropy"]["examples"]
        ),
    )
    titles = ("Images", "Batch size", "Epochs", "Batches an epoch", "Last batch", "Iterations")
    keys = ("images", "batch_size", "epochs", "batches_per_epoch", "last_batch", "iterations")
    yield Table(
        "Batches and iterations",
        tuple(TableColumn(title, numeric=True) for title in titles),
        tuple(tuple(f"{row[key]:,}" for key in keys) for row in findings["batches"]),
    )
    yield _parameters(findings["parameters"])
    yield _recovery(findings["gradient_recovery"])


def _parameters(networks: list[dict[str, Any]]) -> Table:
    columns = (
        *(TableColumn("Network", width=2), TableColumn("Input", width=2), TableColumn("Layer", width=4)),
        *(TableColumn("Counted as", width=5), TableColumn("Parameters", numeric=True, width=3)),
    )
    rows: list[tuple[str, ...]] = []
    marked: set[int] = set()
    for network in networks:
        size = "x".join(map(str, network["input_shape"]))
        layers = [layer for layer in network["layers"] if layer["parameters"]]
        marked.add(len(rows) + len(layers))
        rows += [(network["name"], size, each["layer"], each["formula"], f"{each['parameters']:,}") for each in layers]
        rows.append((network["name"], size, "total", "", f"{network['total']:,}"))
    return Table("Parameters", columns, tuple(rows), frozenset(marked))


def _recovery(recovery: dict[str, Any]) -> Table:
    titles = ("Largest difference", "Largest gradient", "Rounding, at most")
    keys = ("largest_difference", "largest_gradient", "largest_bound")
    return Table(
        "Gradient recovered from two successive weights",
        (
            TableColumn("Optimiser"),
            *(TableColumn(title, numeric=True) for title in titles),
            TableColumn("Within rounding"),
        ),
        tuple(
            (OPTIMIZERS[name], *(scientific(each[key]) for key in keys), "yes" if each["within_rounding"] else "no")
            for name, each in recovery["optimizers"].items()
        ),
        note=f"Over {recovery['steps']:,} steps at rate {recovery['learning_rate']:g}; "
        f"{recovery['compared']} compared.",
    )
