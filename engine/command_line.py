"""The command line, as data classes; nothing heavy is imported to parse it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import engine
from engine.devices import parse_device
from engine.errors import ExportError, SpecError
from engine.experiments import ALL, EXPERIMENTS
from engine.exports.formats import DEFAULT_FORMATS, Format, parse_formats
from engine.paths import default_workspace
from engine.wording import one_line

MOST_WORKERS = 256
MOST_DIGITS = 9  # Python turns no text of thousands of digits into a number


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line.

    ``workers`` None lets the program choose, as ``device`` None does; ``workspace`` is the usual one unless
    ``workspace_given``.
    """

    batch: str | None
    list: bool
    preset: str
    dataset: str | None
    assignments: tuple[str, ...]
    config: Path | None
    workers: int | None
    workspace: Path
    export: Path | None
    device: str | None = None
    workspace_given: bool = False
    formats: tuple[Format, ...] = DEFAULT_FORMATS
    report: Path | None = None


def parse(arguments: Sequence[str]) -> Options:
    """Options from the arguments after the program's name; exits with code 2 and a sentence where they are wrong."""
    parser = _parser()
    found = parser.parse_args(arguments)
    if not found.batch:
        for name in ("preset", "dataset", "set", "config", "export", "report"):
            if getattr(found, name):
                parser.error(f"--{name} goes with --batch EXPERIMENT, such as --batch architectures")
    if found.formats and not found.export:
        parser.error("--formats goes with --export DIR")
    return Options(
        batch=found.batch,
        list=found.list,
        preset=found.preset or "quick",
        dataset=found.dataset,
        assignments=tuple(pair for pairs in found.set for pair in pairs),
        config=found.config,
        workers=found.workers,
        workspace=(found.workspace or default_workspace()).absolute(),
        export=found.export,
        device=found.device,
        workspace_given=found.workspace is not None,
        formats=found.formats or DEFAULT_FORMATS,
        report=found.report,
    )


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, one_line(f"trainscope: {message}; see --help.") + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="trainscope",
        description="Watch neural networks learn. Without --batch or --list the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"Trainscope {engine.__version__}")
    parser.add_argument("--list", action="store_true", help="name experiments, data sets, devices and keys, and end")
    parser.add_argument("--workspace", type=_path, metavar="DIR", help="where results are kept")
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="processes that train side by side (0: in this process)"
    )
    parser.add_argument(
        "--device",
        type=_device,
        metavar="auto|cpu|gpu:N",
        help="what networks train on (default: a GPU, if any)",
    )
    batch = parser.add_argument_group("without a window")
    batch.add_argument("--batch", metavar="EXPERIMENT", help=f"run an experiment: {', '.join((*EXPERIMENTS, ALL))}")
    batch.add_argument("--preset", choices=("quick", "course"), help="settings to start from (default: quick)")
    batch.add_argument("--dataset", metavar="NAME|PATH", help="data set, folder of images or .npz file")
    batch.add_argument(
        "--set", nargs="+", action="append", default=[], metavar="KEY=VALUE", help="change settings; see --list"
    )
    batch.add_argument("--config", type=_path, metavar="FILE.toml", help="settings from a file")
    batch.add_argument("--export", type=_path, metavar="DIR", help="write summary, curves and figures there")
    batch.add_argument(
        "--formats",
        type=_formats,
        metavar="LIST",
        help=f"what to export, of {', '.join(Format)} (default: {','.join(DEFAULT_FORMATS)})",
    )
    batch.add_argument(
        "--report",
        type=_path,
        metavar="FILE.html|FILE.pdf",
        help="write a report of the experiment there; with all, one report of all of them",
    )
    return parser


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"'{text}' names the folder of a user there is not") from None


def _device(text: str) -> str:
    try:
        return parse_device(text)
    except SpecError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None


def _formats(text: str) -> tuple[Format, ...]:
    try:
        return parse_formats(text.split(","))
    except ExportError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and int(text) <= MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"takes a whole number from 0 to {MOST_WORKERS}, not '{text}'")
    return int(text)
