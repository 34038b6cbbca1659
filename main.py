"""Trainscope: watch neural networks learn. Opens the window; with ``--batch`` it trains without one."""

from __future__ import annotations

import multiprocessing
import sys


def main() -> int:
    """Run the program; gives the exit code."""
    from engine.streams import prepare_streams

    prepare_streams()
    from engine.command_line import parse

    options = parse(sys.argv[1:])
    if options.batch or options.list:
        from engine.batch import run_until_interrupted

        return run_until_interrupted(options)
    from gui.app import run_window

    return run_window(options)


if __name__ == "__main__":
    # A frozen program starts its training processes by running itself; they must not get past this line.
    multiprocessing.freeze_support()
    sys.exit(main())
