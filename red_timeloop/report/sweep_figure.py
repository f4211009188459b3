"""The points of a sweep and their Pareto front as a figure."""

from __future__ import annotations

import io

import numpy as np

from red_timeloop.designs.registry import colours as own_colours
from red_timeloop.designs.registry import label
from red_timeloop.errors import InputError
from red_timeloop.report.palette import design_colours
from red_timeloop.sweeps.analysis import pareto
from red_timeloop.sweeps.measures import Objective
from red_timeloop.sweeps.table import Results

__all__ = ["pareto_figure"]

_MOST_POINTS = 3000  # drawn of each design; the front is drawn whole
_MARKS = "osD^vP"


def pareto_figure(
    results: Results, objectives: tuple[Objective, Objective], form: str = "svg"
) -> bytes:
    """Return a figure of two objectives: feasible points by design, and the front over all.

    The same results give the same bytes.

    Args:
        results: Feasible points of one workload.
        objectives: What goes right and what goes up.
        form: `svg`, `png` or `pdf`.

    Raises:
        InputError: No point has both measures, or there are several workloads.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if len(set(results.words["workload"].tolist())) > 1:
        raise InputError("a figure shows the points of one workload", key="workload")
    front = pareto(results, objectives)
    x, y = (objective.measure for objective in objectives)
    with mpl.rc_context({"svg.hashsalt": "red-timeloop", "font.size": 9}):
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.add_subplot()
        rng = np.random.default_rng(0)
        names = list(dict.fromkeys(results.words["design"].tolist()))
        colours = design_colours(names, own_colours())
        for index, design in enumerate(names):
            rows = np.flatnonzero(results.words["design"] == design)
            if len(rows) > _MOST_POINTS:
                rows = np.sort(rng.choice(rows, _MOST_POINTS, replace=False))
            axes.plot(
                results.numbers[x][rows],
                results.numbers[y][rows],
                linestyle="none",
                marker=_MARKS[index % len(_MARKS)],
                markersize=3,
                alpha=0.5,
                markeredgewidth=0,
                color=colours[design],
                label=label(design),
                rasterized=len(rows) > 500,
            )
        axes.plot(
            front.numbers[x],
            front.numbers[y],
            color="black",
            linewidth=1,
            drawstyle="steps-post",
            marker=".",
            markersize=4,
            label="Pareto front",
        )
        for name, scale, measure in (("x", axes.set_xscale, x), ("y", axes.set_yscale, y)):
            if (results.numbers[measure] > 0).all():
                scale("log")
            parts = measure.rpartition("_") if measure != "energy_saving" else ("", "", "")
            text = f"{parts[0].replace('_', ' ')} [{parts[2]}]" if parts[0] else measure
            (axes.set_xlabel if name == "x" else axes.set_ylabel)(text)
        axes.grid(True, which="major", linewidth=0.3)
        axes.legend(frameon=False, markerscale=2)
        stream = io.BytesIO()
        metadata = (
            {"Date": None} if form == "svg" else {"CreationDate": None} if form == "pdf" else {}
        )
        figure.savefig(stream, format=form, metadata=metadata, dpi=150)
    return stream.getvalue()
