"""Messages that explain to the user how a child process ended."""

from __future__ import annotations

import signal
from pathlib import Path

VMSTAT_FILE = Path("/proc/vmstat")  # of Linux, with the number of processes killed for lack of memory
WINDOWS_INVALID_ACCESS = 0xC0000005

_RETRY = "run it again, and if that ends alike, look at the end of its log, {log}"
_MEMORY = "run it again with fewer workers, smaller batches or smaller images; its log is {log}"

# By name, as not every system defines all of them.
_SIGNALS = {
    "SIGSEGV": "crashed with a segmentation fault",
    "SIGABRT": "gave up on a fault that it had found in itself",
    "SIGBUS": "crashed with a bus error",
    "SIGFPE": "crashed in its arithmetic",
    "SIGILL": "met an instruction that this processor doesn't have",
    "SIGTERM": "was told to end by another program",
}


def oom_kills() -> int | None:
    """Return the number of processes that the kernel has killed for lack of memory since boot; None if unknown."""
    try:
        lines = VMSTAT_FILE.read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
    except (OSError, ValueError):
        return None


def describe_exit(code: int | None, log_file: Path, oom_kills_before: int | None) -> str:
    """Return a sentence on how a process ended.

    Args:
        code: its exit code, negative if a signal ended it; None if it did not end.
        log_file: its log.
        oom_kills_before: ``oom_kills`` while it was alive.
    """
    how, advice = _describe(code, oom_kills_before)
    return f"The training process {how}; {advice.format(log=log_file)}."


def _describe(code: int | None, oom_kills_before: int | None) -> tuple[str, str]:
    if code is None:
        return "no longer answers", _RETRY
    if code == WINDOWS_INVALID_ACCESS:
        return f"crashed with an invalid memory access (code {code:#x})", _RETRY
    if code >= 0:
        return f"ended by itself with code {code}", _RETRY
    name = next((each.name for each in signal.Signals if each == -code), "")
    if name == "SIGKILL":
        by = "by the system for want of memory or by hand"
        if oom_kills_before is not None and (oom_kills() or 0) > oom_kills_before:
            by = "by the system for want of memory"
        return f"was killed {by} (signal {-code})", _MEMORY
    return f"{_SIGNALS.get(name, 'was ended')} (signal {-code})", _RETRY
