"""The tables of the experiments that compute: basic concepts and convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine.experiments.basics.experiment import OPTIMIZERS
from engine.experiments.convolution.experiment import METHODS
from engine.exports.report.document import Facts, Table, TableColumn
from engine.utils.text import scientific


def basics_tables(findings: dict[str, Any]) -> Iterator[Table]:
    """Cross-entropy, batches, parameters and the recovered gradient."""
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


def _recovery(found: dict[str, Any]) -> Table:
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
            for name, each in found["optimizers"].items()
        ),
        note=f"Over {found['steps']:,} steps at rate {found['learning_rate']:g}; {found['compared']} compared.",
    )


def convolution_tables(findings: dict[str, Any]) -> Iterator[Table | Facts]:
    """Shapes, and the methods."""
    names = ("input", "kernel", "output")
    shapes = tuple((f"{n.capitalize()}", " x ".join(map(str, findings[f"{n}_shape"]))) for n in names)
    yield Facts((*shapes, ("Multiplications", f"{findings['multiplications']:,}")))
    titles = ("Fastest call", "Calls", "Times faster", "Largest difference")
    numbers = (TableColumn(title, numeric=True, width=3) for title in titles)
    yield Table(
        "",
        (TableColumn("Method", width=4), *numbers, TableColumn("Type", width=2)),
        tuple(
            (
                *(METHODS[method], f"{1000 * each['seconds']:,.3f} ms", f"{each['calls']}", f"{each['speedup']:,.1f}"),
                *(scientific(each["largest_difference"]), each["dtype"]),
            )
            for method, each in findings["methods"].items()
        ),
        note="Differences are from the plain loops, in the units of the output.",
    )


COMPUTED_TABLES: dict[str, Callable[[dict[str, Any]], Iterator[Table | Facts]]] = {
    "basics": basics_tables,
    "convolution": convolution_tables,
}
