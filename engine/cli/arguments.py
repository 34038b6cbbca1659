"""Parses the command line into a dataclass; imports no heavy package."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import engine
from engine.config.cluster import CLUSTER_SYNTAX, ClusterChoice, parse_cluster
from engine.config.export_formats import DEFAULT_FORMATS, Format, parse_formats
from engine.devices.names import parse_device
from engine.utils.errors import ExportError, SpecError
from engine.utils.paths import default_workspace
from engine.utils.text import one_line

MAX_WORKERS = 256
MAX_DIGITS = 9  # Python's int() refuses texts of thousands of digits


@dataclass(frozen=True)
class Options:
    """Options of the command line.

    Attributes:
        batch: name of an experiment, or ``all``; None for the window.
        assignments: texts ``key=value`` of ``--set``.
        workers: number of processes; None lets the program choose.
        device: None lets the program choose.
        watch: folder in which other programs log.
        workspace_given: whether ``workspace`` was given; otherwise it is the default one.
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
    resume: bool = False
    selftest: bool = False
    watch: Path | None = None
    cluster: ClusterChoice | None = None


def parse(arguments: Sequence[str]) -> Options:
    """Parse the arguments after the program's name; exits with code 2 and one sentence if they are invalid."""
    parser = _parser()
    found = parser.parse_args(arguments)
    _check_combinations(parser, found)
    workspace = found.workspace or default_workspace()
    if not found.workspace and not workspace.is_absolute():
        parser.error("this user has no home folder to keep results in: name a folder with --workspace DIR")
    return Options(
        batch=found.batch,
        list=found.list,
        preset=found.preset or "quick",
        dataset=found.dataset,
        assignments=tuple(pair for pairs in found.set for pair in pairs),
        config=found.config,
        workers=found.workers,
        workspace=workspace.absolute(),
        export=found.export,
        device=found.device,
        workspace_given=found.workspace is not None,
        formats=found.formats or DEFAULT_FORMATS,
        report=found.report,
        resume=found.resume,
        selftest=found.selftest,
        watch=found.watch,
        cluster=_cluster(parser, found),
    )


def _check_combinations(parser: argparse.ArgumentParser, found: argparse.Namespace) -> None:
    """Exit with one sentence if options don't go together."""
    if found.selftest:
        for name, is_given in (("batch", found.batch), ("list", found.list), ("workers", found.workers is not None)):
            if is_given:
                parser.error(f"--selftest goes without --{name}")
    if found.watch:
        for name in ("batch", "list", "selftest"):
            if getattr(found, name):
                parser.error(f"--watch goes without --{name}")
    if not found.batch:
        for name in (*_SETTINGS, "export", "report", "resume"):
            if getattr(found, name) and not (found.watch and name in ("export", "report")):
                parser.error(f"--{name} goes with --batch EXPERIMENT, such as --batch architectures")
    for name in _SETTINGS if found.resume else ():
        if getattr(found, name):
            parser.error(f"--resume goes on with the settings there were, so --{name} can't be given")
    if found.formats and not found.export:
        parser.error("--formats goes with --export DIR")


def _cluster(parser: argparse.ArgumentParser, found: argparse.Namespace) -> ClusterChoice | None:
    if found.cluster is None:
        for option, given in (("tls", found.cluster_tls), ("gpu-share", found.cluster_gpu_share is not None)):
            if given:
                parser.error(f"--cluster-{option} goes with --cluster")
        return None
    if found.workers is not None:
        parser.error("--workers goes without --cluster, which has as many as it has")
    share = 1.0 if found.cluster_gpu_share is None else found.cluster_gpu_share
    try:
        return parse_cluster(found.cluster, found.cluster_tls, share)
    except SpecError as error:
        parser.error(str(error).rstrip("."))


_SETTINGS = ("preset", "dataset", "set", "config")  # options that set what is trained


class _Parser(argparse.ArgumentParser):
    """Reports an error in one sentence, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, one_line(f"trainscope: {message}; see --help.") + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="trainscope",
        description="Watch neural networks learn. Without --batch, --watch, --list or --selftest the window opens.",
    )
    parser.add_argument("--version", action="version", version=f"Trainscope {engine.__version__}")
    parser.add_argument("--list", action="store_true", help="name experiments, data sets, devices and keys, and end")
    parser.add_argument("--selftest", action="store_true", help="find out what works on this machine, and end")
    parser.add_argument("--workspace", type=_path, metavar="DIR", help="where results are kept")
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="processes that train side by side (0: in this process)"
    )
    parser.add_argument(
        "--device",
        type=_device,
        metavar="auto|cpu|gpu:N|metal",
        help="what networks train on (default auto: the fastest for each)",
    )
    parser.add_argument(
        "--cluster", metavar="CLUSTER", help=f"train on a Dask cluster: {CLUSTER_SYNTAX}; see docs/cluster.md"
    )
    parser.add_argument("--cluster-tls", action="store_true", help="speak with the cluster by TLS only")
    parser.add_argument(
        "--cluster-gpu-share",
        type=float,
        metavar="SHARE",
        help="how much of Dask's resource GPU a run takes that wants a GPU (default: 1; 0.5 puts two on one)",
    )
    _add_batch_options(parser.add_argument_group("without a window"))
    return parser


def _add_batch_options(batch: argparse._ArgumentGroup) -> None:
    batch.add_argument("--batch", metavar="EXPERIMENT", help="run an experiment; --list names them; all: every one")
    batch.add_argument(
        "--watch",
        type=_path,
        metavar="FOLDER",
        help="follow the programs that log their training there until all have ended; see docs/your-own-code.md",
    )
    batch.add_argument("--preset", choices=("quick", "course"), help="settings to start from (default: quick)")
    batch.add_argument("--dataset", metavar="NAME|PATH", help="data set, folder of images or .npz file")
    batch.add_argument(
        "--set", nargs="+", action="append", default=[], metavar="KEY=VALUE", help="change settings; see --list"
    )
    batch.add_argument("--config", type=_path, metavar="FILE.toml", help="settings from a file")
    batch.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest unfinished experiment of that kind in the workspace, instead of a new one",
    )
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
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text) <= MAX_WORKERS):
        raise argparse.ArgumentTypeError(f"takes a whole number from 0 to {MAX_WORKERS}, not '{text}'")
    return int(text)
