"""What passes between routers, against words that walk one by one; curves against all orders."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from chip.stages import plain
from hypothesis import given, settings
from hypothesis import strategies as st

from red_timeloop.chip.budget import Site
from red_timeloop.chip.busiest import BusiestWire
from red_timeloop.chip.chips import load_chip
from red_timeloop.chip.placement import bands, loads, place, routes
from red_timeloop.chip.stage import Stage
from red_timeloop.layer import Conv

# 6 tiles of 2 crossbars, a router each, in 3 rows of 2.
CHIP = replace(load_chip("red"), tiles=6, tiles_per_router=1, mesh_columns=2, crossbars_per_tile=2)


def stage(channels: int, crossbars: int = 1, repeat: int = 1) -> Stage:
    layer = Conv(channels, 1, (1, 3), 1)
    return plain(layer=layer, crossbars=crossbars, repeat=repeat)


def _walk(stages: list[Stage], copies: list[int], order) -> dict[tuple, float]:
    """Return the bits over each wire: chip, row, column and direction. No word forks."""
    chain = [(s, n) for s, n in zip(stages, copies, strict=True) for _ in range(s.repeat)]
    begins = [0, *itertools.accumulate(s.crossbars * n for s, n in chain)]
    places = [
        [divmod(x // CHIP.crossbars_per_tile, CHIP.tiles) for x in range(*pair)]
        for pair in itertools.pairwise(begins)
    ]
    flows = [
        *zip([None, *places[:-1]], places, [s.input_bits for s, _ in chain], strict=True),
        (places[-1], None, chain[-1][0].output_bits),
    ]
    wires: dict[tuple, float] = {}

    def corner(mine: list, chip: int) -> tuple[int, int]:
        points = [order[tile] for where, tile in mine if where == chip]
        middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
        return tuple(
            end if 2 * x > end + 1e-9 else 0 for x, end in zip(middle, (2, 1), strict=True)
        )

    def go(chip: int, start: tuple, end: tuple, bits: float) -> None:
        row, column = start
        while (row, column) != end:
            if column != end[1]:
                step = (0, 1 if end[1] > column else -1)
            else:
                step = (1 if end[0] > row else -1, 0)
            wires[chip, row, column, step] = wires.get((chip, row, column, step), 0.0) + bits
            row, column = row + step[0], column + step[1]

    for source, target, bits in flows:
        for one, other in itertools.product(source or [None], target or [None]):
            share = bits / (len(source or [0]) * len(target or [0]))
            if one and other and one[0] == other[0]:
                go(one[0], order[one[1]], order[other[1]], share)
                continue
            if one:
                go(one[0], order[one[1]], corner(source, one[0]), share)
            if other:
                go(other[0], corner(target, other[0]), order[other[1]], share)
    return wires


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 2), st.integers(1, 5)), min_size=1, max_size=5
    ),
    st.integers(0, 4),
)
def test_words_that_walk_one_by_one_load_wires_alike(drawn: list, curve: int) -> None:
    stages = [stage(channels, repeat=repeat) for channels, repeat, _ in drawn]
    copies = [count for _, _, count in drawn]
    order = bands(3, 2)[curve % len(bands(3, 2))]
    found = routes(CHIP, stages, copies, order)
    walked = _walk(stages, copies, order)
    steps = {(0, 1): found.east, (0, -1): found.west, (1, 0): found.south, (-1, 0): found.north}
    for step, bits_of in steps.items():
        for place_, bits in np.ndenumerate(bits_of):
            assert bits == pytest.approx(walked.get((*place_, step), 0.0), rel=1e-6, abs=1e-6)
    assert found.bit_hops == pytest.approx(sum(walked.values()), rel=1e-9, abs=1e-6)


_SOME = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 2)), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(_SOME, st.data(), st.booleans())
def test_wires_that_were_the_busiest_are_looked_at_first(drawn: list, data, turned: bool) -> None:
    """With too little to exceed, the answer is what these wires carry; else the busiest of all."""
    chip = replace(CHIP, mesh_columns=3) if turned else CHIP
    stages = [stage(n, 1 + n % 3, repeat) for n, repeat in drawn]
    counts = st.lists(st.integers(1, 9), min_size=len(stages), max_size=len(stages))
    first, second = data.draw(counts), data.draw(counts)
    orders = bands(chip.mesh_rows, chip.mesh_columns)
    before, behind = (loads(chip, stages, copies, orders) for copies in (first, second))
    busiest = BusiestWire(chip, stages)
    assert busiest(first) == before.max(axis=(0, 2, 3, 4)).min()
    wires = (np.unravel_index(x.argmax(), x.shape) for x in np.moveaxis(before, 1, 0))
    carried = [
        behind[way, n, number, row, column] if number < behind.shape[2] else 0.0
        for n, (way, number, row, column) in enumerate(wires)
    ]
    most = behind.max(axis=(0, 2, 3, 4)).min()
    expected = min(carried) if min(carried) > most / 2 * (1 + 1e-9) else most
    assert busiest(second, most / 2) == pytest.approx(expected, rel=1e-9, abs=0)
    assert busiest(second, most) == most


@settings(max_examples=40, deadline=None)
@given(_SOME, st.data())
def test_ports_and_cuts_of_many_copies_are_those_of_tiles_and_chips(drawn: list, data) -> None:
    stages = [stage(n, 1 + n % 3, repeat) for n, repeat in drawn]
    counts = st.lists(st.integers(1, 9), min_size=len(stages), max_size=len(stages))
    many = data.draw(st.lists(counts, min_size=1, max_size=4))
    site = Site(replace(CHIP, crossbars_per_tile=8), tuple(stages))
    found = site.near_times(np.array(many))
    for copies, time in zip(many, found, strict=True):
        pairs = zip(stages, copies, strict=True)
        chain = [(s.words, s.crossbars * n) for s, n in pairs for _ in range(s.repeat)]
        begins = itertools.accumulate([0] + [size for _, size in chain[:-1]])
        tiles = [begin // 8 for begin in begins]
        small = [
            (tile, words) for tile, (words, size) in zip(tiles, chain, strict=True) if size < 8
        ]
        bits = [
            words * 8 / size if size >= 8 else sum(w for t, w in small if t == tile)
            for tile, (words, size) in zip(tiles, chain, strict=True)
        ]
        ports = [each / CHIP.port_bits_per_s for each in bits]
        assert site.port_times(copies) == pytest.approx(ports, rel=1e-12, abs=0)
        assert time == pytest.approx(max(site.cut_time(copies), *ports), rel=1e-12, abs=0)


def test_a_word_for_all_tiles_of_a_copy_passes_no_wire_twice() -> None:
    # One copy over all 6 tiles: each word forks on its way from the corner to the 5 others.
    found = routes(CHIP, [stage(4, crossbars=12)], [1], bands(3, 2)[0])
    words = stage(4).input_bits
    back = found.wires[:, 0].sum() - 5 * words  # its outputs go to the corner, without a fork
    assert back == pytest.approx(stage(4).output_bits * 9 / 6)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 2), (7, 6), (1, 5)])
def test_each_curve_passes_every_router_once(rows: int, columns: int) -> None:
    for order in bands(rows, columns):
        assert sorted(order) == list(itertools.product(range(rows), range(columns)))


def test_curves_are_near_the_best_of_all_orders() -> None:
    """All 720 orders of 6 routers, chains that fill 5 or 6 of them with 2 to 4 stages."""
    cases = [
        ([1, 4], [5, 5]),
        ([16, 1, 4], [2, 4, 6]),
        ([4, 4, 4], [4, 4, 4]),
        ([4, 16, 1, 4], [2, 2, 4, 2]),
        ([1, 4, 16, 4], [6, 2, 2, 2]),
    ]
    orders = [tuple(divmod(x, 2) for x in each) for each in itertools.permutations(range(6))]
    for channels, copies in cases:
        stages = [stage(each) for each in channels]
        every = loads(CHIP, stages, copies, orders)
        mine = place(CHIP, stages, copies).traffic
        assert mine.bit_hops <= 1.5 * every.sum(axis=(0, 2, 3, 4)).min()
        assert max(mine.busiest) <= 2.0 * every.max(axis=(0, 2, 3, 4)).min()
