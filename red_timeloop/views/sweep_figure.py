"""The points of a sweep and their Pareto front as a figure: a panel for every two objectives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from red_timeloop.designs.registry import colours as own_colours
from red_timeloop.designs.registry import label
from red_timeloop.errors import InputError
from red_timeloop.sweeps.analysis import pareto
from red_timeloop.sweeps.measures import Objective
from red_timeloop.sweeps.table import Results
from red_timeloop.views.figures import log_ticks, mark_id
from red_timeloop.views.palette import MARKERS, design_colours, of_colour
from red_timeloop.views.picture import GRID, INK, STYLE, picture
from red_timeloop.views.sweep_table import measure_name, measure_text, parameter_text

__all__ = ["pareto_figure", "pareto_panels"]

_MOST_POINTS = 3000  # drawn of each design; the front is drawn whole
_MOST_MARKS = 300  # of the front that can be pointed at
_WIDTH = 420 / 72  # inches
_BEYOND = 0.12  # of an axis, for what is exact


def pareto_figure(results: Results, objectives: Sequence[Objective], form: str = "svg") -> bytes:
    """Return the figure as the bytes of a `svg`, `png` or `pdf` file, as `pareto_panels` draws it.

    The same results give the same bytes.
    """
    words = ", ".join(map(str, objectives))
    return picture(pareto_panels(results, objectives), form, "Pareto front", words)


def pareto_panels(
    results: Results,
    objectives: Sequence[Objective],
    pairs: Sequence[tuple[Objective, Objective]] = (),
) -> Figure:
    """Return a figure: feasible points by design, and the front of all objectives over all.

    A panel shows two objectives; with more of them a point of the front stands in every panel.

    Args:
        results: Feasible points of one workload.
        objectives: Two or more, which make the front.
        pairs: What panels show, to the right and upwards; every two objectives when empty.

    Raises:
        InputError: No point has all measures, or there are several workloads.
    """
    if len(set(results.words["workload"].tolist())) > 1:
        raise InputError("a figure shows the points of one workload", key="workload")
    front = pareto(results, objectives)
    shown = pairs or list(combinations(objectives, 2))
    with mpl.rc_context(STYLE | {"font.size": 11}):
        figure = Figure(figsize=(_WIDTH, 4 * len(shown) + 0.4), layout="constrained")
        figure.patch.set_visible(False)
        for place, pair in enumerate(shown):
            axes = figure.add_subplot(len(shown), 1, place + 1)
            axes.patch.set_visible(False)
            _panel(axes, results, front, pair, staircase=len(objectives) == 2)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=3, markerscale=1.6)
    return figure


def _panel(
    axes: Axes, results: Results, front: Results, pair: tuple[Objective, ...], *, staircase: bool
) -> None:
    x, y = (objective.measure for objective in pair)
    rng = np.random.default_rng(0)
    names = list(dict.fromkeys(results.words["design"].tolist()))
    colours = design_colours(names, own_colours())
    scales = {name: _Scale(name, results.numbers[name]) for name in (x, y)}
    for design in names:
        rows = np.flatnonzero(results.words["design"] == design)
        if len(rows) > _MOST_POINTS:
            rows = np.sort(rng.choice(rows, _MOST_POINTS, replace=False))
        axes.plot(
            *(scales[name].at(results.numbers[name][rows]) for name in (x, y)),
            linestyle="none",
            marker=of_colour(MARKERS, colours[design]),
            markersize=3,
            alpha=0.45,
            markeredgewidth=0,
            color=colours[design],
            label=label(design),
            rasterized=len(rows) > 500,
        )
    places = [scales[name].at(front.numbers[name]) for name in (x, y)]
    line: dict[str, Any] = {"drawstyle": "steps-post", "linewidth": 1} if staircase else {"lw": 0}
    axes.plot(*places, color=INK, marker=".", markersize=3, label="Pareto front", **line)
    marked = [front.row(index) for index in range(min(len(front), _MOST_MARKS))]
    for design, colour in colours.items():
        mine = [number for number, row in enumerate(marked) if row["design"] == design]
        axes.scatter(
            places[0][mine],
            places[1][mine],
            36,
            colour,
            marker=of_colour(MARKERS, colour),
            edgecolors=INK,
            linewidths=0.8,
            zorder=3,
            urls=[
                mark_id("", design, _words(front, marked[n]), f"{marked[n]['workload']} {n}")
                for n in mine
            ],
        )
    for objective, axis in zip(pair, (axes.xaxis, axes.yaxis), strict=True):
        scales[objective.measure].set(axis, axes)
        better = "more" if objective.more else "less"
        axis.set_label_text(f"{measure_name(objective.measure)} ({better} is better)")
    axes.grid(True, which="major", linewidth=0.5)
    axes.spines[["top", "right", "left", "bottom"]].set_color(GRID)


def _words(front: Results, row: dict[str, Any]) -> str:
    """Return what a point is and what it reaches."""
    point = [f"{name} {parameter_text(row[name])}" for name in front.parameters]
    measures = [each.measure for each in front.objectives if each.measure in row]
    reached = [f"{measure_name(name)} {measure_text(name, row[name])}" for name in measures]
    return f"{', '.join([label(str(row['design'])), *point])}: {', '.join(reached)}"


class _Scale:
    """An axis of one measure; what is exact, which has no number, stands beyond the largest."""

    def __init__(self, measure: str, values: NDArray[np.float64]) -> None:
        finite = values[np.isfinite(values)]
        self.measure = measure
        self.low, self.high = (
            (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        )
        self.log = measure != "sqnr_dB" and self.low > 0
        self.exact: float | None = None
        if np.isposinf(values).any():
            ends = np.log([self.low, self.high]) if self.log else np.array([self.low, self.high])
            place = ends[1] + _BEYOND * ((ends[1] - ends[0]) or 1.0)
            self.exact = float(np.exp(place)) if self.log else float(place)

    def at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values if self.exact is None else np.where(np.isposinf(values), self.exact, values)

    def set(self, axis: Any, axes: Axes) -> None:
        """Put scale and ticks on an axis."""
        right = axis is axes.xaxis
        if self.log:
            (axes.set_xscale if right else axes.set_yscale)("log")
        ticks = log_ticks(self.low, self.high) if self.log else MaxNLocator(5)
        if self.exact is not None:
            inside = ticks.tick_values(self.low, self.high)
            inside = [tick for tick in inside if self.low <= tick <= self.high]
            ticks = FixedLocator([*inside, self.exact])
            middle = (self.exact * self.high) ** 0.5 if self.log else (self.exact + self.high) / 2
            (axes.axvline if right else axes.axhline)(middle, color=INK, linewidth=0.6, ls=":")
        axis.set_major_locator(ticks)
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(self._text))

    def _text(self, value: float, _: int) -> str:
        if value == self.exact:
            return "exact"
        return re.sub(r"\.0+(?=\D|$)", "", measure_text(self.measure, value))
