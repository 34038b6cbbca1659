"""Text and tables about the findings, for ``--batch`` and for a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.analysis.blocks import Facts, Table, TableColumn
from engine.experiments.convolution.numpy_convolution import METHODS
from engine.utils.text import scientific


def batch_lines(findings: dict[str, Any]) -> Iterator[str]:
    """Format the shapes, and a line per method."""
    shapes = ("x".join(str(length) for length in findings[f"{name}_shape"]) for name in ("input", "kernel", "output"))
    yield "input {}, kernel {}, output {}".format(*shapes)
    yield f"{'method':<28}{'ms':>12}{'times faster':>14}{'largest difference':>20}  type"
    for method, values in findings["methods"].items():
        numbers = f"{1000 * values['seconds']:12.3f}{values['speedup']:14,.1f}{values['largest_difference']:20.2e}"
        yield f"{METHODS[method]:<28}{numbers}  {values['dtype']}"


def report_blocks(findings: dict[str, Any]) -> Iterator[Table | Facts]:
    """Tabulate the shapes and the methods."""
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
