"""Figures of a network on a chip: floor plan, timeline, and where area and power go."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter

from red_timeloop.chip.budget import Site
from red_timeloop.chip.chips import Chip
from red_timeloop.chip.network import Schedule
from red_timeloop.chip.result import ChipComparison, ChipResult
from red_timeloop.designs.registry import colours as own_colours
from red_timeloop.designs.registry import label
from red_timeloop.units import percent, scaled
from red_timeloop.views.figures import PAPER, TWO_COLUMNS
from red_timeloop.views.palette import PARTS, design_colours, text_on
from red_timeloop.views.picture import picture

__all__ = ["chip_figures", "chip_pictures"]

_MOST_NAMES = 36  # of layers beside a floor plan
_MOST_ROWS = 60  # of a timeline
_IMAGES = 3
_SHARE = 0.02  # parts that take less of every bar are one, `other`
_EDGE = "#222222"


def chip_pictures(comparison: ChipComparison, form: str) -> dict[str, bytes]:
    """Return the figures as files, by name."""
    return {
        f"{key}.{form}": picture(figure, form, title, title)
        for key, title, figure in chip_figures(comparison)
    }


def chip_figures(comparison: ChipComparison) -> Iterator[tuple[str, str, Figure]]:
    """Yield a name, a title and a figure: breakdown, and floor plan and timeline of each design.

    Designs whose layers do not lie on the chip at the same time have no floor plan.
    """
    names = [result.design for result in comparison.results]
    colours = design_colours(names, own_colours())
    what = f"{comparison.workload.name} on {comparison.chip.name}"
    with matplotlib.rc_context(PAPER):
        yield "breakdown", f"Area and power of {what}", _breakdown(comparison)
        for result in comparison.results:
            schedule = result.schedule
            if schedule is not None and schedule.flow.spans:
                title = f"{what}, {label(result.design)}"
                yield f"floor-plan-{result.design}", title, _floor_plan(result, schedule)
                figure = _timeline(result, schedule, colours[result.design])
                yield f"timeline-{result.design}", title, figure


def _breakdown(comparison: ChipComparison) -> Figure:
    figure = Figure(
        figsize=(TWO_COLUMNS, 1.1 + 0.5 * len(comparison.results)), layout="constrained"
    )
    area, power = figure.subplots(1, 2, sharey=True)
    results = comparison.results
    areas = [{key: x * 1e6 for key, x in each.area_by_part.items()} for each in results]
    powers = [{key: x / each.period for key, x in each.energy_by_part.items()} for each in results]
    _stack(area, areas, "Area [mm$^2$]")
    _stack(power, powers, "Power [W]")
    area.set_yticks(range(len(results)), [label(each.design) for each in results])
    area.invert_yaxis()
    return figure


def _stack(axes: Axes, bars: list[dict[str, float]], unit: str) -> None:
    """Draw a lying bar a design; parts that are small in all of them are summed up."""
    sums = [sum(each.values()) for each in bars]
    keys = list(dict.fromkeys(key for each in bars for key in each))
    largest = {
        key: max(each.get(key, 0.0) / total for each, total in zip(bars, sums, strict=True))
        for key in keys
    }
    shown = sorted((k for k in keys if largest[k] >= _SHARE), key=lambda k: -largest[k])
    shown = shown[: len(PARTS) - 1]
    places, left = np.arange(len(bars)), np.zeros(len(bars))
    for number, key in enumerate([*shown, "other"]):
        rest = [k for k in keys if k not in shown] if key == "other" else [key]
        widths = np.array([sum(each.get(k, 0.0) for k in rest) for each in bars])
        name = key.replace("_", " ")
        style: Any = {"color": PARTS[number], "edgecolor": _EDGE, "linewidth": 0.3}
        axes.barh(places, widths, 0.7, left, label=name, **style)
        left = left + widths
    axes.set_xlabel(unit)
    where: Any = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
    axes.legend(**where, ncols=3, handlelength=1, columnspacing=1)


def _floor_plan(result: ChipResult, schedule: Schedule) -> Figure:
    """Return the chips with their tiles, routers and links to scale, in mm."""
    chip = schedule.site.chip
    columns = min(result.chips, int(np.ceil((2 * result.chips) ** 0.5)))
    rows = -(-result.chips // columns)
    size = _size(chip, _side(schedule.site))
    step = (size[0] * 1.04, size[1] * 1.04)
    height = min(3.6, (TWO_COLUMNS - 2.6) * rows * step[1] / (columns * step[0]))  # inches
    width = height * columns * step[0] / (rows * step[1])
    figure = Figure(figsize=(width + 2.6, height + 0.7), layout="constrained")
    plan, names = figure.subplots(1, 2, width_ratios=[width, 1.7])
    for number in range(result.chips):
        down, across = divmod(number, columns)
        tiles = _chip(plan, schedule, number, (across * step[0], down * step[1]))
    plan.set_xlim(-0.02 * size[0], columns * step[0])
    plan.set_ylim(rows * step[1], -0.02 * size[1])
    plan.set_aspect("equal")
    plan.set_xlabel("mm")
    bar = figure.colorbar(tiles, ax=plan, shrink=0.6, pad=0.01)
    bar.set_label("share of the period that crossbars compute")
    _names(names, schedule)
    return figure


def _side(site: Site) -> float:
    """Return the side in mm of a square tile, with its share of a router."""
    area = site.chip.crossbars_per_tile * site.crossbar_area + site.chip.area("tile")
    return float(area**0.5 * 1e3)


def _around_router(chip: Chip) -> tuple[int, int]:
    """Return the columns and rows of the tiles that share a router."""
    wide = int(np.ceil(chip.tiles_per_router**0.5))
    return wide, -(-chip.tiles_per_router // wide)


def _size(chip: Chip, tile: float) -> tuple[float, float]:
    """Return the width and height in mm of a chip of such tiles."""
    wide, high = _around_router(chip)
    width = chip.mesh_columns * wide * tile
    return width, chip.mesh_rows * high * tile + chip.area("chip") * 1e6 / width


def _holders(schedule: Schedule) -> list[list[tuple[int, float, float]]]:
    """Return, for each tile, its stages: number in the chain, share of it, share of time."""
    per_tile = schedule.site.chip.crossbars_per_tile
    whole = schedule.site.chips(schedule.tiles) * schedule.site.chip.tiles
    tiles: list[list[tuple[int, float, float]]] = [[] for _ in range(whole)]
    begin, number = 0, 0
    for stage, count in zip(schedule.site.stages, schedule.copies, strict=True):
        size = stage.crossbars * count
        busy = stage.time(1) / count / schedule.period
        for _ in range(stage.repeat):
            number += 1
            end = begin + size
            for tile in range(begin // per_tile, -(-end // per_tile)):
                part = min(end, (tile + 1) * per_tile) - max(begin, tile * per_tile)
                tiles[tile].append((number, part / per_tile, busy))
            begin = end
    return tiles


def _chip(axes: Axes, schedule: Schedule, number: int, corner: tuple[float, float]) -> Any:
    """Draw one chip at `corner`: half of its links above the tiles, and half below."""
    chip, tile = schedule.site.chip, _side(schedule.site)
    wide, high = _around_router(chip)
    width, height = _size(chip, tile)
    strip = (height - chip.mesh_rows * high * tile) / 2
    left, top = corner[0], corner[1] + strip
    for where in (corner[1], corner[1] + height - strip):
        _box(axes, left, where, width, strip, "#cccccc", 0.5)
    if strip > 0.04 * height:
        axes.text(left + width / 2, corner[1] + strip / 2, "links", **_TEXT)
    owner = np.zeros((chip.mesh_rows * high, chip.mesh_columns * wide), int)  # of 1, of a tile
    work = np.full(owner.shape, np.nan)
    held = _holders(schedule)[number * chip.tiles : (number + 1) * chip.tiles]
    for index, stages in enumerate(held):
        place = schedule.placements[0].order[index // chip.tiles_per_router]
        inner = divmod(index % chip.tiles_per_router, wide)
        spot = place[0] * high + inner[0], place[1] * wide + inner[1]
        if stages:
            owner[spot] = max(stages, key=lambda each: each[1])[0]
            work[spot] = sum(share * busy for _, share, busy in stages)
    busy = LinearSegmentedColormap.from_list("busy", ["#ffffff", "#56b4e9", "#0072b2"])
    shades = busy.with_extremes(bad="#f4f4f4")  # tiles without work
    down, across = (tile * np.arange(n + 1) for n in owner.shape)
    look: Any = {"cmap": shades, "vmin": 0, "vmax": 1, "edgecolors": _EDGE, "linewidth": 0.15}
    tiles = axes.pcolormesh(left + across, top + down, work, **look)
    borders = np.pad(owner, 1)  # thick lines where neighbouring tiles belong to different layers
    upright = np.argwhere(borders[:, 1:] != borders[:, :-1])
    lying = np.argwhere(borders[1:] != borders[:-1])
    lines = [[(x, y - 1), (x, y)] for y, x in upright] + [[(x - 1, y), (x, y)] for y, x in lying]
    ends = np.array(lines) * tile + (left, top)
    axes.add_collection(LineCollection(list(ends), colors=_EDGE, linewidths=0.9))
    _wires(axes, schedule, number, (left, top), (wide * tile, high * tile))
    at_work = {who: busy for stages in held for who, _, busy in stages}
    for who in sorted({*owner.flat} - {0}):
        spots = np.argwhere(owner == who)
        row, column = min(spots, key=lambda spot: np.abs(spot - spots.mean(0)).sum())
        style = _TEXT | {"color": text_on(to_hex(shades(at_work[who])))}
        axes.text(left + (column + 0.5) * tile, top + (row + 0.5) * tile, str(who), **style)
    return tiles


_TEXT: Any = {"ha": "center", "va": "center", "fontsize": 5.5}


def _box(
    axes: Axes, left: float, top: float, width: float, height: float, colour: Any, line: float
) -> None:
    box = Rectangle((left, top), width, height, facecolor=colour, edgecolor=_EDGE, linewidth=line)
    axes.add_patch(box)


def _wires(
    axes: Axes,
    schedule: Schedule,
    number: int,
    corner: tuple[float, float],
    step: tuple[float, float],
) -> None:
    """Draw routers to scale, and wires between them as wide as they are at work."""
    chip, traffic = schedule.site.chip, schedule.placements[0].traffic
    most = chip.hop_bits_per_s * schedule.period
    for row, column in itertools.product(range(chip.mesh_rows), range(chip.mesh_columns)):
        x, y = corner[0] + (column + 0.5) * step[0], corner[1] + (row + 0.5) * step[1]
        pairs = []
        if column + 1 < chip.mesh_columns:
            both = (traffic.east[number, row, column], traffic.west[number, row, column + 1])
            pairs.append((max(both), (x + step[0], y)))
        if row + 1 < chip.mesh_rows:
            both = (traffic.south[number, row, column], traffic.north[number, row + 1, column])
            pairs.append((max(both), (x, y + step[1])))
        for load, (right, below) in pairs:
            if load:
                width = 0.2 + 2.8 * load / most
                axes.plot([x, right], [y, below], color=PARTS[3], lw=width, alpha=0.8)
        area = sum(p.area for p in chip.at("tile") if p.drawn == "hops")
        side = float(area**0.5 * 1e3)
        _box(axes, x - side / 2, y - side / 2, side, side, "#ffffff", 0.2)


def _names(axes: Axes, schedule: Schedule) -> None:
    """Write which layers the numbers of a floor plan are, and what the lines mean."""
    axes.set_axis_off()
    lines, number = [], 0
    for stage, count in zip(schedule.site.stages, schedule.copies, strict=True):
        first, number = number + 1, number + stage.repeat
        which = f"{first}-{number}" if stage.repeat > 1 else str(number)
        lines.append(f"{which}  {stage.name[:22]}, {count} x {stage.crossbars}")
    if len(lines) > _MOST_NAMES:
        lines = [*lines[: _MOST_NAMES - 1], f"... {len(lines)} layers"]
    most = schedule.site.chip.hop_bits_per_s * schedule.period
    busiest = percent(max(schedule.placements[0].traffic.busiest) / most)
    lines = [
        "layer, copies x crossbars",
        *lines,
        "",
        f"orange: wires, the busiest {busiest} at work",
        "white squares: routers; all to scale",
    ]
    text: Any = {"va": "top", "ha": "left", "fontsize": 5.5, "transform": axes.transAxes}
    axes.text(0, 1, "\n".join(lines), **text)


def _timeline(result: ChipResult, schedule: Schedule, colour: str) -> Figure:
    """Return when each layer works on each of a few images that follow at the period."""
    spans = schedule.spans
    every = -(-len(spans) // _MOST_ROWS)
    shown = spans[::every]
    height = 1.0 + 0.11 * len(shown)
    figure = Figure(figsize=(TWO_COLUMNS, height), layout="constrained")
    axes = figure.add_subplot()
    last = max(end for _, _, end in spans) + (_IMAGES - 1) * result.period
    for image, alpha in enumerate(np.linspace(1.0, 0.35, _IMAGES)):
        begin = [begin + image * result.period for _, begin, _ in shown]
        width = [end - begin for _, begin, end in shown]
        style: Any = {"color": colour, "alpha": float(alpha), "edgecolor": _EDGE, "linewidth": 0.3}
        axes.barh(range(len(shown)), width, 0.8, begin, label=f"image {image + 1}", **style)
    names = [schedule.site.stages[number].name[:28] for number, _, _ in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=5.5)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, last)
    axes.xaxis.set_major_formatter(EngFormatter("s"))
    axes.set_xlabel("time")
    every_text = f", one layer in {every} shown" * (every > 1)
    title = f"an image each {scaled(result.period, 's')}, latency {scaled(result.latency, 's')}"
    axes.set_title(title + every_text, fontsize=6.5, loc="right")
    axes.grid(axis="x", linewidth=0.3, color="#cccccc")
    axes.set_axisbelow(True)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=_IMAGES)
    return figure
