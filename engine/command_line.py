"""The command line, as data classes; nothing heavy is imported to parse it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import engine
from engine.experiments import EXPERIMENTS
from engine.paths import default_workspace


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line; ``workers`` None lets the program choose."""

    batch: str | None
    list: bool
    preset: str
    dataset: str | None
    assignments: tuple[str, ...]
    config: Path | None
    workers: int | None
    workspace: Path
    export: Path | None


def parse(arguments: Sequence[str]) -> Options:
    """Options from the arguments after the program's name; exits with code 2 and a sentence where they are wrong."""
    found = _parser().parse_args(arguments)
    return Options(
        batch=found.batch,
        list=found.list,
        preset=found.preset,
        dataset=found.dataset,
        assignments=tuple(pair for pairs in found.set for pair in pairs),
        config=found.config,
        workers=found.workers,
        workspace=(found.workspace or default_workspace()).expanduser().absolute(),
        export=found.export.expanduser() if found.export else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trainscope",
        description="Watch neural networks learn. Without --batch or --list the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"Trainscope {engine.__version__}")
    parser.add_argument("--list", action="store_true", help="name experiments, data sets, devices and keys, and end")
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="where results are kept")
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="processes that train side by side (0: in this process)"
    )
    batch = parser.add_argument_group("without a window")
    batch.add_argument("--batch", metavar="EXPERIMENT", help=f"run an experiment: {', '.join(EXPERIMENTS)}")
    batch.add_argument("--preset", choices=("quick", "course"), default="quick", help="settings to start from")
    batch.add_argument("--dataset", metavar="NAME|PATH", help="data set, folder of images or .npz file")
    batch.add_argument(
        "--set", nargs="+", action="append", default=[], metavar="KEY=VALUE", help="change settings; see --list"
    )
    batch.add_argument("--config", type=Path, metavar="FILE.toml", help="settings from a file")
    batch.add_argument("--export", type=Path, metavar="DIR", help="write summary, curves and figures there")
    return parser


def _workers(text: str) -> int:
    count = int(text)
    if not 0 <= count <= 256:
        raise argparse.ArgumentTypeError("takes 0 to 256")
    return count
