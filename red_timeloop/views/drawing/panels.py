"""The panels of the data flow: kernel, sub-crossbars, input and output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

from red_timeloop.views.drawing.grids import BETWEEN_PLANES, Grid, Style
from red_timeloop.views.drawing.painter import INK, LINE, PALE, REAL, Painter, Seen
from red_timeloop.views.drawing.scene import Pixel, Scene, Step
from red_timeloop.views.palette import blend, text_on

__all__ = ["Panel"]

_WHITE = "#ffffff"
_NEW, _AGAIN = "#9c9c9c", "#cccccc"  # black names can be read on both
_DASHES: Any = (0, (1.5, 1.5))
_SMALLEST_TEXT = 3.6  # points


@dataclass(frozen=True)
class Panel:
    """A grid of cells that a scene is painted on."""

    painter: Painter
    scene: Scene
    style: Style
    grid: Grid

    def zero_insertion(self) -> None:
        """Paint the map that zero padding convolves, with the kernel over it.

        Of the kernel's pixels only those of one mode, in its colour, meet real pixels.
        """
        taps, real = self._kernel_over_map()
        cell, under = self.grid.cell, []
        for pixel, x, y in self.grid.cells():
            kind = "real" if all(map(set.__contains__, real, pixel)) else "zero"
            tap = taps.get(pixel)
            fill = self.style.taps.get(tap or (), REAL) if kind == "real" else _WHITE
            self._box(x, y, fill, "#d5d5d5", gid=f"map-{self.scene.mark(pixel)}-{kind}")
            if tap is not None:
                under.append((x, y))
                if kind == "zero" and cell > 0.1:
                    self.painter.word(x + cell / 2, y + cell / 2, "0", fontsize=4.8, color=LINE)
        (left, top), (right, bottom) = min(under), max(under)
        place = (left, top, right - left + cell, bottom - top + cell)
        self.painter.box(place, "none", INK, "map-kernel", linewidth=1.3, zorder=5)
        self.gaps()

    def kernel(self) -> None:
        """Paint the kernel, each pixel in the colour of its mode and with its indices."""
        numbers, found = self.scene.mode_numbers, self.scene.phase_of_tap
        texts = {tap: self._indices(tap) for tap, _, _ in self.grid.cells()}
        for tap, x, y in self.grid.cells():
            colour, mode = self.style.taps.get(tap, _WHITE), numbers.get(found.get(tap, ()), "none")
            self._box(x, y, colour, gid=f"kernel-{self.scene.mark(tap)}-mode-{mode}", linewidth=0.8)
            self._write(x, y, texts[tap], colour, texts.values())
        self.gaps()

    def tensor(self, *, named: bool = True) -> None:
        """Paint the sub-crossbar tensor, each with the indices of its kernel pixel if `named`."""
        texts = {tap: self._indices(tap) for tap, _, _ in self._taps()}
        for tap, x, y in self._taps():
            colour = self.style.taps[tap]
            gid = f"sub_crossbar-{self.scene.mark(tap)}" if named else None
            self._sub_crossbar(x, y, colour, colour, gid=gid)
            if named:
                self._write(x, y, texts[tap], colour, texts.values())
        if named:
            self._mode_titles()
        self._surroundings()

    def pixels(self) -> None:
        """Paint the input map: every pixel with its name, and the zeros around or between them."""
        cells, scene = self.grid.cells(), self.scene
        names = {p: scene.pixel_name(p) for p, _, _ in cells if scene.inside(p)}
        for pixel, x, y in cells:
            if pixel in names:
                self._box(x, y, PALE, linewidth=0.8)
                self._write(x, y, names[pixel], PALE, names.values())
            else:
                self._box(x, y, _WHITE, "#8c8c8c", linestyle=_DASHES)
                self._write(x, y, "0", _WHITE)
        self.gaps()

    def window(self, step: Step, seen: Seen = None) -> None:
        """Paint the window that a step reads: dark what is new, paler what it reads again."""
        for pixel, x, y in self.grid.cells():
            if pixel in step.window:
                kind = "again" if pixel in step.again else "new"
                kind = kind if self.scene.inside(pixel) else "zero"
                fill = {"zero": _WHITE, "again": _AGAIN, "new": _NEW}[kind]
                dashes = {"linestyle": _DASHES} if kind == "zero" else {}
                gid = f"step{step.number}-{kind}-{self.scene.mark(pixel)}"
                self._box(x, y, fill, INK, gid=gid, seen=seen, linewidth=0.8, zorder=4, **dashes)

    def reads(self, step: Step, seen: Seen = None) -> None:
        """Paint the sub-crossbars with the name of the input pixel that each is driven with.

        In an animation, with `seen`, only what differs from the tensor is painted.
        """
        scene = self.scene
        names = {p: scene.pixel_name(p) for p in step.window if scene.inside(p)}
        for tap, x, y in self._taps():
            pixel, colour = step.reads.get(tap), self.style.taps[tap]
            zero = pixel not in names
            fill = blend(colour, _WHITE, 0.8) if zero else colour
            source = "idle" if pixel is None else scene.mark(pixel)
            gid: str | None = f"step{step.number}-tap-{scene.mark(tap)}-{source}"
            if zero or seen is None:
                self._sub_crossbar(x, y, fill, colour, gid=gid, seen=seen)
                gid = None
            text = "" if pixel is None else names.get(pixel, "0")
            self._write(x, y, text, fill, names.values(), gid=gid, seen=seen)
        if seen is None:
            self._surroundings()

    def outputs(self, steps: tuple[Step, ...], last: int | None = None) -> None:
        """Paint the output map: strong what the last of `steps` makes, pale what stood before.

        With `last`, the last frame of an animation, everything is painted once, to be seen from its
        step on: strong in its step, pale after it.
        """
        made = {
            pixel: (step.number, phase) for step in steps for phase, pixel in step.outputs.items()
        }
        nothing: tuple[int, Pixel] = (-1, ())
        for pixel, x, y in sorted(self.grid.cells(), key=lambda cell: made.get(cell[0], nothing)):
            number, phase = made.get(pixel, nothing)
            if number < 0 or last is not None:
                self._box(x, y, _WHITE, "#c9c9c9", zorder=1)
            if number < 0:
                continue
            colour, text = self.style.modes[phase], str(self.scene.mode_numbers[phase])
            if number < steps[-1].number or last is not None:
                pale, then = blend(colour, _WHITE, 0.6), None if last is None else (number, last)
                self._box(x, y, pale, linewidth=0.6, seen=then)
            if number == steps[-1].number or last is not None:
                seen = None if last is None else (number, number)
                gid = f"step{number}-out-{self.scene.mark(pixel)}-{text}"
                self._box(x, y, colour, INK, gid=gid, seen=seen, linewidth=0.6, zorder=4)
                self._write(x, y, text, colour, seen=seen)
        self.gaps()

    def gaps(self) -> None:
        """Put dots where cells are left out, and the number of each plane below it."""
        grid, painter, (planes, rows, columns) = self.grid, self.painter, self.grid.strips
        middle, bottom = grid.y + grid.height / 2, grid.y + grid.height
        for at in planes.at.values():
            for gap in columns.gaps:
                painter.dots(grid.plane(at) + gap * grid.cell, middle, grid.cell)
        for gap in planes.gaps:
            painter.dots(grid.plane(gap) - BETWEEN_PLANES / 2 * grid.cell, middle, grid.cell)
        for gap in rows.gaps:
            across = grid.x + grid.width / 2
            painter.dots(across, grid.y + gap * grid.cell, grid.cell, upright=True)
        for index, at in planes.at.items() if self.scene.layer.ndim == 3 else ():
            look: dict[str, Any] = {"fontsize": 4.6, "color": "#555555", "ha": "left"}
            painter.word(grid.plane(at), bottom + 0.06, f"plane {index}", **look)

    def _box(
        self, x: float, y: float, fill: str, edge: str = _WHITE, free: float = 0, **style: Any
    ) -> None:
        """Paint a cell, leaving `free` cells around it."""
        cell, size = free * self.grid.cell, (1 - 2 * free) * self.grid.cell
        self.painter.box((x + cell, y + cell, size, size), fill, edge, **style)

    def _write(
        self,
        x: float,
        y: float,
        text: str,
        fill: str,
        beside: Iterable[str] = (),
        **marks: Any,
    ) -> None:
        """Write a few letters into a cell, as small as those `beside` it need."""
        longest = max(map(len, (text, *beside)))
        size = min(7.0, self.grid.cell * 72 * 0.56) * min(1.0, 2.7 / max(1, longest))
        if text and size >= _SMALLEST_TEXT:
            # a figure's height is 0.73 of its size in DejaVu Sans
            baseline = y + self.grid.cell / 2 + 0.365 * size / 72
            look: dict[str, Any] = {"fontsize": size, "color": text_on(fill), "va": "baseline"}
            self.painter.word(x + self.grid.cell / 2, baseline, text, **marks, **look)

    def _kernel_over_map(self) -> tuple[dict[Pixel, Pixel], list[set[int]]]:
        """Kernel pixel at each map pixel for an inner output, and which map pixels are real."""
        at: list[dict[int, int]] = []
        real: list[set[int]] = []
        for axis in self.scene.axes:
            reach = axis.dilation * (axis.kernel_size - 1)
            shift = reach - axis.before  # input pixel i lies on map pixel i * stride + shift
            origin = min(axis.output_size - 1, max(0, shift - axis.stride // 2))
            at.append({origin + reach - k * axis.dilation: k for k in range(axis.kernel_size)})
            real.append({i * axis.stride + shift for i in range(axis.pixels)})
        taps = zip(product(*at), product(*(found.values() for found in at)), strict=True)
        return dict(taps), real

    def _taps(self) -> list[tuple[Pixel, float, float]]:
        """Kernel pixels that stand on crossbars, with their corners."""
        found, empty = self.scene.phase_of_tap, self.scene.empty
        return [cell for cell in self.grid.cells() if found.get(cell[0], cell[0]) not in empty]

    def _sub_crossbar(self, x: float, y: float, fill: str, colour: str, **marks: Any) -> None:
        self._box(x, y, fill, blend(colour, "#000000", 0.35), 0.04, **marks)

    def _indices(self, tap: Pixel) -> str:
        return str(tap[2]) if self.scene.flat else f"{tap[1]},{tap[2]}"

    def _surroundings(self) -> None:
        for phase in self.scene.empty:
            span = self.grid.span(phase)
            if span is not None:
                self.painter.box(span, _WHITE, linestyle="--", linewidth=0.5)
                self._write(*span[:2], "-", _WHITE)
        self.gaps()

    def _mode_titles(self) -> None:
        """Number each mode above its sub-crossbars, where there is room."""
        for phase, number in self.scene.mode_numbers.items():
            span, text = self.grid.span(phase), f"mode {number}"
            size = min(6.2, self.grid.cell * 0.45 * 72)
            if span is None or phase in self.scene.empty or size < 4.4:
                continue
            x, y, width, _ = span
            if width >= len(text) * size * 0.62 / 72:
                look: dict[str, Any] = {"fontsize": size, "ha": "left", "va": "baseline"}
                self.painter.word(x + self.grid.cell * 0.06, y - 0.035, text, **look)
