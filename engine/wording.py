"""Numbers in sentences."""

from __future__ import annotations

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scientific(value: float, digits: int = 3) -> str:
    """Such as ``1.42·10⁻⁶``; without a power of ten where the number can be read as it is, such as ``0.0142``."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if value == 0 or -3 <= int(exponent) < 4:
        return f"{float(f'{mantissa}e{exponent}'):g}"
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def counted(count: int, noun: str) -> str:
    """Such as ``1 run`` or ``1,000 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
