"""The charts of a comparison, drawn with matplotlib: for the page, for a paper, for a notebook.

Layers stand below each other, each with its name above its row, so that no name is cut and every
width will do. Colours fit every colour vision; markers tell designs apart in grey print, and
hatches parts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from red_timeloop.comparison import Comparison
from red_timeloop.files import write_atomic
from red_timeloop.units import percent
from red_timeloop.views import data
from red_timeloop.views.data import COMPONENT_GROUPS, Chart, format_value
from red_timeloop.views.palette import (
    HATCHES,
    MARKERS,
    PARTS,
    blend,
    design_colours,
    of_colour,
    text_on,
)
from red_timeloop.views.picture import GRID, GROUND, INK, STYLE, picture

__all__ = [
    "FORMATS",
    "PAPER",
    "TWO_COLUMNS",
    "draw",
    "write_figures",
]

FORMATS = ("svg", "pdf", "png")
ONE_COLUMN, TWO_COLUMNS = 3.5, 7.16  # inches, of an IEEE paper
PAPER = STYLE | {
    "font.size": 6.5,
    "axes.labelsize": 7,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "hatch.linewidth": 0.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# Heights of a row in units of the type size: its name, the lane of each design, and what is free.
_NAME, _FREE = 1.5, 0.5
_LANES = {"dots": 0.7, "stacks": 1.15, "heat": 1.5}  # a heat map has all designs in one
_STAGES = {  # what a part of a step is done by, in whose colour it is drawn
    "drive": "row drivers",
    "settle": "cells",
    "convert": "converters",
    "accumulate": "adders",
    "store": "buffers",
    "compute": "processing elements",
}

Box = tuple[float, float, float, float, str]  # left, top, width, height, id


def write_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Write `WORKLOAD-CHART.svg`, `.pdf` and `.png` for every chart; return their paths.

    Convolutions on which all designs are alike are left out, as far as others remain.
    """
    alike, written = data.alike(comparison), []
    for chart in (data.chart(comparison, key) for key in (*data.CHARTS, "zeros")):
        if not chart.values:
            continue
        with mpl.rc_context(PAPER):
            figure = new_figure(without(chart, alike), ONE_COLUMN, 6.5)
            for form in FORMATS:
                path = folder / f"{comparison.workload.name}-{chart.key}.{form}"
                content = picture(figure, form, chart.title, _words(chart))
                written.append(write_atomic(path, content))
    return written


def without(chart: Chart, layers: Collection[str]) -> Chart:
    """Return a chart without some of its layers, unless nothing would be left."""
    kept = {name: text for name, text in chart.layers.items() if name not in layers}
    if not kept or len(kept) == len(chart.layers):
        return chart
    values = {key: value for key, value in chart.values.items() if key[0] in kept}
    return replace(chart, layers=kept, values=values)


def new_figure(chart: Chart, width: float, size: float, *, page: bool = False) -> Figure:
    """Return a figure of a chart, `width` inches wide, in type of `size` points.

    That of a page has its axis at the top, from where readers come down to the rows.
    """
    entries = len(chart.parts if chart.kind == "stacks" else chart.designs)
    lines = 4.5 + 1.5 * math.ceil(entries / _columns(width, size))
    height = row_height(chart, size) * len(chart.layers) + lines * size / 72
    figure = Figure(figsize=(width, height))
    axes = draw(figure.add_subplot(), chart)
    legend = axes.get_legend()
    if page:
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
    if page and legend:
        up = ScaledTranslation(0, 3.4 * size / 72, figure.dpi_scale_trans)
        legend.set_bbox_to_anchor((0, 1), axes.transAxes + up)
    # once: an engine of the figure would have it drawn twice whenever it is saved
    ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02).execute(figure)
    return figure


def row_height(chart: Chart, size: float) -> float:
    """Return the height of a layer's row in inches, in type of `size` points."""
    lanes = 1 if chart.kind == "heat" else len(chart.designs)
    return size / 72 * (_NAME + _FREE + _LANES[chart.kind] * lanes)


def draw(axes: Axes, chart: Chart) -> Axes:
    """Draw a chart on axes, layers downwards, and return them.

    What belongs to a layer has a `mark_id` as its URL, with words if it stands for a value.
    """
    axes.set_ylim(len(chart.layers), 0)
    axes.set_yticks([])
    axes.spines[["left", "right", "top", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0, colors=INK)
    across = {"transform": axes.get_yaxis_transform()}
    height = _share(chart, _NAME)
    names = [(0, place, 1, height, mark_id(name)) for place, name in enumerate(chart.layers)]
    _boxes(axes, names, facecolors=GROUND, linewidth=0, zorder=1.5, **across)
    lines = [(x, place, width, 0, name) for x, place, width, _, name in names[1:]]
    _boxes(axes, lines, edgecolors=GRID, linewidth=0.6, zorder=1.6, **across)
    for (_, place, _, _, name), text in zip(names, chart.layers.values(), strict=True):
        look: dict[str, Any] = {"fontweight": "bold", **across}
        _text(axes, 0, place + height / 2, text, "left", 1.0, name, **look)
    {"dots": _dots, "stacks": _stacks, "heat": _heat}[chart.kind](axes, chart)
    return axes


def _share(chart: Chart, height: float) -> float:
    """Return a height in units of the type size as a share of a row's."""
    return height / 72 / row_height(chart, 1)


def _lane(chart: Chart, layer: str, design: str) -> float:
    """Return where the lane of a design in a layer's row has its middle."""
    number = 0 if chart.kind == "heat" else list(chart.designs).index(design)
    row = list(chart.layers).index(layer)
    return row + _share(chart, _NAME + _LANES[chart.kind] * (number + 0.5))


def mark_id(layer: str, design: str = "", words: str = "", point: str = "") -> str:
    """Return the id of what belongs to a layer, stands for a value, or is a point of a sweep."""
    return json.dumps([layer, design, words, point], ensure_ascii=False)


def _boxes(axes: Axes, boxes: Sequence[Box], **look: Any) -> None:
    """Draw rectangles (left, top, width, height, id), of which there may be thousands, as one."""
    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h, _ in boxes]
    _add(axes, PolyCollection(corners, urls=[name for *_, name in boxes], **look))


def _add(axes: Axes, artist: Any) -> None:
    """Add what neither limits nor layout ask for."""
    artist.set_in_layout(False)
    axes.add_artist(artist).set_clip_on(False)


def _text(
    axes: Axes, x: float, y: float, text: str, align: Any, size: float, name: str, **look: Any
) -> Any:
    """Write `text` in the middle of a lane, `size` being that of the figure's type."""
    place: Any = {"ha": align, "va": "center_baseline", "fontsize": size * _size(), "url": name}
    written = Text(x, y, text, zorder=3, **place, **{"color": INK, **look})
    _add(axes, written)
    return written


def _dots(axes: Axes, chart: Chart) -> None:
    colours = design_colours([*chart.designs], chart.colours) | {"": PARTS[0]}
    found = [1.0] * (chart.unit == "x") + [chart.whole(*key) for key in chart.values]
    entries = []
    for design in chart.designs:
        mine = {layer: chart.whole(layer, of) for layer, of in chart.values if of == design}
        named = {layer: format_value(value, chart.unit) for layer, value in mine.items()}
        dots = axes.scatter(
            list(mine.values()),
            [_lane(chart, layer, design) for layer in mine],
            (0.62 * _size()) ** 2,
            colours[design],
            marker=of_colour(MARKERS, colours[design]),
            edgecolors=INK,
            linewidths=0.5,
            zorder=3,
            clip_on=False,
            urls=[mark_id(layer, design, words) for layer, words in named.items()],
        )
        dots.set_in_layout(False)
        entries.append(dots)
    if chart.logarithmic:
        margin = max(1.1, (max(found) / min(found)) ** 0.04)
        axes.set_xscale("log")
        axes.set_xlim(min(found) / margin, max(found) * margin)
    else:
        axes.set_xlim(0, 1.04 * max(found) or 1.0)
    axes.set_ylim(len(chart.layers), 0)
    unit = {"x": "", "%": "", "m2": " [mm2]"}.get(chart.unit, f" [{chart.unit}]")
    _ground(axes, chart.title + unit, one=chart.unit == "x")
    _ticks(axes, chart)
    if any(chart.designs):
        _legend(axes, entries, list(chart.designs.values()))


def _ground(axes: Axes, title: str, *, one: bool = True) -> None:
    """Draw what stands behind marks: a grid, a line at one, and what the axis is."""
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(title, color=INK)
    if one:
        axes.axvline(1, color=INK, linewidth=0.8, zorder=1)


def _ticks(axes: Axes, chart: Chart) -> None:
    locator = log_ticks(*axes.get_xlim()) if chart.logarithmic else MaxNLocator(5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, chart.unit)))


def log_ticks(low: float, high: float) -> Any:
    """Return matplotlib's locator of decades, or of their parts where there are few."""
    return LogLocator(subs=(1, 2, 5) if high / low < 30 else (1,), numticks=6)


def _tick(value: float, unit: str) -> str:
    """Return a round value without trailing zeros.

    >>> _tick(1e-8, "m2"), _tick(1e-4, "s"), _tick(0.8, "%"), _tick(2.0, "x")
    ('0.01 mm2', '100 us', '80 %', '2x')
    """
    factor, written = {"x": (1, "x"), "%": (100, " %"), "m2": (1e6, " mm2")}.get(unit, (0, ""))
    if factor:
        return f"{value * factor:g}{written}"
    return re.sub(r"\.0+(?= )", "", format_value(value, unit)) if value else "0"


def _stacks(axes: Axes, chart: Chart) -> None:
    looks, thick = _looks(chart.parts), _share(chart, 0.74 * _LANES["stacks"])
    bars: dict[str, list[Box]] = {part: [] for part in looks}
    longest = 1.0
    for (layer, design), values in chart.values.items():
        left, whole = 0.0, sum(values.values()) or 1.0
        y = _lane(chart, layer, design)
        for part in (part for part in chart.parts if values.get(part)):
            share = values[part] / chart.scale(layer)
            said = f"{format_value(values[part], chart.unit)}, {percent(values[part] / whole)}"
            name = mark_id(layer, design, f"{part} {said}")
            bars[part].append((left, y - thick / 2, share, thick, name))
            left += share
        text = _text(axes, -0.01, y, chart.designs[design], "right", 0.88, mark_id(layer, design))
        # one row of names is as wide as all of them
        text.set(transform=axes.get_yaxis_transform(), in_layout=layer == next(iter(chart.layers)))
        longest = max(longest, left)
    for part, boxes in bars.items():
        _boxes(axes, boxes, zorder=2, **looks[part])
    axes.set_xlim(0, 1.01 * longest)
    _ground(axes, f"{'Energy' if chart.unit == 'J' else 'Time'} over zero padding's")
    _legend(axes, [Patch(**look) for look in looks.values()], list(looks))


def _looks(parts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return colour and hatch of every part, the same in all figures."""
    known = list(COMPONENT_GROUPS)
    looks: dict[str, dict[str, Any]] = {}
    for place, part in enumerate(parts):
        group = _STAGES.get(part, part)
        number = known.index(group) if group in known else place
        colour = PARTS[number % len(PARTS)]
        hatch = HATCHES[(HATCHES.index(of_colour(HATCHES, colour)) + 4 * (group not in known)) % 8]
        looks[part] = {"facecolor": colour, "hatch": hatch, "edgecolor": INK, "linewidth": 0.4}
    return looks


def _heat(axes: Axes, chart: Chart) -> None:
    height = _share(chart, _LANES["heat"])
    shown = list(chart.designs)
    size = min(1.0, 4.5 / len(shown))
    cells, colours = [], []
    for (layer, design), values in chart.values.items():
        y = _lane(chart, layer, design)
        for number, (part, share) in enumerate(values.items()):
            colours.append(blend("#ffffff", PARTS[0], share))
            left = shown.index(design) + 0.04 + 0.46 * number
            name = mark_id(layer, design, f"{part} {percent(share)}")
            cells.append((left, y - height / 2, 0.46, height, name))
            name, ink = mark_id(layer, design), text_on(colours[-1])
            text = f"{100 * share:.0f}"
            _text(axes, left + 0.23, y, text, "center", size, name, color=ink)
    _boxes(axes, cells, facecolors=colours, edgecolors=INK, linewidth=0.4, zorder=2)
    axes.set_xlim(0, len(shown))
    labels = [text.replace(" ", "\n", 1) for text in chart.designs.values()]
    axes.set_xticks([lane + 0.5 for lane in range(len(shown))], labels)
    axes.set_xlabel(f"{chart.title} [%]: {', '.join(chart.parts)}", color=INK)


def _legend(axes: Axes, entries: list[Any], labels: list[str]) -> None:
    look: dict[str, Any] = {"frameon": False, "fontsize": 0.92 * _size()}
    room = {"borderpad": 0.1, "borderaxespad": 0.3, "columnspacing": 1, "labelspacing": 0.3}
    room |= {"handlelength": 1.4, "handletextpad": 0.5}
    look["ncols"] = _columns(axes.figure.get_figwidth(), _size())  # type: ignore[union-attr]
    axes.legend(entries, labels, loc="lower left", bbox_to_anchor=(0, 1), **look, **room)


def _columns(width: float, size: float) -> int:
    """Return the entries of a legend that fit beside each other."""
    return max(1, int(72 * width / (11 * size)))


def _size() -> float:
    return float(mpl.rcParams["font.size"])


def _words(chart: Chart) -> str:
    return "; ".join(
        f"{layer} {chart.designs[design]} {format_value(chart.whole(layer, design), chart.unit)}"
        if chart.kind == "dots"
        else f"{layer} {chart.designs[design]} "
        + ", ".join(f"{part} {format_value(value, chart.unit)}" for part, value in parts.items())
        for (layer, design), parts in chart.values.items()
    ).replace("  ", " ")
