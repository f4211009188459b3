"""The engine's formulas against counting, and on arrays against numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from close import near
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.engines.embedded.arithmetic import (
    access_energies,
    axis_widths,
    leakage,
    overlap,
    slowed,
    speed,
    tile_size,
    volume,
)
from red_timeloop.engines.embedded.machine import Machine, Storage, Tensor, build_machine
from red_timeloop.spec.types import Architecture, ErtTable, Level

SPACES = ("A", "B")
ACTIONS = {"read": 3.0, "write": 5.0, "update": 7.0, "leak": 0.25, "compute": 1.0}
steps = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=3
)  # 3 dimensions, 2 axes
extents = st.tuples(*[st.integers(1, 4)] * 3)
counts = st.tuples(*[st.integers(0, 40)] * 3)


def tensor(given_steps: list[tuple[int, int]]) -> Tensor:
    return Tensor("A", tuple(given_steps), read_write=False)


def corners(given_steps: list[tuple[int, int]], sizes: tuple[int, ...]) -> list[range]:
    """The box of all positions that the iterations touch, found by visiting them."""
    visited = [
        [sum(step[axis] * index for step, index in zip(given_steps, point, strict=True))
         for axis in range(2)]
        for point in product(*map(range, sizes))
    ]  # fmt: skip
    return [range(min(axis), max(axis) + 1) for axis in zip(*visited, strict=True)]


@given(steps, extents)
def test_box_is_the_one_around_all_that_is_touched(
    given_steps: list[tuple[int, int]], sizes: tuple[int, int, int]
) -> None:
    box = corners(given_steps, sizes)
    assert axis_widths(tensor(given_steps), sizes) == [len(axis) for axis in box]
    assert tile_size(tensor(given_steps), sizes) == len(list(product(*box)))


@given(steps, extents, st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
def test_overlap_is_what_two_boxes_share(
    given_steps: list[tuple[int, int]], sizes: tuple[int, int, int], moved: tuple[int, int]
) -> None:
    first = set(product(*corners(given_steps, sizes)))
    then = {(x + moved[0], y + moved[1]) for x, y in first}
    widths = axis_widths(tensor(given_steps), sizes)
    assert overlap(widths, moved) == len(first & then)
    columns = [np.array([width]) for width in widths]
    assert overlap(columns, [np.array([each]) for each in moved]).tolist() == [len(first & then)]


@given(steps, st.lists(extents, min_size=1, max_size=4))
def test_arrays_give_what_numbers_give(
    given_steps: list[tuple[int, int]], rows: list[tuple[int, int, int]]
) -> None:
    sizes = tile_size(tensor(given_steps), list(np.array(rows, dtype=np.int64).T))
    assert sizes.tolist() == [tile_size(tensor(given_steps), row) for row in rows]


def test_a_tensor_that_nothing_moves_has_a_word_for_every_mapping() -> None:
    assert tile_size(Tensor("A", ((0,), (0,)), False), list(np.full((2, 5), 3))).tolist() == [1] * 5


def test_numbers_are_exact_at_any_size() -> None:
    large = 10**30 + 7
    assert tile_size(Tensor("A", ((1, 0), (0, 2)), False), (large, 3)) == large * 5
    assert volume([large, large]) == large**2
    assert overlap([large, 3], [7, 1]) == (large - 7) * 2
    assert slowed(large, 1.0) == large


def storage(**changes: Any) -> Storage:
    return replace(machine().levels[0], **changes)


def machine(gate: str | None = None) -> Machine:
    levels = (
        Level("outer", "storage"),
        Level("middle", "storage", instances_x=2, instances_y=1),
        Level("inner", "storage", instances_x=8, instances_y=1, power_gated_at=gate),
        Level("mac", "compute", instances_x=8, instances_y=1),
    )
    ert = ErtTable({level.name: ACTIONS for level in levels})
    return build_machine(Architecture(levels), SPACES, ert, None)


@given(counts, st.integers(1, 8), st.sampled_from([1, 2, 4, 8]), st.integers(1, 5))
def test_energy_is_that_of_every_block_of_every_row(
    words: tuple[int, int, int], copies: int, clusters: int, block: int
) -> None:
    level = storage(clusters=clusters, block_size=block)
    rows = max(1.0, copies / clusters)  # instances that share an access
    prices = (level.read_energy, level.fill_energy, level.update_energy)
    assert prices == (3.0, 5.0, 7.0)
    each = sum(math.ceil(n / block) * price for n, price in zip(words, prices, strict=True))
    (energy,) = access_energies(level, [words], copies)
    assert energy == near(each * copies / rows)
    columns = tuple(np.array([n, 2 * n]) for n in words)
    (energies,) = access_energies(level, [columns], np.array([copies, copies]))  # type: ignore[list-item]
    doubled = tuple(2 * n for n in words)
    assert energies.tolist() == [energy, *access_energies(level, [doubled], copies)]  # type: ignore[list-item]


@given(
    st.tuples(counts, counts),
    st.integers(1, 30),
    *[st.none() | st.sampled_from([0, 0.5, 2.0, 3.0])] * 3,
)
def test_a_level_is_as_slow_as_its_narrowest_bandwidth(
    words: tuple[tuple[int, int, int], tuple[int, int, int]],
    cycles: int,
    read: float | None,
    write: float | None,
    shared: float | None,
) -> None:
    level = storage(
        read_bandwidth=read,
        write_bandwidth=write,
        shared_bandwidth=shared,
        bandwidth_scale=(1.0, 2.0),
    )
    moved = dict(enumerate(words))
    share = speed(level, moved, cycles)
    reads = words[0][0] + 2 * words[1][0]
    writes = sum(words[0][1:]) + 2 * sum(words[1][1:])
    needed = [float(cycles)]
    for available, asked in ((read, reads), (write, writes), (shared, reads + writes)):
        if available is not None and asked:
            needed.append(asked / available if available else math.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {index: tuple(np.array([n, n]) for n in each) for index, each in enumerate(words)}
        shares = speed(level, columns, np.array([cycles, cycles]))  # type: ignore[arg-type]
    if max(needed) == math.inf:
        assert share == 0
        assert np.all(shares == 0)
        return
    assert cycles / share == near(max(needed))
    assert np.broadcast_to(shares, 2).tolist() == [share, share]
    assert slowed(np.array([cycles, cycles]), shares).tolist() == [slowed(cycles, share)] * 2
    assert slowed(cycles, share) >= max(needed) - 1e-9


def test_a_gate_makes_all_instances_behind_it_leak() -> None:
    copies = [3, 1, 1]  # three of the eight inner ones, behind one of two middle ones
    assert leakage(machine(), 0, copies, 10) == 0.25 * 10 * 3
    assert leakage(machine("middle"), 0, copies, 10) == 0.25 * 10 * 4
    arrays = [np.array([3, 8]), np.array([1, 2]), np.array([1, 1])]
    found = leakage(machine("middle"), 0, arrays, np.array([10, 10]))
    assert found.tolist() == [0.25 * 10 * 4, 0.25 * 10 * 8]
