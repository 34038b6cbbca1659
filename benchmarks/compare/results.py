"""Results of a comparison: ratios, targets, JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

FOLDER = Path(__file__).resolve().parents[1] / "results"
PREFIX = "compare-"
SETTING = ("processor", "cores", "limited_to", "onednn")  # what results must have in common to be compared

# (network, numerator, denominator): the ratio of their times.
AT_LEAST = {
    ("cnn_4", "a", "d"): 1.3,
    ("mlp_1", "a", "d"): 2.5,
    ("cnn_4", "a", "e"): 1.4,
    ("mlp_1", "a", "e"): 4.5,
    ("cnn_4", "b", "d"): 1.15,
    ("mlp_1", "b", "d"): 1.15,
    ("cnn_4", "c", "d"): 1.2,
    ("mlp_1", "c", "d"): 2.5,
    ("cnn_4", "a", "g"): 1.8,
}
AT_MOST = {("cnn_4", "f", "d"): 1.05, ("mlp_1", "f", "d"): 1.05}
GOALS = {("cnn_4", "a", "e"): 2.0, ("mlp_1", "a", "e"): 6.0}


@dataclass
class Measured:
    """The rounds of one side: seconds per step, accuracy, peak memory in bytes, and this program's library."""

    seconds: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    library: str = ""

    @property
    def milliseconds(self) -> float:
        return 1000 * median(self.seconds)


@dataclass
class Found:
    """The results of all sides and networks, the machine, and how it was used."""

    machine: dict[str, object]
    sides: dict[str, dict[str, Measured]]

    def ratio(self, network: str, above: str, below: str) -> float | None:
        """Return the ratio of the median times of two sides; None if one was not measured."""
        of_network = self.sides.get(network, {})
        if above not in of_network or below not in of_network:
            return None
        return of_network[above].milliseconds / of_network[below].milliseconds

    def spread(self, network: str, above: str, below: str) -> tuple[float, float]:
        """Return the smallest and the largest ratio of a single round."""
        of_network = self.sides[network]
        ratios = [x / y for x, y in zip(of_network[above].seconds, of_network[below].seconds, strict=True)]
        return min(ratios), max(ratios)

    def save(self) -> Path:
        FOLDER.mkdir(exist_ok=True)
        file = FOLDER / f"{PREFIX}{time.strftime('%Y%m%d-%H%M%S')}.json"
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        return file


def last_saved(machine: Mapping[str, object]) -> tuple[str, Found] | None:
    """Return name and content of the newest file measured in the same ``SETTING`` as ``machine``, or None."""
    for file in sorted(FOLDER.glob(f"{PREFIX}*.json"), reverse=True):
        content = json.loads(file.read_text(encoding="utf-8"))
        if all(content["machine"].get(key) == machine.get(key) for key in SETTING):
            sides = {
                network: {side: Measured(**values) for side, values in of_network.items()}
                for network, of_network in content["sides"].items()
            }
            return file.name, Found(content["machine"], sides)
    return None
