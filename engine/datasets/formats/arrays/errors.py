"""The sentence that refuses arrays."""

from __future__ import annotations

from pathlib import Path


def refusal(path: Path, problem: str, advice: str) -> str:
    """Return the message on a file or folder of arrays: what is wrong with it, and what to do."""
    return f"{path} {problem}; {advice}."
