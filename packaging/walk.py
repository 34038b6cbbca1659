"""Operate the real window: train, pause, change the rate, resume, stop, queue, compare, report.

Presses keys and takes the screenshots of docs/guide.md. Needs an X display of 1280x800 or more with a
window manager, xdotool and ImageMagick:

    xvfb-run --server-args="-screen 0 1280x800x24" sh -c 'openbox & .venv/bin/python packaging/walk.py docs/images'

Each step waits until its effect is in the store; if that does not happen the walk ends with a message.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 180
LOOK_SECONDS = 0.2
SETTLE_SECONDS = 1.5  # for the views to be painted one after the other
TITLE = "^Trainscope$"


class Walk:
    """A window on a new workspace, operated by keys and observed through its store."""

    def __init__(self, command: Sequence[str], pictures: Path, workspace: Path, config: Path, pace: float) -> None:
        self._pictures, self._workspace, self._pace = pictures, workspace, pace
        self._begin = time.monotonic()
        self.window = ""
        self.program = subprocess.Popen(  # noqa: S603
            [*command, "--workspace", str(workspace)], env=os.environ | {"XDG_CONFIG_HOME": str(config)}
        )

    def say(self, text: str) -> None:
        """Print a progress line."""
        sys.stdout.write(f"{time.monotonic() - self._begin:5.0f} s  {text}\n")
        sys.stdout.flush()

    def wait(self, what: str, happened: Callable[[], bool]) -> None:
        """Wait until ``happened`` returns true.

        Raises:
            SystemExit: if it does not within the time limit, or the program ends.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            if time.monotonic() > deadline or self.program.poll() is not None:
                raise SystemExit(f"walk: {what} did not happen.")
            time.sleep(LOOK_SECONDS)
        self.say(what)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Query the store; no rows while there is none."""
        file = self._workspace / "trainscope.sqlite3"
        if not file.exists():
            return []
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
            try:
                return store.execute(sql).fetchall()
            except sqlite3.OperationalError:  # not created yet
                return []

    def find(self) -> None:
        """Wait for the window and activate it."""

        def visible() -> bool:
            self.window = self._tool("search", "--onlyvisible", "--name", TITLE).split("\n")[0]
            return bool(self.window)

        self.wait("the window is open", visible)
        self._tool("windowactivate", "--sync", self.window)
        time.sleep(SETTLE_SECONDS)

    def keys(self, *names: str) -> None:
        """Press keys, one after another."""
        for name in names:
            self._tool("key", "--clearmodifiers", name)
            time.sleep(0.3 * self._pace)

    def write(self, text: str) -> None:
        """Type into the focused widget."""
        self._tool("type", "--delay", "30", text)

    def look(self, name: str) -> None:
        """Take a screenshot."""
        time.sleep(SETTLE_SECONDS)
        self._run(
            "import", "-window", "root", "-strip", "+dither", "-colors", "192", str(self._pictures / f"walk-{name}.png")
        )

    def linger(self, seconds: float) -> None:
        """Wait for some seconds, scaled by the pace."""
        time.sleep(seconds * self._pace)

    def _tool(self, *words: str) -> str:
        return self._run("xdotool", *words)

    @staticmethod
    def _run(*words: str) -> str:
        found = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
        return found.stdout.strip()


def train_and_steer(walk: Walk) -> None:
    """Start the quick experiment, pause it, change the rate, resume and stop it."""
    walk.look("1-first-start")
    walk.keys("alt+n")
    walk.wait("five networks learn", lambda: len(walk.rows("SELECT 1 FROM points WHERE step >= 60")) > 1)
    walk.linger(2)
    walk.keys("F6")
    walk.wait("the runs are paused", lambda: bool(walk.rows("SELECT 1 FROM runs WHERE status='paused'")))
    walk.look("2-paused")
    walk.keys("F10", "F10")
    walk.keys("F7")
    walk.write("0.01")
    walk.keys("Return")
    walk.wait("the rate is changed", lambda: bool(walk.rows("SELECT 1 FROM interventions WHERE value=0.01")))
    walk.keys("F6")
    walk.wait("the runs continue", lambda: not walk.rows("SELECT 1 FROM runs WHERE status='paused'"))
    walk.linger(2)
    walk.look("3-new-rate")
    walk.keys("shift+F5")
    walk.wait("the networks are saved", lambda: walk.rows("SELECT status FROM experiments") == [("stopped",)])


def queue_more(walk: Walk) -> None:
    """Run the same experiment without changes, and queue another."""
    walk.keys("ctrl+r")
    walk.wait(
        "the same runs without changes", lambda: bool(walk.rows("SELECT 1 FROM experiments WHERE status='running'"))
    )
    walk.keys("alt+3", "ctrl+r")
    walk.wait("learning rates wait in the queue", lambda: len(walk.rows("SELECT 1 FROM queue")) == 1)
    walk.keys("alt+1")
    walk.linger(8)
    walk.look("4-queue")
    walk.wait("both have ended", lambda: len(walk.rows("SELECT 1 FROM experiments WHERE status='finished'")) == 2)
    walk.keys("ctrl+u")
    walk.look("5-finished")


def compare_and_report(walk: Walk, report: Path) -> None:
    """Compare the stopped experiment with the complete one, and write a report."""
    walk.keys("alt+minus")
    time.sleep(SETTLE_SECONDS)
    walk.keys("Home", "Down", "space", "Down", "space")
    walk.look("6-history")
    walk.keys("ctrl+k")
    time.sleep(2 * SETTLE_SECONDS)
    walk.look("7-comparison")
    walk.keys("ctrl+shift+r")
    time.sleep(SETTLE_SECONDS)
    walk.keys("alt+f", "ctrl+a")
    walk.write(str(report))
    walk.look("8-report")
    walk.keys("alt+w")
    walk.wait("the report is written", report.exists)


def main() -> int:
    """Run the walk and return the exit code."""
    parser = argparse.ArgumentParser(description="Operate the real window and take screenshots.")
    parser.add_argument("pictures", type=Path, help="folder for the screenshots")
    parser.add_argument("--pace", type=float, default=1.0, help="1: human speed; smaller is faster")
    parser.add_argument("--program", type=Path, help="a bundled program, instead of main.py")
    parser.add_argument("--keep", type=Path, metavar="WORKSPACE", help="use this new workspace and keep it")
    options = parser.parse_args()
    command = [str(options.program.resolve())] if options.program else [sys.executable, str(ROOT / "main.py")]
    options.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="trainscope-walk-") as folder:
        walk = Walk(command, options.pictures, options.keep or Path(folder) / "workspace", Path(folder), options.pace)
        try:
            walk.find()
            train_and_steer(walk)
            queue_more(walk)
            compare_and_report(walk, Path(folder) / "report.html")
            walk.keys("ctrl+q")
            code = walk.program.wait(PATIENCE_SECONDS)
            walk.say(f"the window is closed, exit code {code}")
            return code
        finally:
            walk.program.kill()
            walk.program.wait()


if __name__ == "__main__":
    sys.exit(main())
