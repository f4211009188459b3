"""What a layer costs on a design: counts, energies and areas by level, times and notes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from red_timeloop._html import html_table
from red_timeloop.components import STAGES
from red_timeloop.components.base import plain
from red_timeloop.components.tables import stage
from red_timeloop.components.timing import StepTime
from red_timeloop.designs.design import Design
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.engines.result import EngineResult
from red_timeloop.spec.types import Specification
from red_timeloop.units import area, scaled

__all__ = ["COUNTS", "Clock", "Counts", "DesignResult", "Evaluation", "LevelTotal"]

COUNTS = ("reads", "fills", "updates", "temporal_reductions")


@dataclass(frozen=True)
class Counts:
    """Accesses of one data space at one level, over all instances, as the engine counts them."""

    reads: int = 0
    fills: int = 0
    updates: int = 0
    temporal_reductions: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.reads + other.reads,
            self.fills + other.fills,
            self.updates + other.updates,
            self.temporal_reductions + other.temporal_reductions,
        )


@dataclass(frozen=True)
class LevelTotal:
    """One level of a design, over all its parts.

    Attributes:
        instances: Copies of the level.
        energy: Energy of the layer in J, leakage included, programming not.
        area: Area in m^2.
        data_spaces: Counts by data space.
        stage: What the energy is spent on, one of `components.STAGES`.
        leakage: Energy in J that leaks while the layer runs, a part of `energy`.
    """

    instances: int = 0
    energy: float = 0.0
    area: float = 0.0
    data_spaces: Mapping[str, Counts] = field(default_factory=dict)
    stage: str = "store"
    leakage: float = 0.0

    @property
    def reads(self) -> int:
        """Values read, all data spaces together."""
        return sum(counts.reads for counts in self.data_spaces.values())

    @property
    def writes(self) -> int:
        """Values written: fills and updates."""
        return sum(counts.fills + counts.updates for counts in self.data_spaces.values())

    def __add__(self, other: LevelTotal) -> LevelTotal:
        return LevelTotal(
            self.instances + other.instances,
            self.energy + other.energy,
            self.area + other.area,
            {
                name: self.data_spaces.get(name, Counts()) + other.data_spaces.get(name, Counts())
                for name in {**self.data_spaces, **other.data_spaces}
            },
            other.stage,
            self.leakage + other.leakage,
        )


@dataclass(frozen=True)
class Clock:
    """The step of a design with a clock: one cycle of `cycle` seconds, all of it computing.

    Where a layer computes nothing there is no step, and `cycle` is 0.
    """

    cycle: float

    def shares(self) -> dict[str, Any]:
        """Return the time in s that each part adds, by the names of `components.STAGES`."""
        return {"compute": self.cycle} if self.cycle else {}


@dataclass(frozen=True)
class Evaluation:
    """A part, as the engine got it, and what the engine made of it."""

    part: Part
    specification: Specification
    result: EngineResult


@dataclass(frozen=True)
class DesignResult:
    """A layer on a design, evaluated.

    Times, energies and areas are numbers, or arrays where the plan's circuit holds arrays.

    Attributes:
        design: The design.
        plan: What was evaluated.
        evaluations: Its parts with their mappings, in the order of the plan.
        engine: The engine that counted; empty where there was nothing to count.
        cycles: Cycles of the whole batch; a step of a fold is several.
        computes: Multiply-accumulates that Timeloop counts, borders and inserted zeros included.
        step_time: What a cycle is made of.
        levels: Totals by level, outermost first.
        programming_energy: Energy in J of writing the weights once; not part of `energy`.
        programming_time: Time in s of that; not part of `latency`.
        line_drop: Share of the read voltage that bit lines and pass gates take, at worst; above
            the circuit's `line_drop_limit` the currents are no longer sums of the weights.
    """

    design: Design
    plan: Plan
    evaluations: tuple[Evaluation, ...]
    engine: str
    cycles: int
    computes: int
    step_time: StepTime | Clock
    levels: Mapping[str, LevelTotal]
    programming_energy: Any
    programming_time: Any
    line_drop: Any

    @property
    def steps(self) -> int:
        """Steps per image, the fold included; cycles where a mapper made them."""
        return self.cycles if self.plan.steps is None else self.plan.steps

    @cached_property
    def rows(self) -> tuple[int, int]:
        """Word lines that a crossbar uses and that it has, in the part with the most crossbars.

        0 where there are none, or where a design's own sizes do not say.
        """
        sizes = (
            max(self.plan.parts, key=lambda part: part.crossbars).sizes if self.plan.parts else 0
        )
        return getattr(sizes, "rows_used", 0), getattr(sizes, "crossbar_rows", 0)

    @cached_property
    def adc_bits(self) -> int | None:
        """Bits of the widest converter; None where there are none."""
        parts = (part for part in self.plan.parts if part.crossbars)
        return max((getattr(part.sizes, "adc_resolution", 0) for part in parts), default=0) or None

    @cached_property
    def conversions(self) -> float:
        """Conversions of columns, of all slices of weights and pulses; 0 where none convert.

        Those that happen: of padded channels and kernel pixels there are none.
        """
        total = 0.0
        for each in self.evaluations:
            for level in each.specification.architecture.levels:
                if each.part.role != "inputs" and stage(level) == "convert":
                    spaces = each.result.levels[level.name].data_spaces.values()
                    counted = sum(space.total("updates") for space in spaces)
                    kinds = ("update_share", "weight_slices", "input_slices")
                    shares: list[Any] = [level.attributes.get(kind, 1) for kind in kinds]
                    total += counted * math.prod(shares)
        return total

    def __repr__(self) -> str:
        if np.ndim(self.latency) or np.ndim(self.energy) or np.ndim(self.area):
            return f"<{self.plan.layer.name or 'layer'} on {self.design.name}, several points>"
        return (
            f"<{self.design.name}: {self.cycles} cycles, {scaled(self.latency, 's')}, "
            f"{scaled(self.energy, 'J')}, {area(self.area)}, {self.plan.crossbars} crossbars>"
        )

    def _repr_html_(self) -> str:
        """Show what each level costs, in a notebook."""
        rows = [
            (
                name,
                f"{level.instances:,}",
                f"{level.reads:,}",
                f"{level.writes:,}",
                scaled(level.energy, "J"),
                area(level.area),
            )
            for name, level in self.levels.items()
        ]
        head = ("level", "instances", "reads", "writes", "energy", "area")
        return html_table(head, rows, repr(self)[1:-1])

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What was assumed for this layer beyond the design's defaults, as sentences."""
        own = (note for each in self.evaluations for note in each.part.notes)
        return tuple(dict.fromkeys((*self.plan.notes, *own)))

    @property
    def rests_on(self) -> str:
        """What the numbers rest on, with what a user's own files say and who priced them."""
        clause = self.design.assumption
        if self.plan.estimator is None or not self.evaluations:
            return clause
        ert = self.evaluations[0].specification.ert
        by: dict[str, list[str]] = {}
        for level in ert.energies if ert else ():
            who = ert.priced_by.get(level, "") if ert and ert.priced_by else "the energy table"
            by.setdefault(who, []).append(level)
        prices = "; ".join(f"{', '.join(levels)}: {who}" for who, levels in by.items() if who)
        return f"{clause} {'; '.join(self.plan.notes)}; prices: {prices}."

    @cached_property
    def cycle_time(self) -> Any:
        """Length of a cycle in s."""
        return plain(self.step_time.cycle)

    @cached_property
    def cycle_shares(self) -> dict[str, Any]:
        """The time in s that each part of a step adds to a cycle."""
        return self.step_time.shares()

    @property
    def latency(self) -> Any:
        """Time of the whole batch in s."""
        return self.cycles * self.cycle_time

    @cached_property
    def energy(self) -> Any:
        """Energy of the whole batch in J, without programming."""
        return sum((level.energy for level in self.levels.values()), 0.0)

    @cached_property
    def accesses(self) -> dict[str, tuple[int, int]]:
        """Values read and written at each level that keeps any, all data spaces together."""
        return {
            name: (level.reads, level.writes)
            for name, level in self.levels.items()
            if level.data_spaces
        }

    def energy_by_stage(self) -> dict[str, Any]:
        """Return the energy in J of each of `components.STAGES` that has any, their sum `energy`.

        The first four have the names of the parts of a step.
        """
        return dict(self._energies)

    @cached_property
    def _energies(self) -> dict[str, Any]:
        sums = {
            name: sum(level.energy for level in self.levels.values() if level.stage == name)
            for name in STAGES
        }
        return {name: energy for name, energy in sums.items() if np.any(energy)}

    @cached_property
    def area(self) -> Any:
        """Area in m^2."""
        return sum((level.area for level in self.levels.values()), 0.0)
