import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.designs.packing import divisors, pack
from red_timeloop.designs.tiling import Matrix, tile
from red_timeloop.hardware import Hardware


@given(st.integers(1, 3000))
def test_divisors_are_those_found_by_trial(number: int) -> None:
    assert list(divisors(number)) == [d for d in range(1, number + 1) if number % d == 0]


@given(st.integers(1, 300), st.integers(1, 6), st.integers(1, 6), st.integers(1, 130))
def test_packing_holds_the_matrix_and_no_block_needs_fewer_crossbars(
    channels: int, r: int, s: int, capacity: int
) -> None:
    packing = pack("C", channels, (("R", r), ("S", s)), capacity)
    assert packing.lines <= capacity
    for rank, size in (("C", packing.channels), ("R", r), ("S", s)):
        assert packing.inside[rank] * packing.tiles[rank] == size
    assert packing.channels >= channels
    # Every block shape there is, tried one by one.
    fewest = min(
        math.ceil(channels / c) * (r // a) * (s // b)
        for c, a, b in itertools.product(
            range(1, channels + 1),
            [a for a in range(1, r + 1) if r % a == 0],
            [b for b in range(1, s + 1) if s % b == 0],
        )
        if c * a * b <= capacity
    )
    assert packing.count == fewest
    assert packing.channels - channels < packing.tiles["C"]
    if channels * r * s <= capacity:
        assert packing.inside == {"C": channels, "R": r, "S": s}
        return
    # Of as many crossbars the least padding, then the fewest kernel pixels, the first of equals.
    pairs = itertools.product(*([d for d in range(1, n + 1) if n % d == 0] for n in (r, s)))
    _, _, _, a, b = min(
        (tiles * (r // a) * (s // b), -(-channels // tiles) * tiles, a * b, a, b)
        for a, b in pairs
        for tiles in range(1, channels + 1)
        if -(-channels // tiles) * a * b <= capacity
    )
    assert (packing.inside["R"], packing.inside["S"]) == (a, b)


@given(st.integers(1, 11), st.integers(1, 11), st.integers(1, 36))
def test_a_fold_leaves_the_fewest_sub_crossbars(r: int, s: int, fold: int) -> None:
    ranks = (("R", r), ("S", s))
    chosen = tile(Matrix(1, 8, 8, 8, 8, tap_ranks=ranks), Hardware.load().replace(fold=fold)).fold

    def left(along_r: int, along_s: int) -> int:
        return len(range(0, r, along_r)) * len(range(0, s, along_s))

    assert chosen["R"] * chosen["S"] == fold
    ways = [(a, fold // a) for a in range(1, fold + 1) if fold % a == 0]
    assert (chosen["R"], chosen["S"]) == min(ways, key=lambda way: (left(*way), way))
