"""Formatting of numbers, durations and foreign text for sentences shown to the user."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

MAX_CHARACTERS = 800  # per sentence: room for two long paths
MAX_QUOTED = 150  # of a library's message

# Estimated times are shown in multiples of the second number of seconds, up to the first.
ROUNDING = ((10, 1), (60, 5), (300, 30), (3600, 60), (36_000, 600), (math.inf, 3600))
NO_TIME = "0 s"
NARROW = 1.6  # a range whose ends differ by no more than this factor is shown as a single figure

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


def as_duration(seconds: float, decimals: int = 0) -> str:
    """Format a measured time as ``8 s``, ``4 min 05 s`` or ``2 h 10 min``; ``decimals`` are those below a minute."""
    if (exact := round(seconds, decimals)) < 60:
        return f"{exact:.{decimals}f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def as_estimate(low: float, high: float) -> str:
    """Format an estimated time, no more precisely than it is known.

    Args:
        low: the least number of seconds.
        high: the largest; infinite if unknown.

    Returns:
        Such as ``10 to 20 s``, or ``about 2 min`` if the range is narrow; empty if it says nothing.
    """
    first = _rounded(low, math.floor)
    if math.isinf(high):
        return "" if first == NO_TIME else f"at least {first}"
    last = _rounded(max(1.0, high), math.ceil)
    if first != NO_TIME and (high <= NARROW * low or first == last):
        return f"about {_rounded(math.sqrt(low * high), round)}"
    if first == NO_TIME:
        return f"less than {last}"
    (number, *units), (_, *last_units) = first.split(), last.split()
    return f"{number if units == last_units and len(units) == 1 else first} to {last}"


def _rounded(seconds: float, rounding: Callable[[float], int]) -> str:
    """Format seconds as a multiple of the unit in ``ROUNDING``, without minutes or seconds that are 0."""
    unit = next(unit for limit, unit in ROUNDING if seconds < limit)
    return as_duration(rounding(seconds / unit) * unit).removesuffix(" 00 s").removesuffix(" 00 min")


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
