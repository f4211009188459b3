"""What a design makes of a layer: evaluations for the engine, and how they belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.types import Loop, Problem, Specification

__all__ = ["MappedPlan", "Part", "Plan", "TargetLoops"]


@dataclass(frozen=True)
class TargetLoops:
    """The loops of one mapping target, each innermost first; loops of one iteration may stand."""

    temporal: tuple[Loop, ...] = ()
    x: tuple[Loop, ...] = ()
    y: tuple[Loop, ...] = ()


@dataclass(frozen=True)
class Part:
    """One evaluation: a problem on an architecture of a given size under a given mapping.

    Attributes:
        name: What is evaluated, e.g. `taps 3x2`.
        role: `group`: the crossbars of a group of modes, and its outputs. `inputs`: the levels
            above the crossbars, which serve all groups at once (the envelope). `all`: both.
        problem: The Timeloop problem.
        variables: Architecture variables by name.
        loops: The mapping's loops by target; targets not named have none.
        crossbars: Physical crossbars of the part.
        sub_crossbars: Logical matrices of the part.
        drives: Row drivers that one channel's inputs of a step go to.
        notes: What was assumed, as sentences.
        lost_bits: Bits that the converters have fewer than exact sums take.
    """

    name: str
    role: Literal["group", "inputs", "all"]
    problem: Problem
    variables: Mapping[str, int | float | str]
    loops: Mapping[str, TargetLoops]
    crossbars: int = 0
    sub_crossbars: int = 0
    drives: int = 0
    notes: tuple[str, ...] = ()
    lost_bits: int = 0


@dataclass(frozen=True)
class Plan:
    """A layer on a design.

    Attributes:
        design: Name of the design; its architecture is `arch/<architecture>.yaml`, its
            constraints are `mappings/<architecture>.yaml`.
        layer: The layer.
        hardware: The parameter set.
        architecture: Name of the shipped architecture.
        parts: The evaluations. Groups run side by side.
        modes: Computation modes that run side by side.
        steps: Steps per image, the fold included.
    """

    design: str
    layer: Layer
    hardware: Hardware
    architecture: str
    parts: tuple[Part, ...]
    modes: int
    steps: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed for this layer beyond the design's defaults, as sentences."""
        return tuple(dict.fromkeys(note for part in self.parts for note in part.notes))

    @property
    def lost_bits(self) -> int:
        """Bits that the converters have fewer than exact sums take, at worst."""
        return max(part.lost_bits for part in self.parts)

    @property
    def crossbars(self) -> int:
        """Physical crossbars that hold the layer's weights."""
        return sum(part.crossbars for part in self.parts)

    @property
    def sub_crossbars(self) -> int:
        """Logical matrices: kernel pixels on RED, one per mode on split kernels, else one."""
        return sum(part.sub_crossbars for part in self.parts)


@dataclass(frozen=True)
class MappedPlan:
    """A layer on a CMOS design, whose mapping the mapper chose.

    Attributes:
        design: Name of the design.
        layer: The layer.
        hardware: The parameter set; its circuit prices the design.
        architecture: Name of the shipped architecture.
        modes: Computation modes that run one group after the other; 1 when zeros are inserted.
        steps: Cycles.
        notes: What was assumed, as sentences.
        runs: Name and mapped specification of each problem, in the order they run.
    """

    design: str
    layer: Layer
    hardware: Hardware
    architecture: str
    modes: int
    steps: int
    notes: tuple[str, ...]
    runs: tuple[tuple[str, Specification], ...]

    @property
    def lost_bits(self) -> int:
        """No converters."""
        return 0

    @property
    def crossbars(self) -> int:
        """No crossbars."""
        return 0

    @property
    def sub_crossbars(self) -> int:
        """No crossbars."""
        return 0
