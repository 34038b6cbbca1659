"""Tries a bundle as a person with nothing else on the machine would, and says what worked.

    python packaging/smoke_test.py [dist/Trainscope] [--pictures FOLDER]

The program gets an environment without Python and a home of its own. On Linux the window is walked through on a virtual
screen where there is no display (Debian: xvfb, xdotool, imagemagick, openbox); elsewhere only what needs no window is
tried. Needs psutil, and PyVirtualDisplay on Linux. The exit code is 0 if everything worked.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 400  # for each try
SCREEN = (1280, 800)
LOOK_SECONDS = 0.2
FORMATS = "png,svg,pdf,csv,json,course,tensorboard"
TOOLS = ("Xvfb", "xdotool", "import", "openbox")
KEPT = ("DISPLAY", "XAUTHORITY", "SYSTEMROOT", "TEMP")  # environment variables that no account is without
SHORT = ("epochs=3", "repeats=1")  # a schedule has three rates


class Failed(Exception):
    """A try came out otherwise than it should."""


@dataclass
class Bundle:
    """The program at ``program``, with a home in ``home``; notes how each try went."""

    program: Path
    home: Path
    failures: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What a fresh account has, and nothing of this one's."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        home = {name: str(self.home) for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")}
        return kept | home | {"PATH": os.defpath, "LANG": "C.UTF-8"}

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """Note how what is done within goes, and that no process is left."""
        begin = time.monotonic()
        try:
            yield
            if left := self._left():
                raise Failed(f"processes are left: {', '.join(left)}")
        except (Failed, subprocess.TimeoutExpired) as error:
            self.failures.append(what)
            outcome = f"FAILED  {what}: {error}"
        else:
            outcome = f"ok      {what}"
        sys.stdout.write(f"{outcome} ({time.monotonic() - begin:.0f} s)\n")
        sys.stdout.flush()

    def run(self, *options: str, expect: int = 0, **streams: int | None) -> str:
        """What the program printed; raises :class:`Failed` where it ends otherwise."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL} | streams
        ended = subprocess.run(  # noqa: S603
            [str(self.program), *options, *self._own_workspace(options)],
            **pipes,
            env=self.environment,
            timeout=SECONDS,
            check=False,
            cwd=self.home,
        )
        said = (ended.stdout or b"").decode(errors="replace")
        if ended.returncode != expect:
            raise Failed(f"exit code {ended.returncode} instead of {expect}\n{said[-3000:]}")
        return said

    def _own_workspace(self, options: Sequence[str]) -> list[str]:
        """Windows asks nobody's environment where an account keeps its data, so the program is told."""
        return [] if "--workspace" in options or "--help" in options else ["--workspace", str(self.home / "workspace")]

    def _left(self) -> list[str]:
        """Processes of the bundle that go on though nothing should, and have not ended a moment later either."""
        found = [each for each in psutil.process_iter(["exe"]) if each.info["exe"] == str(self.program)]
        _, alive = psutil.wait_procs(found, timeout=10)
        return [str(process.pid) for process in alive]


def try_without_window(bundle: Bundle) -> None:
    """What ``--help``, ``--list``, ``--selftest`` and ``--batch`` do."""
    with bundle.trying("--help and --list"):
        for option, word in (("--help", "--workspace"), ("--list", "cifar10")):
            if word not in bundle.run(option):
                raise Failed(f"{option} does not name {word}")
    with bundle.trying("--selftest"):
        said = bundle.run("--selftest")
        if "Nothing failed" not in said and "nothing failed" not in said:
            raise Failed(said[-3000:])
    with bundle.trying("every experiment of the course, every format, a report as PDF"):
        results, report = bundle.home / "results", bundle.home / "report.pdf"
        options = ("--batch", "all", "--export", str(results), "--formats", FORMATS, "--report", str(report))
        bundle.run(*options, "--set", *SHORT)
        look_at(results, report)
    with bundle.trying("a report as HTML, two processes, an experiment that goes on"):
        page = bundle.home / "report.html"
        options = ("--batch", "architectures", "--workers", "2", "--report", str(page))
        bundle.run(*options, "--set", "architectures=mlp_1,mlp_2", *SHORT)
        if "<svg" not in page.read_text(encoding="utf-8") and "data:image" not in page.read_text(encoding="utf-8"):
            raise Failed("the report has no figure")
    with bundle.trying("bad input: one sentence and an exit code"):
        if "There is no setting called 'epoch'" not in bundle.run(
            *("--batch", "architectures", "--set", "epoch=3"), expect=1
        ):
            raise Failed("the sentence is missing")
    with bundle.trying("no output at all, as a program of Windows has none"):
        nowhere = bundle.home / "silent"
        options = ["--batch", "architectures", "--workspace", str(nowhere), "--set", "architectures=mlp_1", *SHORT]
        silent(bundle, options)
        if not (nowhere / "trainscope.sqlite3").exists():
            raise Failed("nothing was stored")


def silent(bundle: Bundle, options: list[str]) -> None:
    """Run the program with its standard streams closed, where the system lets them be."""
    if os.name != "posix":
        windowed = replace(bundle, program=bundle.program.with_name("Trainscope.exe"))  # which has none
        windowed.run(*options)
        return
    command = ["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', str(bundle.program), *options]
    ended = subprocess.run(command, env=bundle.environment, timeout=SECONDS, check=False)  # noqa: S603
    if ended.returncode:
        raise Failed(f"exit code {ended.returncode}")


def look_at(results: Path, report: Path) -> None:
    """Raises :class:`Failed` unless every kind of file is there and holds something."""
    counts = {ending: len(list(results.rglob(f"*.{ending}"))) for ending in ("png", "svg", "pdf", "csv", "json", "pkl")}
    counts["event files"] = len(list(results.rglob("events.out.tfevents*")))
    missing = [ending for ending, count in counts.items() if not count]
    empty = [path.name for path in results.rglob("*") if path.is_file() and not path.stat().st_size]
    if missing or empty:
        raise Failed(f"missing: {missing}, empty: {empty}")
    summary = json.loads((results / "architectures" / "summary.json").read_text(encoding="utf-8"))
    if not all(0.2 < variant["test_accuracy"]["mean"] <= 1 for variant in summary["variants"]):
        raise Failed("a network has not learned")
    if not report.read_bytes().startswith(b"%PDF"):
        raise Failed("the report is no PDF")


def try_window(bundle: Bundle, pictures: Path) -> None:
    """The window: trained, paused, steered, queued, compared, reported and closed, by keys."""
    with bundle.trying("the window, by keys"):
        command = [sys.executable, str(ROOT / "packaging" / "walk.py"), str(pictures), "--pace", "0.5"]
        command += ["--program", str(bundle.program), "--keep", str(bundle.home / "walk")]
        tools = {"PATH": os.environ["PATH"]}  # of the walk; the program in the bundle needs nothing on it
        ended = subprocess.run(  # noqa: S603
            command, env=bundle.environment | tools, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if ended.returncode:
            raise Failed(f"{ended.stdout}{ended.stderr}")


def try_without_display(bundle: Bundle) -> None:
    """A display that goes away takes the program along, and leaves no process."""
    from pyvirtualdisplay import Display

    with bundle.trying("the display goes away"):
        workspace = bundle.home / "gone"
        with Display(visible=False, size=SCREEN):
            command = [str(bundle.program), "--workspace", str(workspace)]
            program = subprocess.Popen(command, env=bundle.environment, stderr=subprocess.DEVNULL)  # noqa: S603
            deadline = time.monotonic() + SECONDS
            while not list(workspace.glob("logs/worker-*.log")):  # its training processes are there
                if time.monotonic() > deadline or program.poll() is not None:
                    raise Failed("the window did not open")
                time.sleep(LOOK_SECONDS)
        if program.wait(SECONDS) == 0:
            raise Failed("exit code 0")


@contextmanager
def display() -> Iterator[None]:
    """An X display with a window manager: a virtual one where there is none."""
    from pyvirtualdisplay import Display

    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        raise SystemExit("smoke test: install what presses and looks (Debian: xvfb xdotool imagemagick openbox).")
    if os.environ.get("DISPLAY"):
        yield
        return
    with Display(visible=False, size=SCREEN), subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL) as manager:  # noqa: S607
        try:
            yield
        finally:
            manager.terminate()


def program_in(made: Path) -> Path:
    """The executable of a bundle."""
    if made.suffix == ".app":
        return made / "Contents" / "MacOS" / "Trainscope"
    return made / ("trainscope-console.exe" if os.name == "nt" else "Trainscope")


def main() -> int:
    """Try everything; gives the exit code."""
    parser = argparse.ArgumentParser(description="Try a bundle as a person would.")
    made = "Trainscope.app" if sys.platform == "darwin" else "Trainscope"
    parser.add_argument(
        "bundle", type=Path, nargs="?", default=ROOT / "dist" / made, help="dist/Trainscope, if not named"
    )
    parser.add_argument("--pictures", type=Path, help="where pictures of the window are kept")
    options = parser.parse_args()
    program = program_in(options.bundle.resolve())
    if not program.is_file():
        raise SystemExit(f"smoke test: there is no {program}; build the bundle first: make bundle.")
    with tempfile.TemporaryDirectory(prefix="trainscope-smoke-") as folder:
        bundle = Bundle(program, Path(folder))
        try_without_window(bundle)
        if sys.platform == "linux":
            with display():
                try_window(bundle, options.pictures or Path(folder) / "pictures")
            try_without_display(bundle)
    sys.stdout.write(f"{len(bundle.failures)} failed.\n" if bundle.failures else "Everything worked.\n")
    return int(bool(bundle.failures))


if __name__ == "__main__":
    sys.exit(main())
