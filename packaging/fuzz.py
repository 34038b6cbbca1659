"""Try thousands of inputs at every entry point and print the outcome: each is accepted or rejected in one sentence.

From the repository's root, with requirements-dev.txt installed: ``python packaging/fuzz.py``. The exit code is 1 if an
input fails, and the simplest failing input is printed. ``--start`` repeats a run; target names restrict it to those.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

NIGHTLY = 600  # inputs for a target of weight 1
MINUTES = 30  # per target; then it counts as a hang
SHOWN = 6000  # characters shown of a failing target's output


@dataclass
class Outcome:
    """Counts of a target's inputs; ``said`` is the error message of a failure."""

    name: str
    taken: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    megabytes: int = 0
    said: str = ""

    @property
    def tried(self) -> int:
        """Return the number of all inputs."""
        return self.taken + self.refused + self.failed


def main() -> int:
    """Try all targets, each in its own process, because a crash would end it."""
    options = _options()
    if options.child:
        return _try(options.targets[0], options.examples, options.start)
    from tests.fuzz.targets import TARGETS

    for name in options.targets:
        if name not in TARGETS:
            sys.stderr.write(f"There is no target '{name}'; there are {', '.join(TARGETS)}.\n")
            return 2
    sys.stdout.write(f"--start {options.start} --examples {options.examples}\n")
    begin = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda name: _child(name, options), options.targets or TARGETS))
    _print(outcomes, time.monotonic() - begin)
    return int(any(outcome.failed for outcome in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets (default: all)")
    parser.add_argument("--examples", type=int, default=NIGHTLY, help=f"inputs of a usual target (default: {NIGHTLY})")
    parser.add_argument("--start", type=int, default=secrets.randbits(32), help="decides which inputs (default: any)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _child(name: str, options: argparse.Namespace) -> Outcome:
    command = [sys.executable, "-X", "faulthandler", __file__, name, "--child"]
    amounts = ["--examples", str(options.examples), "--start", str(options.start)]
    begin = time.monotonic()
    try:
        ended = subprocess.run(  # noqa: S603
            [*command, *amounts], capture_output=True, text=True, errors="replace", check=False, timeout=60 * MINUTES
        )
    except subprocess.TimeoutExpired:
        return Outcome(name, failed=1, seconds=60 * MINUTES, said="it hangs")
    try:
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        found = {"name": name, "failed": 1, "said": f"it ended with {ended.returncode}\n{ended.stderr}"}
    return Outcome(**found | {"seconds": time.monotonic() - begin})


def _try(name: str, examples: int, start: int) -> int:
    """Try one target in this process and print its outcome as JSON."""
    from tests.fuzz.target import Tally, explore
    from tests.fuzz.targets import TARGETS

    said = ""
    with tempfile.TemporaryDirectory(prefix="trainscope-fuzz-") as folder:
        for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "TRAINSCOPE_CACHE"):
            os.environ[variable] = str(Path(folder, variable.lower()))
        place = Path(folder, "inputs")
        place.mkdir()
        try:
            tally = explore(TARGETS[name], examples, place, start)
        except BaseException as error:
            said = "".join(traceback.format_exception(error))[-SHOWN:]
            tally = getattr(error, "tally", Tally())
            tally.failed = max(1, tally.failed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(json.dumps({"name": name, **asdict(tally), "megabytes": peak, "said": said}) + "\n")
    return 0


def _print(outcomes: list[Outcome], seconds: float) -> None:
    line = "{:<26}{:>8}{:>9}{:>9}{:>9}{:>9}{:>8}\n"
    sys.stdout.write(line.format("target", "inputs", "accepted", "refused", "failures", "seconds", "MB"))
    for each in outcomes:
        numbers = (each.tried, each.taken, each.refused, each.failed, f"{each.seconds:.0f}", each.megabytes)
        sys.stdout.write(line.format(each.name, *numbers))
    sums = [sum(getattr(each, key) for each in outcomes) for key in ("tried", "taken", "refused", "failed")]
    sys.stdout.write(line.format("total", *sums, f"{seconds:.0f}", max(each.megabytes for each in outcomes)))
    for each in outcomes:
        if each.said:
            sys.stdout.write(f"\n--- {each.name}\n{each.said}\n")


if __name__ == "__main__":
    sys.exit(main())
