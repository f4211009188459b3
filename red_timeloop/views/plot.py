"""The figures of a comparison in a notebook or a script: `Comparison.plot`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes

from red_timeloop.comparison import Comparison
from red_timeloop.views.data import chart
from red_timeloop.views.figures import draw, row_height

__all__ = ["Plots"]


def _plot(key: str, words: str) -> Callable[..., Axes]:
    """Return a method that draws a chart of `red_timeloop.views.data.CHARTS`."""

    def method(self: Plots, ax: Axes | None = None) -> Axes:
        shown = chart(self.comparison, key)
        if ax is None:
            from matplotlib import pyplot as plt

            height = row_height(shown, mpl.rcParams["font.size"]) * len(shown.layers) + 1
            ax = plt.subplots(figsize=(6.4, height), layout="constrained")[1]
        return draw(ax, shown)

    method.__name__, method.__doc__ = key, words
    return method


@dataclass(frozen=True)
class Plots:
    """The figures of a comparison on matplotlib's axes.

    Every method draws on `ax`, or on a new figure of pyplot's, and returns the axes.

    >>> from matplotlib.figure import Figure
    >>> from red_timeloop import compare
    >>> plots = compare("red_date2019", ["red"], layers=["GAN_Deconv3"]).plot
    >>> plots.energy(Figure().subplots()).get_xlabel()
    'Energy [J]'
    """

    comparison: Comparison

    speedup = _plot("speedup", "Latency of zero padding over that of each design.")
    energy_ratio = _plot("energy_ratio", "Energy of each design over zero padding's.")
    latency = _plot("latency", "Latency of one pass over each layer.")
    energy = _plot("energy", "Energy of one pass over each layer.")
    area = _plot("area", "Area that holds each layer.")
    time_parts = _plot("time_parts", "Time by what a step is doing, zero padding's being 1.")
    energy_parts = _plot("energy_parts", "Energy by component, zero padding's being 1.")
    use = _plot("use", "Rows and columns used of a crossbar, as a heat map.")
