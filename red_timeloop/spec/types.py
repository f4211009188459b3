"""The values that a Timeloop v0.4 specification is read into.

They are what a specification says once macros, defaults, inheritance and expressions are resolved:
plain frozen dataclasses over tuples and dicts, in SI units. Levels go from the outermost memory to
the compute units.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from red_timeloop._html import html_table
from red_timeloop.spec.loops import (
    Constraints,
    DataSpaceConstraint,
    FactorConstraint,
    LevelConstraints,
    LevelMapping,
    Loop,
    LoopConstraint,
    Mapping,
)
from red_timeloop.spec.sparsity import Density, SparseOptimizations

if TYPE_CHECKING:
    from red_timeloop.spec.compound import CompoundClass

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

Value: TypeAlias = int | float | bool | str | tuple["Value", ...] | None


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
        densities: How the tensors that are not dense are filled.
    """

    name: str
    dimensions: tuple[str, ...]
    sizes: abc.Mapping[str, int]
    data_spaces: tuple[DataSpace, ...]
    densities: abc.Mapping[str, Density] = field(default_factory=dict)

    @property
    def operations(self) -> int:
        """Number of points of the operation space (multiply-accumulates)."""
        product = 1
        for size in self.sizes.values():
            product *= size
        return product

    @cached_property
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
        sparse: What the level does about zeros.
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
    sparse: SparseOptimizations = field(default_factory=SparseOptimizations)

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

    @property
    def sparse(self) -> bool:
        """Whether any level does something about zeros."""
        return any(level.sparse for level in self.levels)

    @property
    def dense(self) -> Architecture:
        """The same without what its levels do about zeros."""
        levels = tuple(replace(level, sparse=SparseOptimizations()) for level in self.levels)
        return replace(self, levels=levels)

    def _repr_html_(self) -> str:
        """Show the hierarchy in a notebook, outermost level first."""
        rows = []
        for level in self.levels:
            spatial = level.kind == "spatial"
            rows.append(
                (
                    level.target if spatial else level.name,
                    f"{level.mesh_x} x {level.mesh_y} of what follows" if spatial else "",
                    "" if spatial else level.subclass or level.component_class,
                    f"{level.instances:,}",
                    "" if spatial or level.size is None else f"{level.size:,}",
                    level.datawidth if level.kind == "storage" else "",
                )
            )
        head = ("level", "fan-out", "class", "instances", "words each", "bits of a word")
        return html_table(head, rows, self.name)

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
class ErtTable:
    """Energy of one action of one component, in J: `energies[level name][action]`.

    `priced_by` says, by level, who gave the numbers.
    """

    energies: abc.Mapping[str, abc.Mapping[str, float]]
    priced_by: abc.Mapping[str, str] = field(default_factory=dict, compare=False)

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
        components: The compound classes, by name.
        objective: What the files' `mapper` section optimizes first, None when it says nothing.
        most_temporal_loops: Loops over time that a mapping may have (`mapper` section); None when
            there is no limit.
        notes: What the files say that has no effect, one line each with its place.
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
    components: abc.Mapping[str, CompoundClass] = field(default_factory=dict, compare=False)
    objective: Literal["delay", "energy", "edp"] | None = None
    most_temporal_loops: int | None = None
    notes: tuple[str, ...] = ()


def ordered(names: abc.Iterable[str], order: abc.Iterable[str]) -> tuple[str, ...]:
    """Return `names`, each once, in the order of `order`; names not in `order` are left out."""
    wanted = set(names)
    return tuple(name for name in order if name in wanted)
