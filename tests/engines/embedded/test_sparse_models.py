"""Density models, formats and operand states against counting."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, combinations, product
from math import comb
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from close import near
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.engines.embedded.movement import Traffic
from red_timeloop.engines.embedded.sparse import capacity, cost
from red_timeloop.engines.embedded.sparse.accesses import Accesses, Counts
from red_timeloop.engines.embedded.sparse.banded import Banded
from red_timeloop.engines.embedded.sparse.capacity import Fullest
from red_timeloop.engines.embedded.sparse.computes import Computes, Operand, count_computes
from red_timeloop.engines.embedded.sparse.density import (
    FixedStructured,
    Hypergeometric,
    density_model,
)
from red_timeloop.engines.embedded.sparse.formats import TileRank, rank_units
from red_timeloop.engines.embedded.sparse.machine import SparseStorage
from red_timeloop.errors import InputError
from red_timeloop.spec.sparsity import Density, MetadataStorage, Rank


@pytest.mark.parametrize(
    ("size", "nonzeros", "words"), [(7, 3, 4), (8, 5, 5), (6, 0, 2), (6, 6, 6)]
)
def test_hypergeometric_is_the_share_of_all_placements(
    size: int, nonzeros: int, words: int
) -> None:
    counts = [0] * (words + 1)
    for places in combinations(range(size), nonzeros):
        counts[sum(place < words for place in places)] += 1
    model = Hypergeometric(size, nonzeros)
    expected = [(k, float(Fraction(n, comb(size, nonzeros)))) for k, n in enumerate(counts) if n]
    assert list(model.probabilities((words,))) == expected
    assert model.probability((1, words), 0) == (counts[0] / comb(size, nonzeros))
    assert model.maximum((words,)) == max(k for k, _ in expected)


@given(st.integers(2, 3000), st.data())
def test_hypergeometric_is_exact_at_any_size(size: int, data: st.DataObject) -> None:
    nonzeros, words = data.draw(st.integers(0, size)), data.draw(st.integers(1, size))
    model = Hypergeometric(size, nonzeros)
    empty = Fraction(comb(size - nonzeros, words), comb(size, words))
    assert model.probability((words,), 0) == float(empty)
    found = dict(model.probabilities((words,)))
    assert sum(found.values()) == near(1)
    for occupancy in list(found)[:: max(1, len(found) // 3)]:
        ways = comb(nonzeros, occupancy) * comb(size - nonzeros, words - occupancy)
        assert found[occupancy] == float(Fraction(ways, comb(size, words)))
    part = data.draw(st.integers(1, words))
    given_ = Fraction(comb(words - min(nonzeros, words), part), comb(words, part))
    assert model.empty_given((part,), ((words,), words, min(nonzeros, words))) == float(given_)


def test_hypergeometric_quantile_is_rounded_away_from_the_half() -> None:
    """Above one half the first occupancy of that confidence or more, below the last of no more."""
    chance = random.Random(1)
    cases = [(8000, 4000, 2000, confidence) for confidence in (0.001, 0.3, 0.7, 0.999)]
    for _ in range(1000):
        size = chance.randint(2, 60)
        drawn = chance.randint(1, size), chance.randint(0, size)
        cases.append((size, drawn[1], drawn[0], chance.random()))
    for size, nonzeros, words, confidence in cases:  # the first ends are too rare for a float
        model = Hypergeometric(size, nonzeros)
        occupancies, chances = zip(*model.probabilities((words,)), strict=True)
        sums = dict(zip(occupancies, accumulate(chances), strict=True))
        if confidence < 0.5:
            expected = max((k for k, n in sums.items() if n <= confidence), default=occupancies[0])
        else:
            expected = min((k for k, n in sums.items() if n >= confidence), default=occupancies[-1])
        assert model.maximum((words,), confidence) == expected


@pytest.mark.parametrize(
    ("size", "nonzeros", "words", "confidence", "expected"),
    [
        (2, 1, 1, 0.5, 1),
        (4, 1, 1, 0.75, 1),
        (4, 3, 1, 0.25, 0),
        (4, 2, 2, 0.5, 1),
        (4, 2, 2, 0.0, 0),
    ],
)
def test_a_confidence_that_an_occupancy_just_has_is_rounded_on(
    size: int, nonzeros: int, words: int, confidence: float, expected: int
) -> None:
    """Boost takes what is equal but for a rounding error for more."""
    assert Hypergeometric(size, nonzeros).maximum((words,), confidence) == expected


@given(st.integers(1, 200), st.floats(0.01, 1))
def test_fixed_structured_holds_its_share_on_average(words: int, share: float) -> None:
    found = FixedStructured(share).probabilities((words,))
    assert sum(chance for _, chance in found) == near(1)
    assert sum(k * chance for k, chance in found) == near(words * share)
    assert max(k for k, _ in found) - min(k for k, _ in found) <= 1


@pytest.mark.parametrize(
    ("edge", "width", "tile"), [(12, 1, (2, 2)), (16, 2, (4, 2)), (12, 3, (3, 3))]
)
def test_banded_tiles_are_those_of_a_matrix(edge: int, width: int, tile: tuple[int, int]) -> None:
    rows, columns = np.indices((edge, edge))
    band = abs(rows - columns) <= width
    counts: dict[int, int] = {}
    for top, left in product(range(0, edge, tile[0]), range(0, edge, tile[1])):
        values = int(band[top : top + tile[0], left : left + tile[1]].sum())
        counts[values] = counts.get(values, 0) + 1
    tiles = (edge // tile[0]) * (edge // tile[1])
    model = Banded(edge, width)
    assert dict(model.probabilities(tile)) == {k: n / tiles for k, n in counts.items()}
    assert model.scalar == band.mean()
    assert model.maximum(tile) == max(counts)
    every = range(edge * edge + 1)
    assert [model.probability(tile, k) for k in every] == [counts.get(k, 0) / tiles for k in every]


def test_banded_tiles_at_a_confidence_and_their_parts_by_hand() -> None:
    """Of 36 tiles 6 hold four values, 10 one; what the next occupancy adds is taken away."""
    model = Banded(12, 1)
    found = [model.maximum((2, 2), each) for each in (1.0, 0.99, 26 / 36 + 1e-9, 0.7, 0.0)]
    assert found == [4, 1, 1, 0, 0]
    assert model.minimum((2, 2), 4) == 0
    # Timeloop counts the parts that are empty
    parts = [(0, (4, 4), 2), (0, (6, 6), 6), (1, (4, 4), 0), (1, (6, 6), 2)]
    assert [Banded(12, width).most_parts(tile, (2, 2)) for width, tile, _ in parts] == [
        empty for *_, empty in parts
    ]


def test_a_banded_tensor_must_be_a_square_matrix() -> None:
    with pytest.raises(InputError, match="a banded tensor of 4 x 6 values"):
        density_model(Density("banded", band_width=1), (4, 6))


@pytest.mark.parametrize("name", ["UOP", "CP", "B", "RLE"])
def test_one_rank_over_scalars_counts_its_coordinates(name: str) -> None:
    """A fiber of 8 places with 3 values; the payload of the innermost rank is the data."""
    ranks = (TileRank(((0, 8),), (8,), (1,), 8),)
    model = Hypergeometric(32, 12)
    units = rank_units((Rank(name),), ranks, ((8,), 8, 3), model)
    assert units == [{"UOP": (0, 0), "CP": (3, 0), "B": (8, 0), "RLE": (3, 0)}[name]]


def test_two_ranks_over_a_matrix_are_those_of_all_placements() -> None:
    """Rows as offsets, columns as coordinates: 3 of 3 x 4 places, averaged over all placements."""
    ranks = (TileRank(((1, 4),), (4,), (1,), 4), TileRank(((0, 3),), (12,), (4,), 3))
    inner, outer = rank_units(
        (Rank("RLE"), Rank("UOP")), ranks, ((12,), 12, 3), Hypergeometric(12, 3)
    )
    rows = [len({place // 4 for place in places}) for places in combinations(range(12), 3)]
    assert outer == (0, 4)  # one fiber of three rows has four offsets
    assert 3 * (1 - comb(8, 3) / comb(12, 3)) == near(sum(rows) / len(rows))
    # Timeloop multiplies the expected fibers by the expected coordinates of any fiber
    assert inner[0] == near(4 * 0.25 * 3 * (1 - comb(8, 3) / comb(12, 3)))


def test_operand_states_are_those_of_independent_values() -> None:
    """Densities 1/2 and 1/4, the first with metadata: of 1000 computes 500 lack the first."""
    operands = [Operand(0.5, True, None), Operand(0.25, False, None)]
    both, zero = 125, 375
    assert count_computes(1000.0, operands, ()) == Computes(1000)
    assert count_computes(1000.0, operands, ("gating",)) == Computes(both, 1000 - both)
    assert count_computes(1000.0, operands, ("gating", "skipping")) == Computes(both, zero, 500)
    saved = [Operand(0.5, True, None), Operand(0.25, False, 0.5)]
    assert count_computes(1000.0, saved, ("gating",)) == Computes(125, 375)


def test_two_operands_are_needed_and_their_savings_must_fit() -> None:
    with pytest.raises(InputError, match=r"3 tensors are read \(legal: 2\)"):
        count_computes(1.0, [Operand(0.5, True, None)] * 3, ())
    with pytest.raises(InputError, match=r"an operand of density 0.5 is condition of a saving"):
        count_computes(8.0, [Operand(0.5, True, None), Operand(1.0, False, 0.75)], ())


def test_counts_keep_what_they_split() -> None:
    counts = Counts(10, format_actual=((7, 0), (3, 5)), format_gated=((0, 0),) * 2)
    saved = counts.saved("gated", 0.35, 1)
    assert (saved.actual, saved.gated) == (7, 3)
    assert (saved.format_actual, saved.format_gated) == (((5, 0), (3, 5)), ((2, 0), (0, 0)))
    assert counts.saved("skipped", 0.35, 0, up=True).skipped == 4
    assert counts.less(0.35, (1,)).format_actual == ((7, 0), (2, 4))


def test_blocks_that_are_partly_full_count_until_they_are_one_in_a_hundred() -> None:
    """Rounding up to blocks wastes half a block less half a word on average.

    From `50 (1 - 1 / words) / density` blocks on that is less than 1 % of what is stored. In four
    places Timeloop's table says a block more or less.
    """
    odd = {(2, 1): 251, (2, 5): 51, (16, 9): 52, (32, 9): 52}
    for words, table in cost._BLOCKS.items():
        for tenths, blocks in enumerate(table[:9], 1):
            limit = math.ceil(Fraction(500 * (words - 1), words * tenths))
            assert blocks == odd.get((words, tenths), limit), (words, tenths)


def test_what_was_not_counted_is_nothing() -> None:
    """Of a level that bypasses, of a data space without zeros left out."""
    none = Counts()
    found = Traffic(), none, Computes(0), Accesses(none, none, none)
    assert [any(vars(each).values()) for each in found[:3]] == [False] * 3
    assert (found[3].temporal_reductions, found[3].decompressions, found[3].compressions) == (
        0,
    ) * 3
    assert Fullest() == Fullest(0, (), 0, 1.0)


@pytest.mark.parametrize(
    ("edge", "width", "tile"),
    [(12, 1, (2, 2)), (16, 2, (4, 2)), (12, 3, (3, 3)), (12, 1, (4, 2)), (12, 5, (2, 6))],
)
def test_a_banded_tile_is_represented_by_the_first_that_holds_as_much(
    edge: int, width: int, tile: tuple[int, int]
) -> None:
    rows, columns = np.indices((edge, edge))
    band = abs(rows - columns) <= width
    model = Banded(edge, width)
    first: dict[int, tuple[int, int]] = {}
    for top, left in product(range(0, edge, tile[0]), range(0, edge, tile[1])):
        first.setdefault(int(band[top : top + tile[0], left : left + tile[1]].sum()), (top, left))
    assert len(first) > 1
    for occupancy, corner in first.items():
        assert model._representative(tile, occupancy) == corner
    missing = next(each for each in range(99) if each not in first)
    with pytest.raises(InputError, match=f"rows holds {missing} values"):
        model._representative(tile, missing)


@pytest.mark.parametrize(
    ("room", "words", "bits", "confidence"),
    [
        ((37, 99), 37, 30, 48 / 128),  # 7 halvings; of 49 / 128 the words are 38
        ((99, 37), 46, 37, 59 / 128),  # 80 bits at 1: of 60 / 128 they are 38
        ((100, 80), 99, 80, 127 / 128),
        ((0, 80), 0, 0, 0.0),
        ((100, 0), 0, 0, 0.0),
    ],
)
def test_overbooked_tiles_are_as_full_as_fits(
    room: tuple[int, int], words: int, bits: int, confidence: float
) -> None:
    """Of up to 100 words, ten and twenty units of metadata of two and three bits."""

    def largest(sure: float) -> tuple[int, list[tuple[float, float]]]:
        return math.floor(100 * sure), [(10 * sure, 20 * sure)]

    tile: Any = SimpleNamespace(compressed=True, formats=("CP",), largest=largest)
    sparse: Any = SimpleNamespace(word_widths=lambda rank: (2, 3))
    found = capacity._overbooked(tile, sparse, room)
    assert (found.words, found.bits, found.confidence) == (words, bits, confidence)
    assert found.units == ((math.ceil(10 * confidence), math.ceil(20 * confidence)),)
    tile.compressed = False
    assert capacity._overbooked(tile, sparse, room).confidence == 0.0


def test_most_and_least_of_a_tile_by_hand() -> None:
    """Of ten places 2.5 hold values, half of the tiles 2 and half 3."""
    even = FixedStructured(0.25)
    found = [even.maximum((10,), confidence) for confidence in (0.0, 0.5, 0.51, 1.0)]
    assert found == [2, 2, 3, 3]
    assert [even.maximum((8,), confidence) for confidence in (0.0, 1.0)] == [2, 2]
    assert even.maximum((10,)) == 3
    assert [even.minimum((10,), words) for words in (10, 5, 4)] == [2, 1, 0]
    assert [even.probability((10,), k) for k in (1, 2, 3, 4)] == [0.0, 0.5, 0.5, 0.0]
    drawn = Hypergeometric(8, 3)
    assert [drawn.minimum((8,), words) for words in (8, 4)] == [3, 1]
    assert (drawn.minimum((7,), 7), Hypergeometric(8, 0).minimum((8,), 8)) == (0, 0)
    assert [model.most_parts((8,), (2,)) for model in (even, drawn, Hypergeometric(8, 6))] == [
        2,
        3,
        4,
    ]
    with pytest.raises(InputError, match="in a tile of 8 words with parts of 3"):
        drawn.most_parts((8,), (3,))


def test_widths_of_metadata_are_raised_to_divide_a_row() -> None:
    """Of rows of 12 bits, 5 are raised to 6 and 7 to 12, the next that divides them."""

    def width(bits: int | None, word_bits: int = 4) -> tuple[int, int]:
        storage = MetadataStorage(12, 1, word_bits, decompression=False, compression=False)
        level: Any = SimpleNamespace(metadata=storage, name="near")
        level._fitted = lambda given: SparseStorage._fitted(level, given)
        return SparseStorage.word_widths(level, Rank("CP", (), bits, bits))

    assert [width(bits)[0] for bits in (0, 1, 3, 4, 5, 6, 7, 12, None)] == [
        *(0, 1, 3, 4, 6, 6, 12, 12, 4),
    ]
    with pytest.raises(InputError, match=r"near.metadata_storage_width: 26 bits of metadata in ro"):
        width(13)


def test_bitmasks_have_a_bit_for_each_place() -> None:
    level: Any = SimpleNamespace(_fitted=lambda given: given)
    assert SparseStorage.word_widths(level, Rank("B")) == (1, None)
    assert SparseStorage.word_widths(level, Rank("B", (), 3, 2)) == (3, 2)
    assert SparseStorage.word_widths(level, Rank("CP")) == (None, None)


def test_blocks_of_a_size_without_statistics_are_refused() -> None:
    tile: Any = SimpleNamespace(density=0.5, compressed=True, shape=12)
    storage: Any = SimpleNamespace(block_size=3, name="near")
    with pytest.raises(
        InputError, match=r"near: a compressed tile in blocks of 3 words .legal: 2,"
    ):
        cost._partly_full(storage, tile)
    for spared in ({"compressed": False}, {"density": 1.0}):
        full: Any = SimpleNamespace(**{**vars(tile), **spared})
        assert cost._partly_full(storage, full) == 1.0
    assert cost._partly_full(SimpleNamespace(block_size=1, name="near"), tile) == 1.0  # type: ignore[arg-type]


def test_parts_of_a_band_must_divide_it() -> None:
    with pytest.raises(InputError, match="tiles of 5 x 2 in a banded matrix of 12 rows"):
        Banded(12, 1).empty_given((5, 2), ((12, 12), 144, 34))


@pytest.mark.parametrize(("width", "accesses"), [(0, 0), (8, 4)])
def test_metadata_is_accessed_in_rows_where_there_are_any(width: int, accesses: int) -> None:
    """Five units of 5 bits and one of 6 are 31 bits: four rows of 8."""
    metadata = MetadataStorage(width, 1, 6, decompression=False, compression=False)
    sparse: Any = SimpleNamespace(metadata=metadata, word_widths=lambda _: (5, 6))
    tile: Any = SimpleNamespace(formats=["rank"], compressed=False, density=1.0)
    storage: Any = SimpleNamespace(block_size=1)
    none = Counts(0, 0, 0, ((0, 0),), ((0, 0),), ((0, 0),))
    read = replace(none, actual=3, format_actual=((5, 1),))
    found = cost.count_actions(storage, sparse, tile, Accesses(read, none, none))
    assert found.numbers["actual_metadata_read"] == accesses
    assert found.bits["actual_metadata_read"] == 31
