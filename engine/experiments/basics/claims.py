"""Claims: whether two successive weights determine the gradient, and the networks ordered by parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.analysis.claims import Claim, ComputedResult, Number
from engine.experiments.basics.report import OPTIMIZERS
from engine.utils.text import scientific

PLAIN = next(iter(OPTIMIZERS))


def basics_claims(result: ComputedResult) -> Iterator[Claim]:
    """Report the gradient recovery under each optimiser, and the parameter counts."""
    recovery = result.findings["gradient_recovery"]
    for name, measures in recovery["optimizers"].items():
        yield _recovered(result, name, measures, recovery["steps"])
    yield _parameters(result)


def _recovered(result: ComputedResult, name: str, measures: dict[str, Any], steps: int) -> Claim:
    difference, bound, gradient = (
        scientific(measures[f"largest_{measure}"]) for measure in ("difference", "bound", "gradient")
    )
    figures = (
        f"the largest difference over {steps:,} steps is {difference}, float32 rounding explains at most {bound}, the "
        f"largest gradient is {gradient}"
    )
    hidden = measures["largest_bound"] > measures["largest_gradient"]
    if hidden:
        opening = f"Under {OPTIMIZERS[name]} rounding hides what two successive weights tell"
    elif measures["within_rounding"]:
        opening = f"Under {OPTIMIZERS[name]} two successive weights tell the gradient to within rounding"
    else:
        opening = f"Under {OPTIMIZERS[name]} two successive weights do not tell the gradient"
    numbers: dict[str, Number] = {key.replace("_", " "): value for key, value in measures.items()}
    return Claim(
        f"{opening}: {figures}.", {**numbers, "steps": steps}, (result.experiment,), not hidden, headline=name == PLAIN
    )


def _parameters(result: ComputedResult) -> Claim:
    """Order the course's networks by parameters; the first of the list is the user's own and left out."""
    networks = sorted(result.findings["parameters"][1:], key=lambda network: int(network["total"]))
    order = " < ".join(f"{network['name']} ({network['total']:,})" for network in networks)
    numbers: dict[str, Number] = {network["name"]: network["total"] for network in networks}
    size = "x".join(map(str, networks[0]["input_shape"]))
    return Claim(f"Parameters, counted on {size} images: {order}.", numbers, (result.experiment,), headline=True)
