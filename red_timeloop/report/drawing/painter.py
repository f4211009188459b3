"""Boxes, words and arrows on a figure measured in inches, with the origin at the top left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["INK", "LINE", "PALE", "REAL", "Painter", "new_painter"]

INK = "#1a1a1a"
LINE = "#8c8c8c"
PALE = "#ececec"
REAL = "#5a5a5a"


@dataclass
class Painter:
    """Draws on one set of axes; every shape may carry an id and the frames it is seen in.

    Attributes:
        frames: For an animation: the id of a shape and its (first, last) frame.
    """

    figure: Figure
    axes: Axes
    frames: dict[str, tuple[int, int]] = field(default_factory=dict)
    shapes: list[tuple[Any, tuple[int, int]]] = field(default_factory=list)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        edge: str = LINE,
        line: float = 0.4,
        style: str = "-",
        over: float = 2,
        gid: str | None = None,
        seen: tuple[int, int] | None = None,
    ) -> None:
        """Draw a rectangle with its top left corner at (x, y)."""
        from matplotlib.patches import Rectangle

        shape = Rectangle(
            (x, y), width, height, facecolor=fill, edgecolor=edge, linewidth=line, linestyle=style
        )
        shape.set_zorder(over)
        self.axes.add_patch(shape)
        self._mark(shape, gid, seen)

    def word(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 6.5,
        colour: str = INK,
        align: str = "center",
        vertical: str = "center_baseline",
        weight: str = "normal",
        rotation: float = 0,
        gid: str | None = None,
        seen: tuple[int, int] | None = None,
    ) -> None:
        """Write `text` at (x, y)."""
        shape = self.axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va=vertical,
            fontweight=weight,
            rotation=rotation,
            zorder=6,
            linespacing=1.25,
        )
        self._mark(shape, gid, seen)

    def lines(
        self, segments: list[tuple[tuple[float, float], tuple[float, float]]], colour: str
    ) -> None:
        """Draw thin straight lines."""
        from matplotlib.collections import LineCollection

        self.axes.add_collection(LineCollection(segments, colors=colour, linewidths=0.3, zorder=3))

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw an arrow."""
        self.axes.annotate(
            "",
            xy=end,
            xytext=start,
            arrowprops={
                "arrowstyle": "-|>",
                "color": INK,
                "lw": 0.8,
                "mutation_scale": 7,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )

    def dots(self, x: float, y: float, cell: float, *, upright: bool = False) -> None:
        """Draw the three dots that stand for cells left out; `cell` is a cell's size."""
        pitch = min(0.045, 0.26 * cell)
        for step in (-pitch, 0, pitch):
            dx, dy = (0.0, step) if upright else (step, 0.0)
            self.axes.plot(
                [x + dx],
                [y + dy],
                "o",
                markersize=30 * pitch,
                color="#555555",
                zorder=7,
                markeredgewidth=0,
            )

    def _mark(self, shape: Any, gid: str | None, seen: tuple[int, int] | None) -> None:
        if seen is not None:
            gid = gid or f"shape-{len(self.shapes)}"
            self.shapes.append((shape, seen))
            self.frames[gid] = seen
        if gid is not None:
            shape.set_gid(gid)


def new_painter(width: float, height: float) -> Painter:
    """Return a painter on an empty white figure of `width` by `height` inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    return Painter(figure, axes)
