"""Published ranges and modelled ones as a picture: the range a band, every variant a line."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from red_timeloop.reproduction import Figure, Reproduction
from red_timeloop.reproduction.figures import MAIN
from red_timeloop.reproduction.page import span
from red_timeloop.reproduction.published import PUBLISHED, Published
from red_timeloop.reproduction.variants import VARIANTS
from red_timeloop.views.figures import PAPER, TWO_COLUMNS
from red_timeloop.views.palette import BASE
from red_timeloop.views.picture import picture

__all__ = ["reproduction_figure"]

_BAND = "#d9d9d9"
_MUTED = "#666666"
_COLOURS = {"isaac_32nm": BASE[5], "red_paper": BASE[6]}
_RIVALS = {"zero_padding": "zero padding", "padding_free": "padding free", "cmos": "CMOS (Eyeriss)"}
_MARKS = ("o", "D")  # lower and upper end

Rows = Sequence[tuple[str, str]]  # rival and variant, from the top


def reproduction_figure(result: Reproduction, form: str) -> bytes:
    """Return the picture, two columns of a paper wide.

    Args:
        result: The figures.
        form: `svg`, `pdf` or `png`.
    """
    rows = [
        (rival, str(variant))
        for rival in _RIVALS
        for variant in (VARIANTS if rival == "zero_padding" else MAIN)
    ]
    panels = [published for published in PUBLISHED.values() if published.rivals]
    with mpl.rc_context(PAPER):
        canvas = Canvas(figsize=(TWO_COLUMNS, 0.16 * len(rows) + 1.6), layout="constrained")
        every = canvas.subplots(1, len(panels), sharey=True)
        for axes, published in zip(every, panels, strict=True):
            _panel(axes, published, result.of(published), rows)
        _labels(every[0], rows)
        _legend(canvas)
        words = "; ".join(f"{p.figure}: {span(p, p.low, p.high)}" for p in panels)
        title = "Published and modelled figures of RED"
        return picture(canvas, form, title, f"Published, as bands: {words}.")


def _place(rows: Rows, row: tuple[str, str]) -> float:
    """Return where a row stands, a gap before each rival's first."""
    return rows.index(row) + 1.2 * list(_RIVALS).index(row[0])


def _panel(axes: Axes, published: Published, figures: Sequence[Figure], rows: Rows) -> None:
    """Draw a published figure: its range as a band, and the modelled range of every row."""
    scale = 100 if published.share else 1
    low, high = scale * published.low, scale * published.high
    axes.axvspan(low, high, color=_BAND, linewidth=0, zorder=0)
    for end in (low, high):
        axes.axvline(end, color="#222222", linewidth=0.7, zorder=1)
    for figure in figures:
        row = _place(rows, (str(figure.rival), str(figure.variant)))
        main = figure.variant in MAIN
        colour = _COLOURS.get(str(figure.variant), _MUTED)
        ends = [scale * figure.low, scale * figure.high]
        axes.plot(ends, [row, row], color=colour, linewidth=1.6 if main else 0.8, zorder=2)
        for value, off, mark in zip(ends, figure.deviations, _MARKS, strict=True):
            axes.plot(
                value,
                row,
                marker=mark,
                markersize=4.2 if main else 3.2,
                color=colour,
                markerfacecolor=colour if abs(off) <= published.tolerance else "white",
                markeredgewidth=0.8,
                zorder=3,
            )
    kind, unit = published.figure.split(", ")[::-1], "%" if published.share else "x"
    axes.set_title(f"{kind[0]}:\n{kind[1].replace(' of RED', '')} [{unit}]", fontsize=7)
    if not published.share:
        axes.set_xscale("log")
        axes.set_xticks([t for t in (1, 10, 100, 1000) if t < axes.get_xlim()[1]])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="y", linewidth=0.3, color="#dddddd", zorder=0)
    axes.tick_params(axis="y", which="both", length=0)
    axes.spines["left"].set_visible(False)


def _legend(canvas: Canvas) -> None:
    """Say what bands, marks and their filling mean."""

    def mark(shape: str, filled: bool, words: str) -> Line2D:
        face = _MUTED if filled else "white"
        return Line2D([], [], color=_MUTED, marker=shape, markerfacecolor=face, label=words)

    low, high = _MARKS
    canvas.legend(
        handles=[
            Patch(facecolor=_BAND, edgecolor="#222222", linewidth=0.7, label="published range"),
            mark(low, True, "lower end, met"),
            mark(low, False, "missed"),
            mark(high, True, "upper end, met"),
            mark(high, False, "missed"),
        ],
        loc="outside lower center",
        ncols=5,
        markerscale=0.6,
        handlelength=2,
    )


def _labels(axes: Axes, rows: Rows) -> None:
    """Name the rows, and above them the rivals whose rows begin."""
    axes.set_yticks([_place(rows, row) for row in rows], [variant for _, variant in rows])
    above = [next(_place(rows, row) for row in rows if row[0] == rival) for rival in _RIVALS]
    words = [f"against {rival}" for rival in _RIVALS.values()]
    axes.set_yticks([first - 0.85 for first in above], words, minor=True, fontstyle="italic")
    axes.set_ylim(_place(rows, rows[-1]) + 0.6, -1.4)
    for tick, (_, variant) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(_COLOURS.get(variant, "#222222"))
