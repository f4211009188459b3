"""What tiles take in, against walking the loops step by step and asking every neighbour."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import product
from math import prod

import numpy as np
import pytest
from close import near

from red_timeloop.engines.embedded import evaluate, evaluate_nest
from red_timeloop.engines.embedded.batch import evaluate_batch
from red_timeloop.engines.embedded.imperfect import imperfect_movement
from red_timeloop.engines.embedded.machine import Machine, Shape, Tensor, build_machine, build_shape
from red_timeloop.engines.embedded.mappings import MappingBatch
from red_timeloop.engines.embedded.movement import data_movement
from red_timeloop.engines.embedded.moves import Block, accesses
from red_timeloop.engines.embedded.nest import LevelNest, build_nest, check_nest, mapping_of
from red_timeloop.engines.embedded.spatial import sharing
from red_timeloop.errors import InputError
from red_timeloop.spec.types import (
    Architecture,
    ArtTable,
    DataSpace,
    ErtTable,
    Level,
    LevelMapping,
    Mapping,
    Problem,
)

DIMENSIONS = "CMRPSQ"
NONE, EVERY = (False,) * 3, (True,) * 3


def problem(stride: int = 1, dilation: int = 1, **sizes: int) -> Problem:
    """A 2-D convolution; a negative dilation walks its taps backwards."""
    return Problem(
        "conv",
        tuple(DIMENSIONS),
        dict.fromkeys(DIMENSIONS, 1) | sizes,
        (
            DataSpace("Weights", tuple(((each, 1),) for each in "CMRS")),
            DataSpace(
                "Inputs",
                ((("C", 1),), (("R", dilation), ("P", stride)), (("S", dilation), ("Q", stride))),
            ),
            DataSpace("Outputs", tuple(((each, 1),) for each in "MPQ"), read_write=True),
        ),
    )


def walked(
    tensor: Tensor, level: LevelNest, block: Block, time: list[tuple[int, int, int]], reused: bool
) -> tuple[dict[tuple[int, int], float], float]:
    """Walk all steps of the loops; a loop that goes on moves as it did the first time."""
    axes = range(len(tensor.axes))
    widths = [
        1 + sum(abs(s[axis]) * (n - 1) for s, n in zip(tensor.steps, block.inner, strict=True))
        for axis in axes
    ]

    def vector(dimension: int, stride: int) -> np.ndarray:
        return np.array([stride * step for step in tensor.steps[dimension]])

    places = [np.zeros(len(axes), int)]
    for dimension, count, stride in block.spatial:
        places = [p + i * vector(dimension, stride) for i in range(count) for p in places]
    moving = [vector(d, s) for d, _, s in time if vector(d, s).any()]
    words: Counter[tuple[int, int]] = Counter()
    links, last, start = 0, -1, -1
    for step in product(*(range(count) for _, count, _ in reversed(time))):
        index = list(reversed(step))
        advanced = next((j for j, i in enumerate(index) if i), None)
        size, moved = prod(widths), np.zeros(len(axes), int)
        if advanced is not None:
            moved = vector(time[advanced][0], time[advanced][2])
            for dimension, _, stride in time[:advanced]:  # those inside start over
                moved = moved - vector(dimension, stride)
            if reused and not moved.any():
                size = 0
            elif reused and (moved == moving[0]).all():
                size -= prod(max(0, w - abs(m)) for w, m in zip(widths, moved, strict=True))
        before = start if advanced == 0 else last  # the first time stands for the later ones
        alone = list(range(len(places)))
        if size and size == before and not level.no_link_transfer[0]:
            asking = [c for c in alone if not _handed(c, places, moved, block)]
            if len(asking) < len(places):
                fewer = len(_groups(places, asking, level)) < len(_groups(places, alone, level))
                alone = asking if fewer else alone
        links += size * (len(places) - len(alone))
        for members, count in Counter(_groups(places, alone, level)).items():
            words[members, count] += size * count
        last = size
        start = start if advanced == 0 else size
    return {key: value for key, value in words.items() if value}, links


def _handed(child: int, places: list[np.ndarray], moved: np.ndarray, block: Block) -> bool:
    """Whether one of the four neighbours held, a step before, what this child needs now."""
    x, y = child % block.columns, child // block.columns
    for other_x, other_y in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
        other = other_y * block.columns + other_x
        on_grid = 0 <= other_x < block.columns and 0 <= other < len(places)
        if on_grid and (places[other] == places[child] + moved).all():
            return True
    return False


def _groups(places: list[np.ndarray], chosen: list[int], level: LevelNest) -> list[int]:
    """Return how many children share each word."""
    if level.no_multicast[0]:
        return [1] * len(chosen)
    return list(Counter(tuple(places[child].tolist()) for child in chosen).values())


def _case(chance: random.Random) -> tuple[Tensor, LevelNest, Block, list[tuple[int, int, int]]]:
    shape = build_shape(problem(chance.choice((1, 1, 2)), chance.choice((1, 1, 2, -1))))
    stride = [chance.choice((1, 1, 2)) for _ in DIMENSIONS]
    inner = tuple(stride)
    grid: list[int] = []
    spatial: list[tuple[int, int, int]] = []
    for _ in range(2):  # along X, along Y; one dimension may be on both
        counts = {
            d: chance.choice((2, 3)) for d in chance.sample(range(6), chance.choice((0, 1, 2)))
        }
        for dimension, count in counts.items():
            spatial.append((dimension, count, stride[dimension]))
            stride[dimension] *= count
        grid.append(prod(counts.values()))
    time = []
    for dimension in chance.choices(range(6), (1, 1, 3, 3, 1, 1), k=chance.choice((1, 2, 3, 4))):
        time.append((dimension, (count := chance.choice((2, 3))), stride[dimension]))
        stride[dimension] *= count
    columns = grid[0] + chance.choice((0, 0, 1))
    block = Block(tuple(spatial), columns, prod(grid), 1, inner, (), ())
    switches = [(chance.random() < share,) for share in (0.3, 0.1)]
    level = LevelNest((), (), (), EVERY, NONE, switches[0], switches[1], NONE, NONE)
    return shape.tensors[chance.choice((0, 1, 1, 2))], level, block, time


def test_accesses_are_those_of_walking_all_steps() -> None:
    chance, linked = random.Random(3), 0
    for _ in range(500):
        tensor, level, block, time = _case(chance)
        reused = chance.random() < 0.8
        words, links = accesses(0, tensor, level, block, tensor.vectors(time), reused)
        expected, passed = walked(tensor, level, block, time, reused)
        if block.children == 1:
            expected, passed = {(1, 1): float(sum(expected.values()))}, 0.0
        found = {key: value for key, value in words.items() if value}
        assert found == {key: value for key, value in expected.items() if value}
        assert links == passed
        linked += links > 0
    assert linked > 30, "links are hardly met"


ERT = ErtTable(
    {
        "dram": {"read": 64e-12, "write": 65e-12, "update": 66e-12, "leak": 0.0},
        "outer": {"read": 6e-12, "write": 7e-12, "update": 8e-12, "leak": 1e-13},
        "inner": {"read": 0.5e-12, "write": 0.6e-12, "update": 0.7e-12, "leak": 2e-14},
        "mac": {"compute": 1e-12},
    }
)
MACHINE = Architecture(
    (
        Level("dram", "storage"),
        Level("inter_outer_spatial", "spatial", "outer", mesh_x=3, mesh_y=2),
        Level("outer", "storage", instances_x=3, instances_y=2, size=90, block_size=2),
        Level("inter_inner_spatial", "spatial", "inner", mesh_x=4, mesh_y=3, instances_x=3,
              instances_y=2),
        Level("inner", "storage", instances_x=12, instances_y=6, size=24, read_bandwidth=2.0,
              power_gated_at="outer"),
        Level("mac", "compute", instances_x=12, instances_y=6),
    )
)  # fmt: skip


def _batch(chance: random.Random, machine: Machine, shape: Shape, count: int) -> MappingBatch:
    """Deal the prime factors of all dimensions over the levels, in time and on both axes."""
    fan_outs = [(level.fan_out_x, level.fan_out_y) for level in machine.levels]
    grids = [level for level, fan_out in enumerate(fan_outs) if prod(fan_out) > 1]
    memories = [level for level in range(len(fan_outs)) if level not in grids]
    size = (count, len(fan_outs), len(DIMENSIONS))
    factors = [np.ones(size, dtype=np.int64) for _ in range(3)]
    for row, dimension in product(range(count), range(len(DIMENSIONS))):
        rest = shape.sizes[dimension]
        for prime in (2, 3):
            while rest % prime == 0:
                rest //= prime
                level, kind = chance.choice(grids), chance.randrange(3)
                used = int(factors[kind][row, level].prod()) * prime
                if not kind or used > fan_outs[level][kind - 1] + (chance.random() < 0.05):
                    level, kind = chance.choice(memories), 0
                factors[kind][row, level, dimension] *= prime
    order = np.array(
        [[chance.sample(range(6), 6) for _ in fan_outs] for _ in range(count)], dtype=np.int64
    )
    across = np.array(
        [[chance.sample(range(6), 6) for _ in fan_outs] for _ in range(count)], dtype=np.int64
    )

    def flags(share: float) -> tuple[bool, ...]:
        return tuple(chance.random() < share for _ in range(3))

    levels = [
        LevelNest((), (), (), NONE, NONE, flags(0.2), flags(0.3), NONE, NONE)
        if level in grids
        else LevelNest((), (), (), flags(0.7), flags(0.2), NONE, NONE, flags(0.2), flags(0.1))
        for level in range(len(fan_outs))
    ]
    levels[-1] = replace(levels[-1], keep=EVERY, no_coalesce=NONE)
    one = chance.choice((1, count))  # an order of their own, or one for all
    return MappingBatch(tuple(levels), *factors, order[:one], across[: chance.choice((1, count))])


def test_batches_of_made_up_machines_cost_what_each_mapping_costs() -> None:
    chance, legal = random.Random(9), Counter[bool]()
    for _ in range(14):
        sizes = {each: chance.choice((1, 2, 2, 3, 4, 6)) for each in DIMENSIONS}
        given = problem(chance.choice((1, 1, 2)), chance.choice((1, 2, -1)), **sizes)
        machine = build_machine(MACHINE, given.data_space_names, ERT, None)
        if chance.random() < 0.5:  # whatever the tiles, what moves is compared
            levels = tuple(replace(level, capacity=None) for level in machine.levels)
            machine = replace(machine, levels=levels)
        shape = build_shape(given)
        batch = _batch(chance, machine, shape, 20)
        result = evaluate_batch(batch, machine, shape)
        for row in range(len(batch)):
            try:
                check_nest(batch.nest(row), machine, shape)
                single = evaluate_nest(batch.nest(row), machine, shape)
            except InputError:
                legal[False] += 1
                assert not result.legal[row]
                continue
            legal[True] += 1
            assert result.legal[row]
            assert result.cycles[row] == single.cycles
            assert result.energy[row] == near(single.energy, rel=1e-12)
            moved = data_movement(batch.nest(row), machine, shape)
            for (space, level), counts in result.traffic.items():
                traffic = moved[space][level]
                numbers = (traffic.size, traffic.reads, traffic.fills, traffic.updates)
                number = int(np.searchsorted(result.rows, row))
                assert tuple(int(each[number]) for each in counts) == numbers
    assert min(legal[True], legal[False]) > 15, legal


def test_children_share_what_lies_at_equal_places() -> None:
    chance = random.Random(2)
    for _ in range(200):
        loops = tuple(
            (tuple(chance.choice((-2, -1, 0, 0, 1, 2, 3)) for _ in range(3)), chance.randint(2, 4))
            for _ in range(chance.randint(1, 4))
        )
        places = Counter(
            tuple(sum(at * step[axis] for at, (step, _) in zip(index, loops, strict=True))
                  for axis in range(3))
            for index in product(*(range(count) for _, count in loops))
        )  # fmt: skip
        assert sharing(loops) == tuple(sorted(Counter(places.values()).items()))


def test_batches_of_sizes_that_no_code_holds_cost_what_each_mapping_costs() -> None:
    """Places on four axes of 14 bits, twice as far both ways, are more than 62 bits."""
    given = problem(C=2**14, M=2**14, R=2**14, S=2**14, P=4)
    machine = build_machine(MACHINE, given.data_space_names, ERT, None)
    levels = tuple(replace(level, capacity=None) for level in machine.levels)
    machine, shape = replace(machine, levels=levels), build_shape(given)
    batch = _batch(random.Random(4), machine, shape, 12)
    result = evaluate_batch(batch, machine, shape)
    assert sum(result.legal) > 3
    for row in np.flatnonzero(result.legal):
        assert result.energy[row] == near(evaluate_nest(batch.nest(row), machine, shape).energy)


def test_walking_through_loops_on_both_axes_moves_what_the_closed_form_says() -> None:
    chance, legal = random.Random(11), 0
    for _ in range(12):
        sizes = {each: chance.choice((1, 2, 2, 3, 4, 6)) for each in DIMENSIONS}
        given = problem(chance.choice((1, 1, 2)), chance.choice((1, 2, -1)), **sizes)
        machine = build_machine(MACHINE, given.data_space_names, ERT, None)
        levels = tuple(replace(level, capacity=None) for level in machine.levels)
        machine, shape = replace(machine, levels=levels), build_shape(given)
        batch = _batch(chance, machine, shape, 10)
        for nest in map(batch.nest, range(10)):
            with suppress(InputError):
                check_nest(nest, machine, shape)
                mapping = mapping_of(nest, machine, shape)
                assert build_nest(mapping, machine, shape) == nest
                found = imperfect_movement(mapping, nest, machine, shape)
                assert found.traffic == data_movement(nest, machine, shape)
                legal += 1
    assert legal > 60


@pytest.mark.parametrize(("gate", "leaking"), [(None, 2), ("inner", 2), ("outer", 4), ("dram", 8)])
def test_what_is_behind_a_gate_leaks_together(gate: str | None, leaking: int) -> None:
    """Two of eight inner buffers are used, both below one of two outer ones."""
    architecture = Architecture(
        (
            Level("dram", "storage"),
            Level("inter_outer_spatial", "spatial", "outer", mesh_x=2),
            Level("outer", "storage", instances_x=2),
            Level("inter_inner_spatial", "spatial", "inner", mesh_x=4, instances_x=2),
            Level("inner", "storage", instances_x=8, power_gated_at=gate),
            Level("mac", "compute", instances_x=8),
        )
    )
    names = ("Weights", "Inputs", "Outputs")
    keep = LevelMapping(keep=names)
    levels = {
        "dram": keep,
        "inter_outer_spatial": LevelMapping(bypass=names),
        "outer": replace(keep, temporal=(("C", 3),)),
        "inter_inner_spatial": LevelMapping(spatial_x=(("P", 2),), bypass=names),
        "inner": keep,
    }
    areas = ArtTable(dict.fromkeys(("dram", "outer", "inner", "mac"), 1e-12))
    result = evaluate(architecture, problem(C=3, P=2), Mapping(levels), ERT, areas)
    assert result.cycles == 3
    assert result.levels["inner"].leakage == near(leaking * 3 * 2e-14)
    assert result.levels["outer"].leakage == near(3 * 1e-13)
