"""What a mapping says of each level, and what constraints say of it; see `spec.types`.

Loops go from the innermost to the outermost, as Timeloop's permutations do.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Loop: TypeAlias = tuple[str, int]  # (dimension, number of iterations)
Comparison: TypeAlias = Literal["=", "<=", ">="]


@dataclass(frozen=True)
class LevelMapping:
    """What a mapping says of one level. Loops of one iteration are left out.

    Attributes:
        temporal: Loops over time, innermost first.
        spatial_x: Loops over the instances along X, innermost first (spatial levels only).
        spatial_y: The same along Y.
        keep: Data spaces stored at the level, in the problem's order.
        bypass: The others.
        no_temporal_reuse: Data spaces fetched anew in every iteration (`no_reuse` of a temporal
            target).
        no_spatial_reuse: Data spaces neither multicast nor reduced across the instances
            (`no_reuse` of a spatial target).
        no_link_transfer: Data spaces that neighbours do not pass on to each other.
        rmw_first_update: Data spaces whose first update reads the old value.
        no_coalesce: Data spaces whose accesses are not coalesced.
        temporal_order, spatial_order: All dimensions, innermost first, those of one iteration
            too (which only the analysis of sparse tiles looks at); empty where nobody said.
        temporal_remainders, spatial_remainders: Iterations of the last pass of imperfect loops
            (`P=5,2`): when all loops of the dimension outside are in their last pass.
    """

    temporal: tuple[Loop, ...] = ()
    spatial_x: tuple[Loop, ...] = ()
    spatial_y: tuple[Loop, ...] = ()
    keep: tuple[str, ...] = ()
    bypass: tuple[str, ...] = ()
    no_temporal_reuse: tuple[str, ...] = ()
    no_spatial_reuse: tuple[str, ...] = ()
    no_link_transfer: tuple[str, ...] = ()
    rmw_first_update: tuple[str, ...] = ()
    no_coalesce: tuple[str, ...] = ()
    temporal_order: tuple[str, ...] = field(default=(), compare=False)
    spatial_order: tuple[str, ...] = field(default=(), compare=False)
    temporal_remainders: tuple[Loop, ...] = ()
    spatial_remainders: tuple[Loop, ...] = ()

    @property
    def loops(self) -> tuple[Loop, ...]:
        """All loops of the level: X, Y, then time."""
        return self.spatial_x + self.spatial_y + self.temporal


@dataclass(frozen=True)
class Mapping:
    """One mapping of a problem onto an architecture: every level but compute, outermost first."""

    levels: abc.Mapping[str, LevelMapping]

    @property
    def imperfect(self) -> bool:
        """Whether any loop's last pass is shorter than the others."""
        return any(
            level.temporal_remainders or level.spatial_remainders for level in self.levels.values()
        )

    def size(self, dimension: str) -> int:
        """Return the iterations of `dimension` that all loops make together."""
        last = 0  # index of the last iteration
        for level in self.levels.values():
            for loops, remainders in (
                (level.temporal, level.temporal_remainders),
                (level.spatial_x + level.spatial_y, level.spatial_remainders),
            ):
                for name, factor in loops:
                    if name == dimension:
                        last = last * factor + dict(remainders).get(name, factor) - 1
        return last + 1

    def factors(self, dimension: str) -> tuple[int, ...]:
        """Return the iterations of `dimension` at all levels, outermost first."""
        return tuple(
            factor
            for level in self.levels.values()
            for name, factor in reversed(level.loops)
            if name == dimension
        )


@dataclass(frozen=True)
class FactorConstraint:
    """A condition on the iterations of one dimension; `value` 0 (with `=`) is the full size.

    A `remainder`, the iterations of the last pass of an imperfect loop, stands in mappings only.
    """

    dimension: str
    comparison: Comparison
    value: int
    remainder: int | None = None

    def __str__(self) -> str:
        rest = "" if self.remainder is None else f",{self.remainder}"
        return f"{self.dimension}{self.comparison}{self.value}{rest}"


@dataclass(frozen=True)
class LoopConstraint:
    """Conditions on the loops of one target.

    Attributes:
        factors: Conditions on iterations; dimensions not named are free.
        permutation: The innermost dimensions, innermost first (all of them, or a prefix).
        outermost: The outermost dimensions, innermost of them first (Timeloop's `QP_SR` spelling,
            where what follows the underscore is pinned outermost).
        split: In a spatial target, the position in the permutation from which on dimensions go
            to Y; None when free.
        no_reuse: Data spaces not reused over these loops.
        no_link_transfer: See `LevelMapping` (spatial only).
        rmw_first_update: See `LevelMapping` (temporal only).
        default_max_factor: Largest factor of a dimension without a condition of its own.
        default_min_factor: Smallest such factor.
        remainders: Number of imperfect factors allowed.
    """

    factors: tuple[FactorConstraint, ...] = ()
    permutation: tuple[str, ...] = ()
    outermost: tuple[str, ...] = ()
    split: int | None = None
    no_reuse: tuple[str, ...] = ()
    no_link_transfer: tuple[str, ...] = ()
    rmw_first_update: tuple[str, ...] = ()
    default_max_factor: int | None = None
    default_min_factor: int | None = None
    remainders: int | None = None
    rule: str = ""

    def factor(self, dimension: str, comparison: Comparison = "=") -> int | None:
        """Return the value of the condition on `dimension`, None when there is none."""
        for condition in self.factors:
            if condition.dimension == dimension and condition.comparison == comparison:
                return condition.value
        return None


@dataclass(frozen=True)
class DataSpaceConstraint:
    """Which data spaces a level must keep and must bypass; the others are free."""

    keep: tuple[str, ...] = ()
    bypass: tuple[str, ...] = ()
    no_coalesce: tuple[str, ...] = ()


@dataclass(frozen=True)
class LevelConstraints:
    """The conditions on one level."""

    temporal: LoopConstraint = LoopConstraint()
    spatial: LoopConstraint = LoopConstraint()
    data_spaces: DataSpaceConstraint = DataSpaceConstraint()
    max_overbooked_proportion: float | None = None


@dataclass(frozen=True)
class Constraints:
    """The conditions on all levels but compute, by level name, outermost first.

    Attributes:
        levels: See `LevelConstraints`.
        min_utilization: Smallest legal share of the compute units that is used.
    """

    levels: abc.Mapping[str, LevelConstraints]
    min_utilization: float = 0.0
