"""Random small specifications, and all their mappings by brute force."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from red_timeloop.engines.embedded.batch import BatchResult, evaluate_batch
from red_timeloop.errors import InputError
from red_timeloop.mapper.candidates import Candidates
from red_timeloop.mapper.run import space_of
from red_timeloop.mapper.space import Space
from red_timeloop.spec.types import (
    Architecture,
    Constraints,
    DataSpace,
    DataSpaceConstraint,
    ErtTable,
    FactorConstraint,
    Level,
    LevelConstraints,
    LoopConstraint,
    Problem,
    Specification,
)

NAMES = ("Weights", "Inputs", "Outputs")


def problem(**sizes: int) -> Problem:
    """Return a 1-D convolution; ranks that are not given have the size 1."""
    return Problem(
        "conv",
        tuple("CMRP"),
        {"C": 1, "M": 1, "R": 1, "P": 1, **sizes},
        (
            DataSpace("Weights", ((("C", 1),), (("M", 1),), (("R", 1),))),
            DataSpace("Inputs", ((("C", 1),), (("R", 1), ("P", 1)))),
            DataSpace("Outputs", ((("M", 1),), (("P", 1),)), read_write=True),
        ),
    )


def random_specification(rng: random.Random) -> Specification:
    """Return a small specification of random levels, prices, constraints and problem."""
    problem = _problem(rng)
    architecture, ert = _architecture(rng)
    constraints = _constraints(rng, architecture, problem)
    return Specification(architecture, problem, constraints=constraints, ert=ert)


def random_space(rng: random.Random) -> Space | None:
    """Return the space of such a specification; None if empty."""
    given = random_specification(rng)
    assert given.problem is not None
    try:
        return space_of(given, given.problem)
    except InputError:
        return None


def _problem(rng: random.Random) -> Problem:
    stride, dilation = rng.choice([(1, 1), (1, 1), (2, 1), (1, 2), (3, 2)])
    kind = rng.choice(["conv1d", "conv2d", "matmul", "scatter"])
    if kind == "conv1d":
        dimensions = "CMRP"
        inputs: tuple[tuple[tuple[str, int], ...], ...] = (
            (("C", 1),),
            (("R", dilation), ("P", stride)),
        )
        weights = tuple(((each, 1),) for each in "CMR")
        outputs: tuple[tuple[tuple[str, int], ...], ...] = ((("M", 1),), (("P", 1),))
    elif kind == "conv2d":
        dimensions = "CRPSQ"
        inputs = ((("R", dilation), ("P", stride)), (("S", 1), ("Q", 1)), (("C", 1),))
        weights = tuple(((each, 1),) for each in "CRS")
        outputs = ((("P", 1),), (("Q", 1),))
    elif kind == "matmul":
        dimensions = "CMP"
        inputs = ((("C", 1),), (("P", 1),))
        weights = ((("C", 1),), (("M", 1),))
        outputs = ((("M", 1),), (("P", 1),))
    else:
        dimensions = "CMRP"
        inputs = ((("C", 1),), (("P", 1),))
        weights = tuple(((each, 1),) for each in "CMR")
        outputs = ((("P", stride), ("R", dilation)), (("M", 1),))
    sizes = {each: rng.choice([1, 2, 2, 3, 4]) for each in dimensions}
    while np.prod(list(sizes.values())) > 48:
        sizes[rng.choice(dimensions)] = 1
    return Problem(
        kind,
        tuple(dimensions),
        sizes,
        (
            DataSpace("Weights", weights),
            DataSpace("Inputs", inputs),
            DataSpace("Outputs", outputs, read_write=True),
        ),
    )


def _architecture(rng: random.Random) -> tuple[Architecture, ErtTable]:
    """Return a memory, one or two buffers, arrays between them, and prices."""
    block = rng.choice([1, 1, 4])
    written: dict[str, float] = {"width": 16 * block, "datawidth": 16}
    levels = [Level("dram", "storage", "dram", "DRAM", None, written, block_size=block)]
    x = y = 1
    for name in ("outer", "inner")[: rng.choice([1, 1, 2])]:
        if rng.random() < 0.7:
            mesh_x, mesh_y = rng.choice([(2, 1), (1, 2), (4, 1), (2, 2), (3, 2)])
            x, y = x * mesh_x, y * mesh_y
            levels.append(
                Level(
                    f"inter_{name}_spatial",
                    "spatial",
                    name,
                    mesh_x=mesh_x,
                    mesh_y=mesh_y,
                    instances_x=x // mesh_x,
                    instances_y=y // mesh_y,
                )
            )
        size, block = rng.choice([1, 2, 3, 6, 12, 40]), rng.choice([1, 1, 2])
        reads, writes = rng.choice([None, None, 1.0, 2.0]), rng.choice([None, None, 1.0])
        written = {"entries": size, "width": 16 * block, "datawidth": 16}
        written |= {"read_bandwidth": reads} if reads else {}
        written |= {"write_bandwidth": writes} if writes else {}
        levels.append(
            Level(
                name,
                "storage",
                name,
                "SRAM",
                attributes=written,
                instances_x=x,
                instances_y=y,
                size=size,
                block_size=block,
                read_bandwidth=reads,
                write_bandwidth=writes,
            )
        )
    if rng.random() < 0.3:
        levels.append(
            Level("inter_lane_spatial", "spatial", "lane", mesh_x=2, instances_x=x, instances_y=y)
        )
        x *= 2
    mac = Level("mac", "compute", "mac", "intmac", instances_x=x, instances_y=y)
    levels.append(mac)
    prices = {}
    for scale, level in enumerate(reversed(levels)):
        if level.kind == "storage":
            prices[level.name] = {
                action: rng.choice([0.0, 1.0, 3.0]) * rng.choice([1, 1, scale * scale]) * 1e-12
                for action in ("read", "write", "update", "leak")
            }
    prices["mac"] = {"compute": rng.choice([0.0, 1e-12])}
    return Architecture(tuple(levels)), ErtTable(prices)


def _constraints(rng: random.Random, architecture: Architecture, problem: Problem) -> Constraints:
    found = {}
    for level in architecture.levels:
        if level.kind == "compute":
            continue
        temporal, spatial = LoopConstraint(), LoopConstraint()
        dimensions = list(problem.dimensions)
        rng.shuffle(dimensions)
        if rng.random() < 0.3:
            temporal = LoopConstraint(
                permutation=tuple(dimensions[: rng.choice([0, 1, 2])]),
                outermost=tuple(dimensions[3 : 3 + rng.choice([0, 0, 1])]),
            )
        if rng.random() < 0.3:
            free = FactorConstraint(dimensions[0], "<=", rng.choice([1, 2]))
            temporal = replace(temporal, factors=(free,))
        switches: tuple[str, ...] = ()
        if level.kind == "storage" and rng.random() < 0.1:
            switches = (rng.choice(NAMES),)
        if rng.random() < 0.1:
            spatial = LoopConstraint(no_reuse=(rng.choice(NAMES),))
        elif rng.random() < 0.1:
            spatial = LoopConstraint(no_link_transfer=NAMES)
        keep: tuple[str, ...] = ()
        bypass: tuple[str, ...] = ()
        if level.kind == "spatial":
            bypass = NAMES
        elif level.name == "dram":
            keep = NAMES
        else:
            keep = tuple(each for each in NAMES if rng.random() < 0.3)
            bypass = tuple(each for each in NAMES if each not in keep and rng.random() < 0.5)
        found[level.name] = LevelConstraints(
            temporal=replace(temporal, no_reuse=switches),
            spatial=spatial,
            data_spaces=DataSpaceConstraint(keep=keep, bypass=bypass),
        )
    return Constraints(found)


def all_mappings(
    space: Space, most: int = 150_000
) -> Iterator[tuple[int, Candidates, BatchResult]]:
    """Return every mapping of a space with its costs, by what is kept; nothing if too many."""
    tables = [space.options(dimension) for dimension in range(len(space.shape.sizes))]
    rows = [np.stack(columns, axis=1) for columns in itertools.product(*tables)]
    total = 0
    for keep, levels in enumerate(space.keeps):
        factors, orders = [], []
        for row in rows:
            for order in _orders(space, row):
                factors.append(row)
                orders.append(order)
        total += len(factors)
        if total > most:
            raise OverflowError
        if not factors:  # X and Y compete for a loop that both have to hold
            continue
        candidates = Candidates(levels, np.array(factors), np.array(orders))
        batch = candidates.batch(space)
        yield keep, candidates, evaluate_batch(batch, space.machine, space.shape)


def front_of(energy: np.ndarray, cycles: np.ndarray) -> list[tuple[float, int]]:
    """Return the front of J and cycles, least energy first.

    Of energies that are equal but for rounding, that of the fewest cycles stands for all.
    """
    front: list[tuple[float, int]] = []
    for count, joules in sorted(zip(cycles.tolist(), energy.tolist(), strict=True)):
        if not front or joules < front[-1][0] * (1 - 1e-9):
            front.append((joules, count))
    return front[::-1]


def _orders(space: Space, factors: np.ndarray) -> list[np.ndarray]:
    """Return every order of the loops over time that the constraints allow."""
    choices = []
    dimensions = factors.shape[1]
    over_time = {p.level: n for n, p in enumerate(space.places) if p.kind == "temporal"}
    for level in range(len(space.machine.levels)):
        active = (
            np.flatnonzero(factors[over_time[level]] > 1).tolist() if level in over_time else []
        )
        inside = [each for each in space.innermost[level] if each in active]
        outside = [each for each in space.outermost[level] if each in active]
        free = [each for each in active if each not in inside and each not in outside]
        idle = [each for each in range(dimensions) if each not in active]
        choices.append(
            [[*inside, *middle, *outside, *idle] for middle in itertools.permutations(free)]
        )
    return [np.array(each) for each in itertools.product(*choices)]
