"""The panel that stands alone: the zero-inserted map."""

from __future__ import annotations

from itertools import product

from red_timeloop.views.drawing.grids import Grid, Style, fit
from red_timeloop.views.drawing.painter import INK, LINE, REAL, Painter
from red_timeloop.views.drawing.scene import Pixel, Scene
from red_timeloop.views.drawing.strips import map_strip

__all__ = ["paint_zero_insertion", "zero_insertion_grid"]


def zero_insertion_grid(scene: Scene, place: tuple[float, float, float, float]) -> Grid | None:
    """Return the grid of the zero-inserted map, None where there is nothing (or too much) to show.

    Nothing is inserted at stride 1 and in ordinary convolutions; planes have no room.
    """
    planes, *axes = scene.axes
    if not scene.layer.transposed or scene.layer.ndim == 3 or max(a.stride for a in axes) == 1:
        return None
    reach = [axis.dilation * (axis.kernel_size - 1) + 2 * axis.stride for axis in axes]
    if max(reach) > 36:
        return None
    most = max(12, *reach)
    rows, columns = (map_strip(axis, most) for axis in axes)
    return fit((map_strip(planes, most), rows, columns), place, 0.16, centred=False)


def paint_zero_insertion(painter: Painter, scene: Scene, style: Style, grid: Grid) -> None:
    """Paint the map that zero padding convolves, with the kernel over it.

    Of the kernel's pixels only those of one mode, in its colour, meet real pixels.
    """
    taps, real = _kernel_over_map(scene)
    for pixel, x, y in grid.cells():
        is_real = all(at in found for at, found in zip(pixel, real, strict=True))
        tap = taps.get(pixel)
        fill = "#ffffff"
        if is_real:
            fill = REAL if tap is None else style.taps.get(tap, REAL)
        gid = f"map-{scene.mark(pixel)}-{'real' if is_real else 'zero'}"
        painter.box((x, y, grid.cell, grid.cell), fill, "#d5d5d5", gid)
        if tap is not None and not is_real and grid.cell > 0.1:
            painter.word(x + grid.cell / 2, y + grid.cell / 2, "0", fontsize=4.8, color=LINE)
    corners = [corner for pixel in taps if (corner := grid.corner(pixel)) is not None]
    left, top = min(x for x, _ in corners), min(y for _, y in corners)
    right, bottom = max(x for x, _ in corners), max(y for _, y in corners)
    place = (left, top, right - left + grid.cell, bottom - top + grid.cell)
    painter.box(place, "none", INK, "map-kernel", linewidth=1.3, zorder=5)


def _kernel_over_map(scene: Scene) -> tuple[dict[Pixel, Pixel], list[set[int]]]:
    """Kernel pixel at each map pixel for an inner output, and which map pixels are real."""
    at = []
    real: list[set[int]] = []
    for axis in scene.axes:
        reach = axis.dilation * (axis.kernel_size - 1)
        shift = reach - axis.before  # input pixel i lies on map pixel i * stride + shift
        origin = min(axis.output_size - 1, max(0, shift - axis.stride // 2))
        at.append({origin + reach - k * axis.dilation: k for k in range(axis.kernel_size)})
        real.append({i * axis.stride + shift for i in range(axis.pixels)})
    taps = zip(product(*at), product(*(found.values() for found in at)), strict=True)
    return dict(taps), real
