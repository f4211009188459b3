"""What people quote of a network on a chip: rates, energies, TOPS, use, and where it all goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from red_timeloop.chip.budget import Budget
from red_timeloop.chip.chips import Chip
from red_timeloop.chip.network import Schedule
from red_timeloop.errors import InputError
from red_timeloop.workload import Workload

__all__ = ["ChipComparison", "ChipFailure", "ChipResult", "LayerShare", "result_of"]

_OPS = 2  # of a multiply-accumulate


@dataclass(frozen=True)
class LayerShare:
    """What a layer has of the chip: copies of its weights, crossbars in all, time of an image."""

    layer: str
    copies: int
    crossbars: int
    time: float


@dataclass(frozen=True)
class ChipResult:
    """A network on a chip, on one design.

    Attributes:
        design: Name of the design.
        budget: What it may use.
        crossbars: Crossbars that there are.
        crossbars_used: Crossbars that hold weights.
        tiles: Tiles that there are.
        chips: Chips that they are on.
        period: Time in s from image to image.
        latency: Time in s of one image, from its first word to the last of its result.
        fill: Time in s until the last layer begins to give lines.
        drain: Time in s from the end of the first layer to that of the last.
        energy: Energy in J of an image, what is drawn at rest included.
        area: Area in m^2.
        peak_ops: Operations a second of full crossbars that never wait.
        macs: Useful multiply-accumulates of an image.
        rows: Share of the word lines that are used, over the crossbars in use.
        columns: Share of the bit lines, likewise.
        time: Share of the period that crossbars in use compute.
        bottleneck: What the period is due to.
        area_by_part: Area in m^2 by part.
        energy_by_part: Energy in J of an image by part.
        layers: The layers' shares.
        turns: Turns in which layers are programmed; one where all weights stay.
        batch: Images between two programmings.
        notes: What was assumed for this design.
        schedule: What the crossbars do, and where they lie; None for an array without any.
    """

    design: str
    budget: Budget
    crossbars: int
    crossbars_used: int
    tiles: int
    chips: int
    period: float
    latency: float
    fill: float
    drain: float
    energy: float
    area: float
    peak_ops: float
    macs: int
    rows: float
    columns: float
    time: float
    bottleneck: str
    area_by_part: dict[str, float]
    energy_by_part: dict[str, float]
    layers: tuple[LayerShare, ...]
    turns: int = 1
    batch: int = 1
    notes: tuple[str, ...] = ()
    schedule: Schedule | None = field(default=None, repr=False)

    @property
    def rate(self) -> float:
        """Images a second."""
        return 1 / self.period

    @property
    def power(self) -> float:
        """Power in W at that rate."""
        return self.energy / self.period

    @property
    def ops(self) -> float:
        """Useful operations a second."""
        return _OPS * self.macs / self.period

    @property
    def hops(self) -> float:
        """Wires between routers that a bit passes, in the mean; 0 without crossbars."""
        traffic = [each.traffic for each in self.schedule.placements] if self.schedule else []
        sent = sum(each.sent for each in traffic)
        return sum(each.bit_hops for each in traffic) / sent if sent else 0.0

    @property
    def writes_per_cell(self) -> float:
        """Times that a cell is programmed for an image; 0 where weights stay."""
        return self.turns / self.batch if self.turns > 1 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the result in the keys of the JSON output."""
        return {
            "design": self.design,
            "budget": self.budget.as_dict(),
            "crossbars": self.crossbars,
            "crossbars_used": self.crossbars_used,
            "tiles": self.tiles,
            "chips": self.chips,
            "images_per_s": self.rate,
            "latency_s": self.latency,
            "fill_s": self.fill,
            "drain_s": self.drain,
            "energy_J_per_image": self.energy,
            "power_W": self.power,
            "area_m2": self.area,
            "peak_tops": self.peak_ops / 1e12,
            "tops": self.ops / 1e12,
            "tops_per_W": self.ops / 1e12 / self.power,
            "tops_per_mm2": self.ops / 1e12 / (self.area * 1e6),
            "utilization": {
                "rows": self.rows,
                "columns": self.columns,
                "crossbars": self.crossbars_used / self.crossbars if self.crossbars else 0.0,
                "time": self.time,
            },
            "bottleneck": self.bottleneck,
            "hops_per_bit": self.hops,
            "programming": {
                "turns": self.turns,
                "images_per_turn": self.batch,
                "writes_per_cell_per_image": self.writes_per_cell,
                "writes_per_cell_per_s": self.writes_per_cell / self.period,
            },
            "breakdown": {
                "area_m2": self.area_by_part,
                "energy_J_per_image": self.energy_by_part,
                "power_W": {key: each / self.period for key, each in self.energy_by_part.items()},
            },
            "layers": [
                {
                    "layer": each.layer,
                    "copies": each.copies,
                    "crossbars": each.crossbars,
                    "time_s": each.time,
                }
                for each in self.layers
            ],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class ChipFailure:
    """A design that cannot run the network within the budget, and why."""

    design: str
    error: InputError


@dataclass(frozen=True)
class ChipComparison:
    """A network on several designs within the same budget.

    Attributes:
        workload: The network.
        chip: The chip.
        hardware: Name of the parameter set.
        results: One a design that fits.
        failures: The designs that do not.
        unmatched: Levels that parts of the chip stand for and no design of these has.
    """

    workload: Workload
    chip: Chip
    hardware: str
    results: tuple[ChipResult, ...]
    failures: tuple[ChipFailure, ...] = ()
    unmatched: tuple[str, ...] = ()

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        """What the numbers rest on, one sentence each."""
        lines = [
            f"{self.chip.name}: {self.chip.description}; {self.hardware}. Layers are one chain, in "
            "the order of the workload, repeats one after the other; an image is one pass.",
            "Operations are useful ones, two a multiply-accumulate: inserted zeros and borders are "
            "none. Copies of a layer share its steps; crossbars left over stay free, and leak.",
            "Tiles pass words to the next layer's over the routers between them, on a fixed "
            "schedule; each bit of an image and of its result passes one link.",
        ]
        if any(result.chips > 1 for result in self.results):
            lines.append(
                "Layers fill chips in their order; a cut inside a layer carries inputs and outputs."
            )
        if any(result.turns > 1 for result in self.results):
            lines.append(
                "Layers programmed in turn: all crossbars of a turn are written at the same time, "
                "and the maps of a batch wait outside, behind a link."
            )
        if self.chip.at("crossbar"):
            lines.append(
                "Power is what the work takes; every part of the chip's file at its rated power "
                f"all of the time, as papers sum it, is {self.chip.rated_power:.3g} W a chip."
            )
        if self.unmatched:
            lines.append(
                "Parts of the chip stand for levels that no design here has, and replace nothing: "
                f"{', '.join(self.unmatched)}."
            )
        unsure = [part.name for part in self.chip.parts if not part.confirmed]
        if unsure:
            lines.append(f"Parts of the chip whose source was not read: {', '.join(unsure)}.")
        return tuple(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison in the keys of the JSON output (schema 1)."""
        return {
            "schema": 1,
            "workload": self.workload.name,
            "chip": self.chip.name,
            "hardware": self.hardware,
            "assumptions": list(self.assumptions),
            "results": [result.as_dict() for result in self.results],
            "failures": [
                {"design": each.design, "reason": str(each.error)} for each in self.failures
            ],
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat mapping for each design, for CSV."""
        nested = ("breakdown", "layers", "notes", "budget", "utilization", "programming")
        return [flat(self.workload.name, result, nested) for result in self.results]


def flat(workload: str, result: ChipResult, nested: Sequence[str]) -> dict[str, Any]:
    """Return a result's numbers without its lists, those of budget and use by their own names."""
    content = result.as_dict()
    own = {key: value for key, value in content.items() if key not in nested}
    budget = {f"budget_{key}": value for key, value in content["budget"].items()}
    use = {f"utilization_{key}": value for key, value in content["utilization"].items()}
    return {"workload": workload, **own, **budget, **use}


def result_of(name: str, schedule: Schedule, peak_ops_per_crossbar: float) -> ChipResult:
    """Return what people quote of a schedule of the design `name`."""
    site, chip = schedule.site, schedule.site.chip
    tiles, chips = schedule.tiles, site.chips(schedule.tiles)
    crossbars = tiles * chip.crossbars_per_tile
    pairs = list(zip(site.stages, schedule.copies, strict=True))
    weights = [stage.repeat * stage.crossbars * count for stage, count in pairs]
    total = sum(weights)
    busy = sum(stage.repeat * stage.crossbars * stage.time(1) for stage in site.stages)
    areas = {part.name: part.count * part.area * crossbars for part in chip.at("crossbar")}
    areas["crossbars, modelled"] = site.own_area * crossbars
    areas |= {part.name: part.count * part.area * tiles for part in chip.at("tile")}
    areas |= {part.name: part.count * part.area * chips for part in chip.at("chip")}
    energies = site.energy_by_part | {"mesh": schedule.hop_energy}
    if schedule.programming_energy:
        energies["programming"] = schedule.programming_energy
    always = chips * chip.power("always", place="chip")
    energies["links"] = always * schedule.period
    energies["rest"] = (site.static_power(tiles) - always) * schedule.period
    return ChipResult(
        design=name,
        budget=schedule.budget,
        crossbars=crossbars,
        crossbars_used=schedule.used,
        tiles=tiles,
        chips=chips,
        period=schedule.period,
        latency=schedule.flow.latency,
        fill=schedule.flow.fill,
        drain=schedule.flow.drain,
        energy=schedule.energy,
        area=site.area(tiles, chips),
        peak_ops=peak_ops_per_crossbar * crossbars,
        macs=sum(stage.repeat * stage.layer.macs for stage in site.stages),
        rows=sum(w * s.rows for w, (s, _) in zip(weights, pairs, strict=True)) / total,
        columns=sum(w * s.columns for w, (s, _) in zip(weights, pairs, strict=True)) / total,
        time=busy / schedule.used / schedule.period,
        bottleneck=schedule.bottleneck,
        area_by_part={key: value for key, value in areas.items() if value},
        energy_by_part={key: value for key, value in energies.items() if value},
        layers=tuple(
            LayerShare(stage.name, count, weight, stage.time(count))
            for weight, (stage, count) in zip(weights, pairs, strict=True)
        ),
        turns=schedule.turns,
        batch=schedule.batch,
        notes=_notes(schedule),
        schedule=schedule,
    )


def _notes(schedule: Schedule) -> tuple[str, ...]:
    """Return what a reader should know of this design's schedule, as sentences."""
    chip, held = schedule.site.chip, schedule.line_buffers
    stages = zip(schedule.site.stages, schedule.copies, strict=True)
    full = [
        stage.name
        for stage, count in stages
        if held.get(stage.name, 0)
        > chip.edram_bits * chip.tiles_of(max(1, stage.crossbars * count))
    ]
    if not full:
        return ()
    words = f"line buffers larger than the eDRAM of their tiles, kept in others: {', '.join(full)}"
    total, there = sum(held.values()), chip.edram_bits * schedule.tiles
    if total > there:
        words += f"; all of them are {total / there:.3g} times the eDRAM that there is"
    return (words,)
