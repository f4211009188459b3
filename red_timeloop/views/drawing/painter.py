"""Boxes, words and arrows on a figure measured in inches, with the origin at the top left."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

__all__ = ["INK", "LINE", "PALE", "REAL", "Painter", "Seen"]

INK = "#1a1a1a"
LINE = "#8c8c8c"
PALE = "#ececec"
REAL = "#5a5a5a"

# The first and the last frame in which a shape is seen; None: always.
Seen = tuple[int, int] | None


class Painter:
    """Draws downwards on a white figure of some width; a shape may have an id and frames.

    Attributes:
        figure: Matplotlib's figure.
        frames: For an animation: the id of a shape and its (first, last) frame.
    """

    def __init__(self, width: float) -> None:
        self.figure = Figure(figsize=(width, width), facecolor="white")
        self.frames: dict[str, tuple[int, int]] = {}
        self._axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width))
        self._axes.axis("off")

    def end(self, height: float) -> None:
        """End the figure at this height."""
        self.figure.set_figheight(height)
        self._axes.set_ylim(height, 0)

    def box(
        self,
        place: tuple[float, float, float, float],
        fill: str = "none",
        edge: str = LINE,
        gid: str | None = None,
        seen: Seen = None,
        **style: Any,
    ) -> None:
        """Draw a rectangle at (x, y, width, height); `style` is that of matplotlib's patches."""
        look: dict[str, Any] = {"linewidth": 0.4, "zorder": 2, **style}
        shape = Rectangle(place[:2], *place[2:], facecolor=fill, edgecolor=edge, **look)
        self._add(shape, gid, seen)

    def word(
        self,
        x: float,
        y: float,
        text: str,
        gid: str | None = None,
        seen: Seen = None,
        **style: Any,
    ) -> None:
        """Write `text` at (x, y); `style` is that of matplotlib's texts."""
        look: dict[str, Any] = {"color": INK, "ha": "center", "va": "center_baseline"}
        look |= {"fontsize": 6.5, "zorder": 6, "linespacing": 1.25}
        self._add(Text(x, y, text, **(look | style)), gid, seen)

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw an arrow."""
        look = {"arrowstyle": "-|>", "color": INK, "lw": 0.8, "mutation_scale": 7}
        self._axes.annotate(
            "", xy=end, xytext=start, arrowprops=look | {"shrinkA": 0, "shrinkB": 0}
        )

    def dots(self, x: float, y: float, cell: float, *, upright: bool = False) -> None:
        """Draw the three dots that stand for cells left out; `cell` is a cell's size."""
        pitch = min(0.045, 0.26 * cell)
        along = [-pitch, 0, pitch]
        places = ([x] * 3, [y + d for d in along]) if upright else ([x + d for d in along], [y] * 3)
        look: dict[str, Any] = {"markersize": 30 * pitch, "color": "#555555", "markeredgewidth": 0}
        self._axes.plot(*places, "o", zorder=7, **look)

    def _add(self, shape: Any, gid: str | None, seen: Seen) -> None:
        self._axes.add_artist(shape)
        if seen is not None:
            gid = gid or f"shape-{len(self.frames)}"
            self.frames[gid] = seen
        if gid is not None:
            shape.set_gid(gid)
