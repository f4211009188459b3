"""Numbers as a person reads them: three digits and an SI prefix."""

from __future__ import annotations

import math
import re

from red_timeloop.errors import InputError, shown

__all__ = ["area", "decibels", "percent", "quantity", "ratio", "scaled"]

_PREFIXES = {15: "P", 12: "T", 9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "u", -9: "n", -12: "p"}
_PREFIX_SIZES = {
    **{prefix: 10.0**exponent for exponent, prefix in _PREFIXES.items()},
    **{"f": 1e-15, "c": 1e-2, "\N{MICRO SIGN}": 1e-6, "K": 1e3},
}
_PREFIXED = {  # how units are mostly written
    **{"m2": ("mm2", "cm2", "um2"), "W": ("mW", "W", "kW"), "s": ("ns", "us"), "m": ("nm", "um")},
    **{"Hz": ("MHz", "GHz"), "ohm": ("ohm", "kohm", "Mohm"), "V": ("mV", "V"), "A": ("uA", "mA")},
    **{"J": ("fJ", "pJ")},
}


def scaled(value: float, unit: str = "") -> str:
    """Return `value` with three digits, an SI prefix and `unit`.

    >>> scaled(1.2345e-6, "s"), scaled(25_690_112), scaled(0, "J"), scaled(999.9e-9, "s")
    ('1.23 us', '25.7 M', '0 J', '1.00 us')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".strip()
    rounded = float(f"{value:.2e}")
    exponent = min(max(3 * math.floor(math.log10(abs(rounded)) / 3), -12), 15)
    digits = rounded / 10**exponent
    decimals = max(0, 2 - math.floor(math.log10(abs(digits)))) if abs(digits) < 1000 else 0
    text = f"{digits:.{decimals}f}"
    if not unit and exponent == 0 and value == int(value):
        text = f"{value:g}"
    return f"{text} {_PREFIXES[exponent]}{unit}".strip()


def area(square_metres: float) -> str:
    """Return an area in mm^2, or in um^2 below 0.001 mm^2.

    >>> area(1.5e-6), area(2e-12)
    ('1.50 mm2', '2 um2')
    """
    in_mm = square_metres * 1e6
    if in_mm == 0 or in_mm >= 1e-3:
        return (
            f"{in_mm:.{0 if in_mm >= 100 else 1 if in_mm >= 10 else 2 if in_mm >= 1 else 3}f} mm2"
        )
    return f"{square_metres * 1e12:.3g} um2"


def ratio(value: float) -> str:
    """Return a factor with three digits.

    >>> ratio(31.149), ratio(0.98765)
    ('31.1x', '0.988x')
    """
    if math.isinf(value):
        return "inf"
    text = f"{value:.0f}" if value >= 100 else f"{value:#.3g}"
    return f"{text}x"


def percent(share: float) -> str:
    """Return a share in per cent with one decimal.

    >>> percent(0.8836), percent(-0.25)
    ('88.4 %', '-25.0 %')
    """
    return f"{100 * share:.1f} %"


def decibels(value: float) -> str:
    """Return a ratio that is given in dB; an infinite one is that of exact outputs.

    >>> decibels(35.04), decibels(math.inf)
    ('35.0 dB', 'exact')
    """
    return "exact" if math.isinf(value) else f"{value:.1f} dB"


def quantity(text: str, unit: str, key: str, legal: str = "") -> float:
    """Return a number above 0 with its unit, as a person writes it, in SI.

    Args:
        text: The number with `unit` behind it, which may have a prefix; that of an area counts
            twice. Where `unit` is empty, a number with `%`, or none.
        unit: The unit, such as `s` or `m2`.
        key: Where it was given, for the error.
        legal: The numbers that are legal there, for the error.

    Raises:
        InputError: It is no number, or has another unit.

    >>> quantity("2mm2", "m2", "--area"), quantity("1.28 GHz", "Hz", "rate")
    (2e-06, 1280000000.0)
    """
    found = re.fullmatch(r"\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(\S*)\s*", text)
    size = None
    if found and (found[2] == unit or (unit and found[2].endswith(unit))):
        size = _PREFIX_SIZES.get(found[2].removesuffix(unit))
    elif found and found[2] == "%" and not unit:
        size = 0.01
    try:
        value = float(found[1]) * (size**2 if unit == "m2" else size) if found and size else 0.0
    except ValueError:  # such as 1.2.3
        value = 0.0
    if 0 < value < math.inf:
        return value
    units = ", ".join(_PREFIXED.get(unit, (unit or "%",)))
    legal = f"{legal}, or a number" if legal else "a number above 0"
    raise InputError(f"got {shown(text)}", key=key, legal=f"{legal} with {units}")
