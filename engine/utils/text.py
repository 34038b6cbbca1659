"""Numbers and foreign texts in sentences."""

from __future__ import annotations

import re

MOST_CHARACTERS = 800  # of a sentence: two long paths find room, and more is not read
MOST_QUOTED = 150  # of what others say

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scientific(value: float, digits: int = 3) -> str:
    """Such as ``1.42·10⁻⁶``; without a power of ten where the number can be read as it is, such as ``0.0142``."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if value == 0 or -3 <= int(exponent) < 4:
        return f"{float(f'{mantissa}e{exponent}'):g}"
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def pluralise(count: int, noun: str) -> str:
    """Such as ``1 run`` or ``1,000 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def one_line(text: str) -> str:
    """``text`` as a sentence that can be shown and printed anywhere, however foreign what it quotes.

    What is no printable character is written as Python would, such as ``\\n``; of a long text the middle is left out.
    """
    plain = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in _shortened(text))
    return _shortened(plain)


def _shortened(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    kept = MOST_CHARACTERS // 2 - 2
    return f"{text[:kept]} … {text[-kept:]}"


def shown(value: object) -> str:
    """A value as Python writes it; what can't be written so, a list without end or a huge number, by its type."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return f"this {type(value).__name__}"


def reason(error: Exception) -> str:
    """What a library says of a file that it can't read, short enough to be quoted in a sentence."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r" object at 0x[0-9a-fA-F]+", "", line)[:MOST_QUOTED]
