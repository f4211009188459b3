"""Figures for a paper in two columns: the datasets of the page, drawn with matplotlib.

One column is 3.5 inches wide, two are 7.16 (IEEE). Fonts are embedded, colours fit every colour
vision, and hatches tell designs apart in grey print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from red_timeloop.comparison import Comparison
from red_timeloop.designs import BASELINE
from red_timeloop.files import write_atomic
from red_timeloop.report import data
from red_timeloop.report.charts import format_value
from red_timeloop.report.data import Bars, Stacks
from red_timeloop.report.palette import PARTS, design_colours
from red_timeloop.report.picture import STYLE, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "PAPER", "TWO_COLUMNS", "paper_figures", "write_figures"]

FORMATS = ("svg", "pdf", "png")

_ONE_COLUMN, TWO_COLUMNS = 3.5, 7.16  # inches
_HEIGHT = 2.1
_MOST_BARS = 26  # in one column
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oooo")
PAPER = STYLE | {
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "hatch.linewidth": 0.4,
}


def write_figures(comparison: Comparison, folder: Path) -> list[Path]:
    """Write `WORKLOAD-CHART.svg`, `.pdf` and `.png` for every chart; return their paths."""
    written = []
    for key, title, words, figure in paper_figures(comparison):
        for form in FORMATS:
            path = folder / f"{comparison.workload.name}-{key}.{form}"
            written.append(write_atomic(path, picture(figure, form, title, words)))
    return written


def paper_figures(comparison: Comparison) -> Iterator[tuple[str, str, str, Figure]]:
    """Yield the name, the title, a description and the figure of every chart."""
    import matplotlib

    with matplotlib.rc_context(PAPER):
        for bars in (
            data.latency(comparison),
            data.energy(comparison),
            data.speedup(comparison),
            data.saving(comparison),
            data.area(comparison),
            data.zeros(comparison),
        ):
            if bars.values:
                yield bars.key, bars.title, _bar_words(bars), _bar_figure(bars, comparison.colours)
        for stacks in (data.energy_parts(comparison), data.time_parts(comparison)):
            words = f"{stacks.title}, by layer and design, relative to zero padding."
            yield stacks.key, stacks.title, words, _stack_figure(stacks)


def _bar_words(bars: Bars) -> str:
    return "; ".join(
        f"{layer} {bars.labels[design]} {format_value(value, bars.unit)}".replace("  ", " ")
        for (layer, design), value in bars.values.items()
    )


def _bar_figure(bars: Bars, own: Mapping[str, str]) -> Figure:
    shown = [design for design in bars.designs if not _is_one(bars, design)]
    figure, axes = _canvas(len(bars.layers) * len(shown))
    width = 0.8 / max(1, len(shown))
    colours = design_colours(shown, own) | {"": PARTS[0]}
    base = 1.0 if bars.key == "speedup" and bars.logarithmic else 0.0  # no factor has a zero
    factor = {"%": 100.0, "m2": 1e6}.get(bars.unit, 1.0)
    for number, design in enumerate(shown):
        offset = (number - (len(shown) - 1) / 2) * width
        places = [
            p + offset for p, layer in enumerate(bars.layers) if (layer, design) in bars.values
        ]
        heights = [
            bars.values[la, design] * factor for la in bars.layers if (la, design) in bars.values
        ]
        axes.bar(
            places,
            [height - base for height in heights],
            width,
            base,
            label=bars.labels[design],
            color=colours[design],
            edgecolor="#222222",
            linewidth=0.4,
            hatch=_HATCHES[number % len(_HATCHES)],
        )
    if bars.logarithmic:
        axes.set_yscale("log")
    unit = {"x": "", "%": " [%]", "m2": " [mm$^2$]"}.get(bars.unit, f" [{bars.unit}]")
    axes.set_ylabel(bars.title + unit)
    if bars.key == "speedup":
        axes.axhline(1, color="#222222", linewidth=0.5)
    if min(bars.values.values()) < 0:
        axes.axhline(0, color="#222222", linewidth=0.5)
    _finish(figure, axes, bars.layers, len(shown) if any(shown) else 0)
    return figure


def _is_one(bars: Bars, design: str) -> bool:
    """Whether a design is what the others are compared with: its bars would all be alike."""
    return bars.key in ("speedup", "saving") and design == BASELINE.name and len(bars.designs) > 1


def _stack_figure(stacks: Stacks) -> Figure:
    figure, axes = _canvas(len(stacks.layers) * len(stacks.designs))
    width = 0.84 / max(1, len(stacks.designs))
    bottoms: dict[tuple[str, str], float] = {}
    for number, part in enumerate(stacks.parts):
        places, heights, starts = [], [], []
        for place, layer in enumerate(stacks.layers):
            for nth, design in enumerate(stacks.designs):
                key = (layer, design)
                if key not in stacks.values:
                    continue
                places.append(place + (nth - (len(stacks.designs) - 1) / 2) * width)
                heights.append(stacks.values[key].get(part, 0.0) / stacks.scale(layer))
                starts.append(bottoms.get(key, 0.0))
                bottoms[key] = starts[-1] + heights[-1]
        axes.bar(
            places,
            heights,
            width * 0.92,
            starts,
            label=part,
            color=PARTS[number % len(PARTS)],
            edgecolor="#222222",
            linewidth=0.3,
            hatch=_HATCHES[number % len(_HATCHES)],
        )
    axes.set_ylabel(f"{'Energy' if stacks.unit == 'J' else 'Time'} / zero padding's")
    order = ", ".join(stacks.labels[design] for design in stacks.designs)
    axes.text(0, 1.02, f"bars: {order}", transform=axes.transAxes, fontsize=6, va="bottom")
    _finish(figure, axes, stacks.layers, len(stacks.parts), below=0.09)
    return figure


def _canvas(bars: int) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    width = _ONE_COLUMN if bars <= _MOST_BARS else TWO_COLUMNS
    figure = Figure(figsize=(width, _HEIGHT), layout="constrained")
    return figure, figure.add_subplot()


def _finish(
    figure: Figure, axes: Axes, layers: tuple[str, ...], entries: int, below: float = 0.0
) -> None:
    axes.set_xticks(
        range(len(layers)),
        layers,
        rotation=20 if len(layers) < 9 else 60,
        ha="right",
        rotation_mode="anchor",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.3, color="#cccccc")
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    if entries > 0:
        columns = min(entries, 6 if figure.get_figwidth() > _ONE_COLUMN else 4)
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1 + below),
            ncols=columns,
            frameon=False,
            borderaxespad=0.1,
            columnspacing=1,
            handlelength=1.4,
            handletextpad=0.5,
        )
