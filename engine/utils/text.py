"""Formatting of numbers, durations and foreign text for sentences shown to the user."""

from __future__ import annotations

import re

MAX_CHARACTERS = 800  # per sentence: room for two long paths
MAX_QUOTED = 150  # of a library's message

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scientific(value: float, digits: int = 3) -> str:
    """Format as ``1.42·10⁻⁶``, or plainly, such as ``0.0142``, from 0.001 to below 10,000."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if value == 0 or -3 <= int(exponent) < 4:
        return f"{float(f'{mantissa}e{exponent}'):g}"
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def pluralise(count: int, noun: str) -> str:
    """Such as ``1 run`` or ``1,000 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def as_duration(seconds: float) -> str:
    """Format as ``8 s``, ``4 min 05 s`` or ``2 h 10 min``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def one_line(text: str) -> str:
    r"""Make ``text`` one printable line, whatever it quotes.

    Non-printable characters are escaped as Python would, such as ``\n``; the middle of a long text is left out.
    """
    plain = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in _shortened(text))
    return _shortened(plain)


def _shortened(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    kept = MAX_CHARACTERS // 2 - 2
    return f"{text[:kept]} … {text[-kept:]}"


def safe_repr(value: object) -> str:
    """Return ``repr(value)``; the type for values that have none, such as recursive lists and huge integers."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return f"this {type(value).__name__}"


def reason(error: Exception) -> str:
    """Return the first line of a library's error message, short enough to quote in a sentence."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r" object at 0x[0-9a-fA-F]+", "", line)[:MAX_QUOTED]
