"""What a design makes of a layer: evaluations for the engine, and how they belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from red_timeloop.designs.reads import AxisReads
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.types import Loop, Problem

__all__ = ["Order", "Part", "Phases", "Plan", "TargetLoops"]

Order = Literal["side_by_side", "in_turn"]


@dataclass(frozen=True)
class TargetLoops:
    """The loops of one mapping target, each innermost first; loops of one iteration may stand."""

    temporal: tuple[Loop, ...] = ()
    x: tuple[Loop, ...] = ()
    y: tuple[Loop, ...] = ()


@dataclass(frozen=True)
class Phases:
    """The phases of one axis that read alike, so that one loop nest runs them all.

    Attributes:
        kernel: ``[phase][tap]``: the kernel pixel that stands at each offset that is read.
        outputs: ``[phase]``: the output pixel of each step. Empty where outputs overlap: then every
            kernel pixel is a phase, and writes what it meets.
    """

    kernel: tuple[tuple[int, ...], ...]
    outputs: tuple[range, ...] = ()


@dataclass(frozen=True)
class Part:
    """One evaluation: a problem on an architecture of a given size under a given mapping.

    Attributes:
        name: What is evaluated, e.g. `taps 3x2`.
        role: `group`: the crossbars of a group of modes, and its outputs. `inputs`: the levels
            above the crossbars, which serve all groups at once (the envelope). `all`: both.
        problem: The Timeloop problem.
        sizes: A frozen dataclass whose fields are the architecture's variables, e.g.
            `designs.sizes.CrossbarSizes`.
        loops: The mapping's loops by target, those not named having none; None where the mapper
            finds the mapping.
        reads: What a step reads, per axis; () where nothing is executed.
        phases: What it reads it for, per axis; () for a part of role `inputs`.
        crossbars: Physical crossbars of the part.
        sub_crossbars: Logical matrices of the part.
        drives: Row drivers that one channel's inputs of a step go to.
        notes: What was assumed, as sentences.
        lost_bits: Bits that the converters have fewer than exact sums take.
        alternatives: Other ways to say the part to a mapper, sizes padded; the best is taken.
    """

    name: str
    role: Literal["group", "inputs", "all"]
    problem: Problem
    sizes: Any
    loops: Mapping[str, TargetLoops] | None
    reads: tuple[AxisReads, ...] = ()
    phases: tuple[Phases, ...] = ()
    crossbars: int = 0
    sub_crossbars: int = 0
    drives: int = 0
    notes: tuple[str, ...] = ()
    lost_bits: int = 0
    alternatives: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A layer on a design.

    Attributes:
        layer: The layer.
        hardware: The parameter set.
        parts: The evaluations; none where the layer computes nothing.
        modes: Computation modes that the layer is run as.
        steps: Steps per image, the fold included; None where they are what the mapper finds.
        order: Whether the parts run side by side, each on crossbars (or processing elements) of its
            own, or in turn on those of the largest one.
        clock: Length of a cycle in s; None where the components of the architecture decide it.
        notes: What was assumed for all parts, as sentences.
        architecture: Timeloop architecture that the parts size; the design fills it in.
        constraints: Constraints on their mappings, a Timeloop file too; None without any; likewise.
        jinja: Data of the architecture's templates, as pairs.
        estimator: Who prices an architecture whose variables, node and supply are its own
            (`engines.pricing`); None where they are the parameter set's.
    """

    layer: Layer
    hardware: Hardware
    parts: tuple[Part, ...]
    modes: int
    steps: int | None
    order: Order = "side_by_side"
    clock: float | None = None
    notes: tuple[str, ...] = ()
    architecture: Path = field(default=Path())
    constraints: Path | None = None
    jinja: tuple[tuple[str, Any], ...] = ()
    estimator: str | None = None

    @property
    def lost_bits(self) -> int:
        """Bits that the converters have fewer than exact sums take, at worst."""
        return max((part.lost_bits for part in self.parts), default=0)

    @property
    def crossbars(self) -> int:
        """Physical crossbars that hold the layer's weights."""
        return self._together([part.crossbars for part in self.parts])

    @property
    def sub_crossbars(self) -> int:
        """Logical matrices: kernel pixels on RED, one per mode on split kernels, else one."""
        return self._together([part.sub_crossbars for part in self.parts])

    def _together(self, numbers: list[int]) -> int:
        return sum(numbers) if self.order == "side_by_side" else max(numbers, default=0)

    @property
    def searched(self) -> bool:
        """Whether a mapper finds the mapping of some part."""
        return any(part.loops is None for part in self.parts)
