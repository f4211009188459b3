"""What the engine needs to know of a specification, as plain numbers: levels innermost first.

Names, expressions and defaults are dealt with in `red_timeloop.spec`; here a level is its
capacity, its bandwidths and its energies, and a data space is a matrix of coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from red_timeloop.engines.embedded.spatial import SpatialLoops, Vector
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Architecture, ArtTable, DataSpace, ErtTable, Level, Problem

__all__ = ["Compute", "Machine", "Shape", "Storage", "Tensor", "build_machine", "build_shape"]

# Names an energy table may use for each of Timeloop's actions, the first that is there counting
# (include/model/topology.hpp of Timeloop).
_ACTIONS = {
    "read": ("random_read", "read"),
    "fill": ("random_fill", "random_write", "fill", "write"),
    "update": ("random_update", "random_write", "update", "write"),
    "leak": ("leak",),
    "compute": ("mac_random", "mult_random", "mac", "mult", "compute"),
}


@dataclass(frozen=True)
class Storage:
    """One storage level or spatial container.

    Attributes:
        name: Name in Timeloop's outputs.
        spatial: True for the level of a container, which stores nothing.
        instances, instances_x, instances_y: Copies in the machine.
        fan_out_x, fan_out_y: Copies of the next inner level for each copy of this one.
        capacity: Usable words, None when unlimited.
        least_words: Words that must be occupied at least.
        block_size: Words of one access.
        clusters: Groups of instances that share one row.
        read_bandwidth, write_bandwidth, shared_bandwidth: Words a cycle, None when unlimited.
        bandwidth_scale: Bandwidth that one word of each data space takes.
        read_energy, fill_energy, update_energy: J an access of one block.
        leakage: J a cycle and instance.
        gate: Index of the level whose instances switch this one's leakage (itself by default).
        latency: Cycles that the network to the next inner level adds in all.
        area: m^2 of one instance.
    """

    name: str
    spatial: bool
    instances: int
    instances_x: int
    instances_y: int
    fan_out_x: int
    fan_out_y: int
    capacity: int | None
    least_words: float
    block_size: int
    clusters: int
    read_bandwidth: float | None
    write_bandwidth: float | None
    shared_bandwidth: float | None
    bandwidth_scale: tuple[float, ...]
    read_energy: float
    fill_energy: float
    update_energy: float
    leakage: float
    gate: int
    latency: int
    area: float

    @property
    def prices(self) -> tuple[float, float, float]:
        """J a block that is read, filled and updated."""
        return self.read_energy, self.fill_energy, self.update_energy


@dataclass(frozen=True)
class Compute:
    """The compute level: instances, energy of one operation in J, area of one instance in m^2."""

    name: str
    instances: int
    instances_x: int
    instances_y: int
    energy: float
    area: float


@dataclass(frozen=True)
class Machine:
    """All levels; `levels[0]` is the innermost storage."""

    levels: tuple[Storage, ...]
    compute: Compute

    @property
    def latency(self) -> int:
        """Cycles that all networks add."""
        return sum(level.latency for level in self.levels)

    @property
    def prices(self) -> tuple[float, ...]:
        """J an operation, and a block that is read, filled and updated at each level."""
        return self.compute.energy, *(each for level in self.levels for each in level.prices)

    @property
    def unpriced(self) -> Machine:
        """The machine without energies of operations and accesses."""
        levels = tuple(
            replace(level, read_energy=0.0, fill_energy=0.0, update_energy=0.0)
            for level in self.levels
        )
        return Machine(levels, replace(self.compute, energy=0.0))

    @property
    def area(self) -> float:
        """Area of all instances of all levels in m^2."""
        total = sum(level.area * level.instances for level in self.levels)
        return total + self.compute.area * self.compute.instances


@dataclass(frozen=True)
class Tensor:
    """A data space: `steps[dimension]` is the coefficient of the dimension on every axis."""

    name: str
    steps: tuple[Vector, ...]
    read_write: bool

    @cached_property
    def relevant(self) -> tuple[bool, ...]:
        """Whether the tensor depends on each dimension."""
        return tuple(any(step) for step in self.steps)

    @cached_property
    def axes(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each axis the dimensions that move along it: (dimension, size of its coefficient)."""
        return tuple(
            tuple((dimension, abs(step)) for dimension, step in enumerate(axis) if step)
            for axis in zip(*self.steps, strict=True)
        )

    def vectors(self, loops: Iterable[tuple[int, int, int]]) -> SpatialLoops:
        """Return how loops (dimension, iterations, stride) move the tiles: (step, iterations)."""
        return tuple(
            [
                (tuple([stride * step for step in self.steps[dimension]]), count)
                for dimension, count, stride in loops
            ]
        )


@dataclass(frozen=True)
class Shape:
    """The problem: names and sizes of its dimensions, and its tensors."""

    dimensions: tuple[str, ...]
    sizes: tuple[int, ...]
    tensors: tuple[Tensor, ...]

    @property
    def operations(self) -> int:
        """Operations of the problem."""
        return math.prod(self.sizes)

    def index(self, dimension: str) -> int:
        """Return the position of `dimension`."""
        return self.dimensions.index(dimension)


def build_shape(problem: Problem) -> Shape:
    """Return the engine's view of `problem`.

    Raises:
        InputError: A dimension has no positive size, or a projection names an unknown one.
    """
    sizes = []
    for dimension in problem.dimensions:
        size = problem.sizes.get(dimension)
        if size is None or size < 1:
            raise InputError(
                f"dimension {dimension} has size {size}", key="instance", legal="at least 1"
            )
        sizes.append(size)
    tensors = tuple([_tensor(space, problem.dimensions) for space in problem.data_spaces])
    return Shape(problem.dimensions, tuple(sizes), tensors)


@lru_cache(maxsize=1024)
def _tensor(space: DataSpace, dimensions: tuple[str, ...]) -> Tensor:
    """Return a data space as a matrix; problems of the same kernel and stride have the same."""
    steps = [[0] * max(1, len(space.projection)) for _ in dimensions]
    for axis, terms in enumerate(space.projection):
        for dimension, coefficient in terms:
            if dimension not in dimensions:
                raise InputError(
                    f"{space.name} depends on the unknown dimension {dimension}",
                    key="data_spaces",
                    legal=dimensions,
                )
            steps[dimensions.index(dimension)][axis] += coefficient
    return Tensor(space.name, tuple(map(tuple, steps)), space.read_write)


def build_machine(
    architecture: Architecture,
    data_spaces: tuple[str, ...],
    ert: ErtTable | None,
    art: ArtTable | None,
) -> Machine:
    """Return the engine's view of `architecture`, priced by `ert` (J) and `art` (m^2).

    Without a table everything costs 0.

    Raises:
        InputError: A level is missing in a table, has attributes that are not supported, or does
            something about zeros.
    """
    for level in architecture.levels:
        if level.sparse:
            raise InputError(
                "sparse optimizations are evaluated, not searched",
                key=f"{level.name}.sparse_optimizations",
                legal="one mapping, with `red-timeloop model`",
            )
    order = list(reversed(architecture.mapped_levels))
    names = [level.name for level in order]
    compute = architecture.compute
    inner: list[Level] = [compute, *order[:-1]]
    levels = tuple(
        _storage(level, below, names, data_spaces, ert, art)
        for level, below in zip(order, inner, strict=True)
    )
    return Machine(
        levels,
        Compute(
            compute.name,
            compute.instances,
            compute.instances_x,
            compute.instances_y,
            _energies(compute, ert, ("compute",))["compute"],
            _area(compute, art),
        ),
    )


def _storage(
    level: Level,
    below: Level,
    names: list[str],
    data_spaces: tuple[str, ...],
    ert: ErtTable | None,
    art: ArtTable | None,
) -> Storage:
    capacity = None if level.size is None else math.floor(level.size / level.multiple_buffering)
    if below.instances_x % level.instances_x or below.instances_y % level.instances_y:
        raise InputError(
            f"{below.instances_x}x{below.instances_y} instances of {below.name} cannot be shared"
            f" out among {level.instances_x}x{level.instances_y} of {level.name}",
            key=level.name,
        )
    if level.instances % level.cluster_size:
        raise InputError(
            f"{level.instances} instances do not fill clusters of {level.cluster_size}",
            key=f"{level.name}.cluster_size",
        )
    gate = level.power_gated_at or level.name
    if gate not in names:
        raise InputError(
            f"no level is called {gate!r}", key=f"{level.name}.power_gated_at", legal=names
        )
    energy = _energies(level, ert, ("read", "fill", "update", "leak"))
    return Storage(
        name=level.name,
        spatial=level.kind == "spatial",
        instances=level.instances,
        instances_x=level.instances_x,
        instances_y=level.instances_y,
        fan_out_x=below.instances_x // level.instances_x,
        fan_out_y=below.instances_y // level.instances_y,
        capacity=capacity,
        least_words=0.0 if capacity is None else capacity * level.min_utilization,
        block_size=level.block_size,
        clusters=level.instances // level.cluster_size,
        read_bandwidth=level.read_bandwidth,
        write_bandwidth=level.write_bandwidth,
        shared_bandwidth=level.shared_bandwidth,
        bandwidth_scale=tuple([level.bandwidth_scale.get(name, 1.0) for name in data_spaces]),
        read_energy=energy["read"],
        fill_energy=energy["fill"],
        update_energy=energy["update"],
        leakage=energy["leak"],
        gate=names.index(gate),
        latency=_latency(level.attributes),
        area=_area(level, art),
    )


def _latency(attributes: AbstractMapping[str, object]) -> int:
    cycles = 0
    for key in ("network_fill_latency", "network_drain_latency"):
        value = attributes.get(key)
        cycles += int(value) if isinstance(value, int | float) else 0
    return cycles


def _energies(level: Level, ert: ErtTable | None, actions: tuple[str, ...]) -> dict[str, float]:
    """Return J for each of Timeloop's `actions`, whatever name the table gives them."""
    if ert is None:
        return dict.fromkeys(actions, 0.0)
    table = ert.energies.get(level.name)
    if table is None:
        if level.kind == "spatial":
            return dict.fromkeys(actions, 0.0)
        raise InputError(f"no energies for the level {level.name}", key="ERT", legal=ert.energies)
    found = {}
    for action, name in zip(actions, _priced(tuple(table), actions), strict=True):
        if name is None and action != "leak":
            raise InputError(
                f"no energy for {action} of {level.name}", key="ERT", legal=_ACTIONS[action]
            )
        found[action] = 0.0 if name is None else table[name]
    return found


@lru_cache(maxsize=256)
def _priced(names: tuple[str, ...], actions: tuple[str, ...]) -> tuple[str | None, ...]:
    """Return the name that a table with these names has for each action; None where it has none."""
    return tuple(next((n for n in _ACTIONS[each] if n in names), None) for each in actions)


def _area(level: Level, art: ArtTable | None) -> float:
    if art is None:
        return 0.0
    if level.name not in art.areas:
        if level.kind == "spatial":
            return 0.0
        raise InputError(f"no area for the level {level.name}", key="ART", legal=art.areas)
    return art.areas[level.name]
