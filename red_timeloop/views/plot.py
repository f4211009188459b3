"""The figures of a comparison in a notebook or a script: `Comparison.plot`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from red_timeloop.comparison import Comparison
from red_timeloop.views.data import chart
from red_timeloop.views.figures import draw, row_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plots"]


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

    def speedup(self, ax: Axes | None = None) -> Axes:
        """Latency of zero padding over that of each design."""
        return self._on("speedup", ax)

    def energy_ratio(self, ax: Axes | None = None) -> Axes:
        """Energy of each design over zero padding's."""
        return self._on("energy_ratio", ax)

    def latency(self, ax: Axes | None = None) -> Axes:
        """Latency of one pass over each layer."""
        return self._on("latency", ax)

    def energy(self, ax: Axes | None = None) -> Axes:
        """Energy of one pass over each layer."""
        return self._on("energy", ax)

    def area(self, ax: Axes | None = None) -> Axes:
        """Area that holds each layer."""
        return self._on("area", ax)

    def time_parts(self, ax: Axes | None = None) -> Axes:
        """Time of each layer by what a step is doing, zero padding's being 1."""
        return self._on("time_parts", ax)

    def energy_parts(self, ax: Axes | None = None) -> Axes:
        """Energy of each layer by component, zero padding's being 1."""
        return self._on("energy_parts", ax)

    def use(self, ax: Axes | None = None) -> Axes:
        """Rows and columns used of a crossbar, as a heat map."""
        return self._on("use", ax)

    def _on(self, key: str, ax: Axes | None) -> Axes:
        shown = chart(self.comparison, key)
        if ax is None:
            import matplotlib as mpl
            from matplotlib import pyplot as plt

            height = row_height(shown, mpl.rcParams["font.size"]) * len(shown.layers) + 1
            ax = plt.subplots(figsize=(6.4, height), layout="constrained")[1]
        return draw(ax, shown)
