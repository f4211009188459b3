"""What is quoted of a network on a chip, as tables: in a terminal and on a page."""

from __future__ import annotations

from red_timeloop.chip.result import ChipComparison, ChipResult
from red_timeloop.units import area, percent, scaled
from red_timeloop.views.tables import Cell

__all__ = ["bound", "chip_tables"]

_RATES = ("design", "images/s", "latency", "J/image", "power", "area", "crossbars")
_TOPS = ("design", "peak TOPS", "TOPS", "TOPS/W", "TOPS/mm2", "rows", "columns", "time")


def chip_tables(found: ChipComparison) -> list[tuple[tuple[str, ...], list[list[Cell]]]]:
    """Return heads and rows of two tables, a row a design: rates and costs, operations and use."""
    rates, operations = [], []
    for each in found.results:
        content = each.as_dict()
        tops = [content[key] for key in ("peak_tops", "tops", "tops_per_W", "tops_per_mm2")]
        use = content["utilization"]
        name: Cell = (each.design, None)
        rates.append(
            [
                name,
                (scaled(each.rate), each.rate),
                (scaled(each.latency, "s"), each.latency),
                (scaled(each.energy, "J"), each.energy),
                (scaled(each.power, "W"), each.power),
                (area(each.area), each.area),
                (f"{each.crossbars_used} of {each.crossbars}", each.crossbars_used),
            ]
        )
        operations.append(
            [
                name,
                *((f"{value:.3g}", value) for value in tops),
                *((percent(use[key]), use[key]) for key in ("rows", "columns", "time")),
            ]
        )
    return [(_RATES, rates), (_TOPS, operations)]


def bound(result: ChipResult) -> str:
    """Return what bounds the rate of a design, in words."""
    slowest = max(result.layers, key=lambda layer: layer.time)
    tiles = f"{result.tiles} tile{'s' * (result.tiles != 1)}"
    chips = f"{tiles} on {result.chips} chip{'s' * (result.chips > 1)}"
    turns = f", {result.turns} turns of {result.batch} images" if result.turns > 1 else ""
    return (
        f"{chips}, bound by {result.bottleneck}{turns}; slowest layer {slowest.layer}, "
        f"{slowest.copies} copies, {scaled(slowest.time, 's')}"
    )
