"""Colours that stay apart for every kind of colour vision, and in grey print by their order.

The eight base colours are those of Okabe and Ito, Color universal design (2008), as listed by
Wong, Points of view: Color blindness, Nature Methods 8, 441 (2011).
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence

from matplotlib.colors import to_hex, to_rgb

__all__ = [
    "BASE",
    "HATCHES",
    "MARKERS",
    "PARTS",
    "blend",
    "design_colours",
    "luminance",
    "mode_colours",
    "of_colour",
    "text_on",
]

_SKY, _ORANGE, _GREEN, _PURPLE = "#56b4e9", "#e69f00", "#009e73", "#cc79a7"
_YELLOW, _BLUE, _VERMILION, _GREY = "#f0e442", "#0072b2", "#d55e00", "#999999"

# In the order of use: four that also differ in lightness come first.
BASE = (_SKY, _ORANGE, _GREEN, _PURPLE, _YELLOW, _BLUE, _VERMILION, _GREY)

# For the parts of a stack, where neighbours must differ in lightness.
PARTS = (_BLUE, _ORANGE, _SKY, _VERMILION, _YELLOW, _GREEN, _PURPLE, _GREY)

# What tells the base colours apart in grey print, each tied to one of them.
HATCHES = ("..", "///", "\\\\\\", "oo", "xxx", "", "---", "++")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<")


def of_colour(kinds: Sequence[str], colour: str) -> str:
    """Return which of `kinds` (`HATCHES`, `MARKERS`) goes with a colour, always the same one.

    >>> of_colour(MARKERS, "#e69f00")
    's'
    """
    place = BASE.index(colour) if colour in BASE else sum(colour.encode())
    return kinds[place % len(kinds)]


def design_colours(designs: Sequence[str], own: Mapping[str, str]) -> dict[str, str]:
    """Return a colour for every design, the same in every chart.

    Args:
        designs: Names.
        own: Colours that designs have of their own; the others get what is free.

    >>> design_colours(["eyeriss", "red"], {"red": "#d55e00"})
    {'red': '#d55e00', 'eyeriss': '#56b4e9'}
    """
    rest = [colour for colour in BASE if colour not in own.values()]
    others = [name for name in designs if name not in own]
    return {**own, **{name: rest[number % len(rest)] for number, name in enumerate(others)}}


def mode_colours(phases: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], str]:
    """Return a colour for each of `phases`, which are a product of (planes,) rows and columns.

    Up to eight get the base colours. More get a hue by column and a lightness by row, so that
    neighbours differ in both; they cannot all be told apart, but a mode's kernel pixels,
    sub-crossbars and outputs still match.

    >>> mode_colours([(0, 0), (0, 1)])[0, 1]
    '#e69f00'
    >>> len(set(mode_colours([(row, column) for row in range(8) for column in range(8)]).values()))
    64
    """
    if len(phases) <= len(BASE):
        return dict(zip(phases, BASE, strict=False))
    rows = sorted({phase[:-1] for phase in phases})
    columns = sorted({phase[-1] for phase in phases})
    return {
        phase: _shade(rows.index(phase[:-1]) / len(rows), columns.index(phase[-1]), len(columns))
        for phase in phases
    }


def _shade(row: float, column: int, columns: int) -> str:
    if columns <= len(BASE):
        base = BASE[column]
    else:
        # from blue to orange, past the hues that the colour-blind confuse
        along = column / (columns - 1)
        base = to_hex(colorsys.hls_to_rgb(0.62 - 0.5 * along, 0.42 + 0.3 * along, 0.65))
    return blend(base, "#ffffff", 0.7 * row)


def blend(colour: str, other: str, share: float) -> str:
    """Return `colour` with `share` (0 to 1) of `other` mixed in.

    >>> blend("#000000", "#ffffff", 0.5)
    '#808080'
    """
    red, green, blue = (
        a + share * (b - a) for a, b in zip(to_rgb(colour), to_rgb(other), strict=True)
    )
    return to_hex((red, green, blue))


def luminance(colour: str) -> float:
    """Return the relative luminance, 0 (black) to 1 (white).

    Source: W3C, Web content accessibility guidelines 2.1, definition of relative luminance.

    >>> round(luminance("#ffffff"), 6), luminance("#000000")
    (1.0, 0.0)
    """
    red, green, blue = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def text_on(colour: str) -> str:
    """Return black or white, whichever has more contrast on `colour`."""
    return "#000000" if luminance(colour) > 0.179 else "#ffffff"
