"""How a child process ended, in words for the person whose run it took along."""

from __future__ import annotations

import signal
from pathlib import Path

# Linux counts here how often it ended a process for want of memory.
KERNEL_COUNTS = Path("/proc/vmstat")

WINDOWS_INVALID_ACCESS = 0xC0000005

_AGAIN = "run it again, and if that ends alike, look at the end of its log, {log}"
_MEMORY = "run it again with fewer workers, smaller batches or smaller images; its log is {log}"

# By name, as not every system has each of them.
_SIGNALS = {
    "SIGSEGV": "crashed with a segmentation fault",
    "SIGABRT": "gave up on a fault that it had found in itself",
    "SIGBUS": "crashed with a bus error",
    "SIGFPE": "crashed in its arithmetic",
    "SIGILL": "met an instruction that this processor doesn't have",
    "SIGTERM": "was told to end by another program",
}


def memory_kills() -> int | None:
    """How many processes the kernel has ended for want of memory since it began; None where it doesn't say."""
    try:
        lines = KERNEL_COUNTS.read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
    except (OSError, ValueError):
        return None


def describe_ending(code: int | None, log_file: Path, memory_kills_before: int | None) -> str:
    """A sentence on a process that ended with ``code``, which is negative where a signal ended it.

    ``memory_kills_before`` is :func:`memory_kills` at a moment when it was alive.
    """
    how, then = _how(code, memory_kills_before)
    return f"The training process {how}; {then.format(log=log_file)}."


def _how(code: int | None, memory_kills_before: int | None) -> tuple[str, str]:
    if code is None:
        return "no longer answers", _AGAIN
    if code == WINDOWS_INVALID_ACCESS:
        return f"crashed with an invalid memory access (code {code:#x})", _AGAIN
    if code >= 0:
        return f"ended by itself with code {code}", _AGAIN
    name = next((each.name for each in signal.Signals if each == -code), "")
    if name == "SIGKILL":
        by = "by the system for want of memory or by hand"
        if memory_kills_before is not None and (memory_kills() or 0) > memory_kills_before:
            by = "by the system for want of memory"
        return f"was killed {by} (signal {-code})", _MEMORY
    return f"{_SIGNALS.get(name, 'was ended')} (signal {-code})", _AGAIN
