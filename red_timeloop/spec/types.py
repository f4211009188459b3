"""The values that a Timeloop v0.4 specification is read into.

They are what a specification says once macros, defaults, inheritance and expressions are resolved:
plain frozen dataclasses over tuples and dicts, in SI units. Levels go from the outermost memory to
the compute units; loops go from the innermost to the outermost, as Timeloop's permutations do.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Architecture",
    "ArtTable",
    "Constraints",
    "DataSpace",
    "DataSpaceConstraint",
    "ErtTable",
    "FactorConstraint",
    "Level",
    "LevelConstraints",
    "LevelMapping",
    "Loop",
    "LoopConstraint",
    "Mapping",
    "Problem",
    "Specification",
    "Value",
]

Value: TypeAlias = int | float | bool | str | None
Loop: TypeAlias = tuple[str, int]  # (dimension, number of iterations)
Comparison: TypeAlias = Literal["=", "<=", ">="]


@dataclass(frozen=True)
class DataSpace:
    """One tensor of a problem.

    Attributes:
        name: E.g. `Weights`.
        projection: One entry for each axis of the tensor: the terms `(dimension, coefficient)`
            whose sum `sum(coefficient * index)` is the position on that axis. The coefficients
            are numbers (an instance's value, or the shape's default).
        read_write: True for a tensor that is written (outputs).
    """

    name: str
    projection: tuple[tuple[tuple[str, int], ...], ...]
    read_write: bool = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that the tensor depends on, each once, in order of appearance."""
        return tuple(dict.fromkeys(name for axis in self.projection for name, _ in axis))


@dataclass(frozen=True)
class Problem:
    """An einsum-like loop nest.

    Attributes:
        name: The shape's name (may be empty).
        dimensions: Names of the einsum ranks, in the order of the shape.
        sizes: Loop bound of each dimension.
        data_spaces: The tensors, in the order of the shape.
    """

    name: str
    dimensions: tuple[str, ...]
    sizes: abc.Mapping[str, int]
    data_spaces: tuple[DataSpace, ...]

    @property
    def operations(self) -> int:
        """Number of points of the operation space (multiply-accumulates)."""
        product = 1
        for size in self.sizes.values():
            product *= size
        return product

    @property
    def data_space_names(self) -> tuple[str, ...]:
        """Names of the data spaces, in order."""
        return tuple(space.name for space in self.data_spaces)

    def data_space(self, name: str) -> DataSpace:
        """Return the data space called `name`; KeyError when there is none."""
        for space in self.data_spaces:
            if space.name == name:
                return space
        raise KeyError(name)


@dataclass(frozen=True)
class Level:
    """One level of the flattened hierarchy.

    Timeloop puts a level of its own, named `inter_<name>_spatial`, before the contents of every
    container (or component) whose fan-out is not 1. It stores nothing; it owns the fan-out.

    Attributes:
        name: Name in Timeloop's outputs and ERT (`inter_row_spatial`, `cell`, `mac`).
        target: Name in the user's files (`row` for `inter_row_spatial`, else `name`).
        kind: `storage`, `spatial` (owns a fan-out, keeps nothing) or `compute` (the last level).
        component_class: `class` of the component (`SRAM`; `dummy_storage` for a spatial level).
        subclass: `subclass`, if given: the name that a component model goes by.
        attributes: The component's attributes with those of the containers before it and
            Timeloop's defaults filled in. Values not known to Timeloop are kept as given.
        instances_x: Copies of this level in the whole machine, along X.
        instances_y: The same along Y.
        mesh_x: Fan-out of a spatial level to the next level, along X; 1 otherwise.
        mesh_y: The same along Y.
        depth: Rows of the memory, each `width` bits; None when unlimited (not given, or
            `storage.UNLIMITED`) or unknown.
        width: Bits of one row.
        datawidth: Bits of one word.
        block_size: Words of one row of one cluster member: `width / cluster_size / datawidth`.
        cluster_size: Instances that share one row.
        size: Capacity in words (`depth * block_size`, or `entries`, or `sizeKB`), None when
            unlimited.
        multiple_buffering: Usable words are `floor(size / multiple_buffering)`.
        min_utilization: Smallest legal share of the usable words that is occupied.
        read_bandwidth: Words a cycle and instance; None when unlimited. `write_bandwidth` and
            `shared_bandwidth` likewise.
        bandwidth_scale: Bandwidth consumed by one word of a data space (default 1).
        reduction_supported: Whether partial sums are added in place.
        allow_overbooking: Whether a tile may be larger than the memory.
        has_power_gating: Whether unused instances below do not leak.
        power_gated_at: Name of the level whose instances switch this one's leakage.
        required_actions: Actions a table must price beside Timeloop's own.
        area_scale: Factor on the area that an estimator gives.
        energy_scale: Factor on the energies that an estimator gives.
        parallel_group: Number of the `!Parallel` node the level is in, None when in none.
        parallel_child: Which child of that node the level is in.
    """

    name: str
    kind: Literal["storage", "spatial", "compute"]
    target: str = ""
    component_class: str = ""
    subclass: str | None = None
    attributes: abc.Mapping[str, Value | abc.Mapping[str, Value]] = field(default_factory=dict)
    instances_x: int = 1
    instances_y: int = 1
    mesh_x: int = 1
    mesh_y: int = 1
    depth: int | None = None
    width: int | None = None
    datawidth: int = 16
    block_size: int = 1
    cluster_size: int = 1
    size: int | None = None
    multiple_buffering: float = 1.0
    min_utilization: float = 0.0
    read_bandwidth: float | None = None
    write_bandwidth: float | None = None
    shared_bandwidth: float | None = None
    bandwidth_scale: abc.Mapping[str, float] = field(default_factory=dict)
    reduction_supported: bool = True
    allow_overbooking: bool = False
    has_power_gating: bool = False
    power_gated_at: str | None = None
    required_actions: tuple[str, ...] = ()
    area_scale: float = 1.0
    energy_scale: float = 1.0
    parallel_group: int | None = None
    parallel_child: int | None = None

    @property
    def instances(self) -> int:
        """Copies of this level in the whole machine."""
        return self.instances_x * self.instances_y

    @property
    def fanout(self) -> int:
        """Copies of the next level for each copy of this one."""
        return self.mesh_x * self.mesh_y


@dataclass(frozen=True)
class Architecture:
    """The flattened hierarchy, outermost level first, compute last.

    Attributes:
        levels: See `Level`.
        name: Name of the outermost container (empty when the first node is a component).
        variables: The specification's variables that components see beside their attributes
            (`technology`, `global_cycle_seconds`, ...).
    """

    levels: tuple[Level, ...]
    name: str = ""
    variables: abc.Mapping[str, Value] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the levels, outermost first."""
        return tuple(level.name for level in self.levels)

    @property
    def mapped_levels(self) -> tuple[Level, ...]:
        """The levels that a mapping has targets for: all but compute."""
        return self.levels[:-1]

    @property
    def compute(self) -> Level:
        """The compute level."""
        return self.levels[-1]

    def level(self, name: str) -> Level:
        """Return the level called `name` (or whose target is `name`); KeyError if none is."""
        for level in self.levels:
            if level.name == name:
                return level
        for level in self.levels:
            if level.target == name:
                return level
        raise KeyError(name)

    def component_attributes(self, level: Level) -> dict[str, Value | abc.Mapping[str, Value]]:
        """Return the attributes a component model sees: the level's, then the variables."""
        inherited = {key: value for key, value in self.variables.items() if key != "version"}
        return {**inherited, **level.attributes}


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

    @property
    def loops(self) -> tuple[Loop, ...]:
        """All loops of the level: X, Y, then time."""
        return self.spatial_x + self.spatial_y + self.temporal


@dataclass(frozen=True)
class Mapping:
    """One mapping of a problem onto an architecture: every level but compute, outermost first."""

    levels: abc.Mapping[str, LevelMapping]

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
    """A condition on the iterations of one dimension; `value` 0 (with `=`) is the full size."""

    dimension: str
    comparison: Comparison
    value: int

    def __str__(self) -> str:
        return f"{self.dimension}{self.comparison}{self.value}"


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


@dataclass(frozen=True)
class ErtTable:
    """Energy of one action of one component, in J: `energies[level name][action]`."""

    energies: abc.Mapping[str, abc.Mapping[str, float]]

    def energy(self, level: str, action: str, default: float = 0.0) -> float:
        """Return the energy of `action` at `level` in J, `default` when the table has none."""
        return self.energies.get(level, {}).get(action, default)


@dataclass(frozen=True)
class ArtTable:
    """Area of one instance of a component, in m^2: `areas[level name]`."""

    areas: abc.Mapping[str, float]


@dataclass(frozen=True)
class Specification:
    """A whole specification, as far as the files gave one.

    Attributes:
        architecture: See `Architecture`.
        problem: The problem, None when no file has one.
        constraints: Conditions written in the architecture and beside it, merged.
        mapping: The mapping, None when no file has one. Conditions with `=` that the architecture
            makes are part of it.
        variables: The variables, evaluated.
        ert: Energy table, None when no file has one.
        art: Area table, None when no file has one.
        mapper: Options of the mapper, as given.
        globals: The `globals` section, as given.
    """

    architecture: Architecture
    problem: Problem | None
    constraints: Constraints
    mapping: Mapping | None = None
    variables: abc.Mapping[str, Value] = field(default_factory=dict)
    ert: ErtTable | None = None
    art: ArtTable | None = None
    mapper: abc.Mapping[str, object] = field(default_factory=dict)
    globals: abc.Mapping[str, object] = field(default_factory=dict)


def ordered(names: abc.Iterable[str], order: abc.Iterable[str]) -> tuple[str, ...]:
    """Return `names`, each once, in the order of `order`; names not in `order` are left out."""
    wanted = set(names)
    return tuple(name for name in order if name in wanted)
