"""Charts of a page: one small SVG for each layer, bars lying on their side, one a design.

Small charts beside each other fit every width: a phone shows one in a row, a desk three or four,
and the words in them keep their size. Colours are the page's style sheet's, by class.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from html import escape

from red_timeloop.report.data import Bars, Stacks
from red_timeloop.units import area, percent, ratio, scaled

__all__ = ["bar_charts", "format_value", "stack_charts"]

_WIDTH = 340
_LABEL = 92  # left of the bars
_VALUE = 72  # right of the bars
_ROW = 22
_BAR = 14
_AXIS = 20
_SPAN = _WIDTH - _LABEL - _VALUE


def format_value(value: float, unit: str) -> str:
    """Return a value as a person reads it.

    >>> format_value(1.5e-6, "m2"), format_value(4.0, "x"), format_value(0.5, "%")
    ('1.50 mm2', '4.00x', '50.0 %')
    """
    if unit == "x":
        return ratio(value)
    if unit == "%":
        return percent(value)
    return area(value) if unit == "m2" else scaled(value, unit)


def bar_charts(bars: Bars) -> Iterator[tuple[str, str]]:
    """Yield each layer's name and its chart; all layers share one axis."""
    axis = _Axis(bars)
    for layer in bars.layers:
        found = [(d, bars.values[layer, d]) for d in bars.designs if (layer, d) in bars.values]
        if not found:
            continue
        words = "; ".join(
            f"{bars.labels[design] or layer}: {format_value(value, bars.unit)}"
            for design, value in found
        )
        body = list(axis.grid(len(found)))
        for row, (design, value) in enumerate(found):
            y = row * _ROW + (_ROW - _BAR) / 2
            left, right = sorted((axis.at(value), axis.origin))
            text = format_value(value, bars.unit)
            if design:
                body.append(_words(_LABEL - 6, y, bars.labels[design], "end"))
            body.append(
                f'<rect class="d-{escape(design or "layer")}" x="{left:.2f}" y="{y:.1f}" '
                f'width="{max(right - left, 0.5):.2f}" height="{_BAR}" rx="1.5" '
                f'data-layer="{escape(layer)}" data-design="{escape(design)}" '
                f'data-value="{value!r}"><title>{escape(bars.labels[design] or layer)}: '
                f"{escape(text)}</title></rect>"
            )
            body.append(_words(_WIDTH - _VALUE + 6, y, text, "start", "value"))
        yield layer, _svg(f"{bars.key}-{layer}", f"{bars.title}: {layer}", words, body, len(found))


def stack_charts(stacks: Stacks) -> Iterator[tuple[str, str]]:
    """Yield each layer's name and its chart; the reference design's bar has the length 1."""
    for layer in stacks.layers:
        found = [d for d in stacks.designs if (layer, d) in stacks.values]
        if not found:
            continue
        scale = stacks.scale(layer)
        longest = max(stacks.whole(layer, design) / scale for design in found)
        pixels = _SPAN / max(longest, 1.0)
        body = [
            f'<line class="grid" x1="{_LABEL + pixels:.2f}" x2="{_LABEL + pixels:.2f}" y1="0" '
            f'y2="{len(found) * _ROW}"/>'
        ]
        words = []
        for row, design in enumerate(found):
            y = row * _ROW + (_ROW - _BAR) / 2
            parts = stacks.values[layer, design]
            body.append(_words(_LABEL - 6, y, stacks.labels[design], "end"))
            body += _pieces(stacks, layer, design, y, pixels / scale)
            whole = format_value(sum(parts.values()), stacks.unit)
            body.append(_words(_WIDTH - _VALUE + 6, y, whole, "start", "value"))
            largest = sorted(parts.items(), key=lambda item: -item[1])[:3]
            shares = ", ".join(
                f"{part} {percent(value / (sum(parts.values()) or 1))}" for part, value in largest
            )
            words.append(f"{stacks.labels[design]}: {whole} ({shares})")
        title = f"{stacks.title}: {layer}"
        yield layer, _svg(f"{stacks.key}-{layer}", title, "; ".join(words), body, len(found))


def _pieces(stacks: Stacks, layer: str, design: str, y: float, pixels: float) -> Iterator[str]:
    """Yield the parts of one bar, `pixels` to a unit."""
    x = float(_LABEL)
    parts = stacks.values[layer, design]
    whole = sum(parts.values()) or 1.0
    for number, part in enumerate(stacks.parts):
        value = parts.get(part, 0.0)
        if not value:
            continue
        width = value * pixels
        text = f"{part}: {format_value(value, stacks.unit)} ({percent(value / whole)})"
        yield (
            f'<rect class="p-{number % 8}" x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" '
            f'height="{_BAR}" data-layer="{escape(layer)}" data-design="{escape(design)}" '
            f'data-part="{escape(part)}" data-value="{value!r}">'
            f"<title>{escape(text)}</title></rect>"
        )
        x += width


class _Axis:
    """The axis that the charts of one quantity share: linear from zero, or decades."""

    def __init__(self, bars: Bars) -> None:
        found = list(bars.values.values())
        self.log = bars.logarithmic
        self._unit = bars.unit
        if self.log:
            lowest = math.log10(min(found))
            # A factor is drawn from 1 on, other quantities from the decade below the smallest.
            self._low = min(0.0, lowest) if bars.unit == "x" else float(math.floor(lowest - 0.3))
            self._high = max(math.log10(max(found)), self._low + 1)
        else:
            self._low = min([0.0, *found])
            self._high = max([0.0, *found]) or 1.0
        one = self.log and bars.unit == "x"
        self.origin = _LABEL + (0.0 if self.log and not one else self._share(0.0))

    def at(self, value: float) -> float:
        return _LABEL + self._share(math.log10(value) if self.log else value)

    def _share(self, value: float) -> float:
        return _SPAN * (value - self._low) / (self._high - self._low)

    def grid(self, rows: int) -> Iterator[str]:
        """Yield lines at the ticks, with their values below the first and the last."""
        ticks = self._ticks()
        for number, tick in enumerate(ticks):
            x = self.at(tick)
            bottom = rows * _ROW
            yield f'<line class="grid" x1="{x:.2f}" x2="{x:.2f}" y1="0" y2="{bottom}"/>'
            if number in (0, len(ticks) - 1):
                text = _tick_text(tick, self._unit)
                yield (
                    f'<text class="tick" x="{x:.2f}" y="{bottom + 13}" '
                    f'text-anchor="middle">{escape(text)}</text>'
                )

    def _ticks(self) -> list[float]:
        if self.log:
            return [
                10.0**power for power in range(math.ceil(self._low), math.floor(self._high) + 1)
            ]
        size = self._high - self._low
        step = 10.0 ** math.floor(math.log10(size))
        step = next(s for s in (step / 5, step / 2, step, 2 * step) if size / s <= 5)
        first, last = math.ceil(self._low / step - 1e-9), math.floor(self._high / step + 1e-9)
        return [step * number for number in range(first, last + 1)]


def _tick_text(value: float, unit: str) -> str:
    """Return a round value without trailing zeros.

    >>> _tick_text(1e-8, "m2"), _tick_text(1e-4, "s"), _tick_text(0.8, "%")
    ('0.01 mm2', '100 us', '80 %')
    """
    factor, written = {"x": (1, "x"), "%": (100, " %"), "m2": (1e6, " mm2")}.get(unit, (0, ""))
    if factor:
        return f"{value * factor:g}{written}"
    return re.sub(r"\.0+(?= )", "", scaled(value, unit)) if value else "0"


def _words(x: float, y: float, text: str, anchor: str, kind: str = "label") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y + _BAR - 3:.1f}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg(name: str, title: str, words: str, body: list[str], rows: int) -> str:
    height = rows * _ROW + _AXIS
    mark = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="t-{mark} d-{mark}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="t-{mark}">{escape(title)}</title><desc id="d-{mark}">{escape(words)}</desc>'
        f"{''.join(body)}</svg>"
    )
