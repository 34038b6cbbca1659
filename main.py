"""Entry point of Trainscope: opens the window, or runs --batch, --watch, --list or --selftest without one."""

from __future__ import annotations

import multiprocessing
import sys


def main() -> int:
    """Run the program; return the exit code."""
    from engine.utils.streams import prepare_streams

    prepare_streams()
    try:
        return run()
    except ModuleNotFoundError as error:
        name = (error.name or str(error)).partition(".")[0]
        is_bundle = getattr(sys, "frozen", False)
        install = f"install what the program needs: {sys.executable} -m pip install -r requirements.txt"
        cure = "unpack the archive anew" if is_bundle else install
        sys.stderr.write(f"trainscope: The package {name} is missing; {cure}\n")
        return 1


def run() -> int:
    """Run the mode chosen on the command line; return the exit code."""
    from engine.cli.arguments import parse

    options = parse(sys.argv[1:])
    if options.batch or options.watch or options.list:
        from engine.cli.batch import run_until_interrupted

        return run_until_interrupted(options)
    if options.selftest:
        from engine.cli.selftest import run_selftest
        from gui.startup.selftest import ALL_CHECKS

        return run_selftest(options, ALL_CHECKS)
    from gui.app import run_window

    return run_window(options)


if __name__ == "__main__":
    # The training processes of a frozen program run this file; for them, this call doesn't return.
    multiprocessing.freeze_support()
    sys.exit(main())
