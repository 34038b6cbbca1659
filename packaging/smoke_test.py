"""Test a bundle as on a machine with nothing else installed, and report the result of each check.

    python packaging/smoke_test.py [dist/Trainscope] [--pictures FOLDER]

The program gets an environment without Python and its own home folder. On Linux packaging/walk.py operates the window,
on a virtual screen if there is no display (Debian: xvfb, xdotool, imagemagick, openbox); elsewhere only checks without
a window run. Needs psutil, and PyVirtualDisplay on Linux. The exit code is 0 if everything worked.
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
SECONDS = 400  # limit of each check
SCREEN = (1280, 800)
LOOK_SECONDS = 0.2
FORMATS = "png,svg,pdf,csv,json,course,tensorboard,keras,onnx,tflite,keras-script"
TOOLS = ("Xvfb", "xdotool", "import", "openbox")
KEPT = ("DISPLAY", "XAUTHORITY", "SYSTEMROOT", "TEMP")  # environment variables that every account has
SHORT = ("epochs=3", "repeats=1")  # a schedule trains three rates


class Failed(Exception):
    """A check failed."""


@dataclass
class Bundle:
    """The program at ``program``, with its home folder in ``home``; collects the failed checks."""

    program: Path
    home: Path
    failures: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a new account, without this one's settings."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        home = {name: str(self.home) for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")}
        return kept | home | {"PATH": os.defpath, "LANG": "C.UTF-8"}

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """Report the outcome of a check; a process left behind makes it fail.

        Raises:
            Failed: never to the caller; it is reported.
        """
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
        """Run the program.

        Returns:
            What it printed.

        Raises:
            Failed: if the exit code is not ``expect``.
        """
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
        """Name a workspace, because Windows does not take the data folder from the environment."""
        return [] if "--workspace" in options or "--help" in options else ["--workspace", str(self.home / "workspace")]

    def _left(self) -> list[str]:
        """Return processes of the bundle that have not ended within 10 s."""
        found = [each for each in psutil.process_iter(["exe"]) if each.info["exe"] == str(self.program)]
        _, alive = psutil.wait_procs(found, timeout=10)
        return [str(process.pid) for process in alive]


def try_without_window(bundle: Bundle) -> None:
    """Check ``--help``, ``--list``, ``--selftest`` and ``--batch``.

    Raises:
        Failed: within a check, which reports it.
    """
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
    with bundle.trying("a report as HTML, two processes"):
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
    with bundle.trying("no standard streams, as in a Windows program without a console"):
        nowhere = bundle.home / "silent"
        options = ["--batch", "architectures", "--workspace", str(nowhere), "--set", "architectures=mlp_1", *SHORT]
        silent(bundle, options)
        if not (nowhere / "trainscope.sqlite3").exists():
            raise Failed("nothing was stored")


def silent(bundle: Bundle, options: list[str]) -> None:
    """Run the program without standard streams.

    Raises:
        Failed: if the exit code is not 0.
    """
    if os.name != "posix":
        windowed = replace(
            bundle, program=bundle.program.with_name("Trainscope.exe")
        )  # the executable without a console
        windowed.run(*options)
        return
    command = ["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', str(bundle.program), *options]
    ended = subprocess.run(command, env=bundle.environment, timeout=SECONDS, check=False)  # noqa: S603
    if ended.returncode:
        raise Failed(f"exit code {ended.returncode}")


def look_at(results: Path, report: Path) -> None:
    """Check that every kind of file exists and is not empty.

    Raises:
        Failed: if one is missing or empty, or a network has not learned.
    """
    endings = ("png", "svg", "pdf", "csv", "json", "pkl", "keras", "onnx", "tflite", "py")
    counts = {ending: len(list(results.rglob(f"*.{ending}"))) for ending in endings}
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
    """Operate the window by keys: train, pause, change the rate, queue, compare, report, close.

    Raises:
        Failed: within the check, which reports it.
    """
    with bundle.trying("the window, by keys"):
        command = [sys.executable, str(ROOT / "packaging" / "walk.py"), str(pictures), "--pace", "0.5"]
        command += ["--program", str(bundle.program), "--keep", str(bundle.home / "walk")]
        tools = {"PATH": os.environ["PATH"]}  # for the walk; the bundled program needs nothing on the path
        ended = subprocess.run(  # noqa: S603
            command, env=bundle.environment | tools, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if ended.returncode:
            raise Failed(f"{ended.stdout}{ended.stderr}")


def try_without_display(bundle: Bundle) -> None:
    """Check that the program ends with its display, and leaves no process.

    Raises:
        Failed: within the check, which reports it.
    """
    from pyvirtualdisplay import Display

    with bundle.trying("the display goes away"):
        workspace = bundle.home / "gone"
        with Display(visible=False, size=SCREEN):
            command = [str(bundle.program), "--workspace", str(workspace)]
            program = subprocess.Popen(command, env=bundle.environment, stderr=subprocess.DEVNULL)  # noqa: S603
            deadline = time.monotonic() + SECONDS
            while not list(workspace.glob("logs/worker-*.log")):  # its training processes have started
                if time.monotonic() > deadline or program.poll() is not None:
                    raise Failed("the window did not open")
                time.sleep(LOOK_SECONDS)
        if program.wait(SECONDS) == 0:
            raise Failed("exit code 0")


@contextmanager
def display() -> Iterator[None]:
    """Provide an X display with a window manager, a virtual one if there is none.

    Raises:
        SystemExit: if a tool is missing.
    """
    from pyvirtualdisplay import Display

    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        raise SystemExit(
            "smoke test: install the tools for keys and screenshots (Debian: xvfb xdotool imagemagick openbox)."
        )
    if os.environ.get("DISPLAY"):
        yield
        return
    with Display(visible=False, size=SCREEN), subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL) as manager:  # noqa: S607
        try:
            yield
        finally:
            manager.terminate()


def program_in(made: Path) -> Path:
    """Return the executable of a bundle."""
    if made.suffix == ".app":
        return made / "Contents" / "MacOS" / "Trainscope"
    return made / ("trainscope-console.exe" if os.name == "nt" else "Trainscope")


def main() -> int:
    """Run all checks and return the exit code.

    Raises:
        SystemExit: if there is no bundle.
    """
    parser = argparse.ArgumentParser(description="Test a bundle.")
    made = "Trainscope.app" if sys.platform == "darwin" else "Trainscope"
    parser.add_argument(
        "bundle", type=Path, nargs="?", default=ROOT / "dist" / made, help="dist/Trainscope, if not named"
    )
    parser.add_argument("--pictures", type=Path, help="folder for screenshots of the window")
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
