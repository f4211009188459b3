"""The macro `maximize_dims`: what fills a fan-out, by brute force and by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spec.test_public_spellings import MATRIX, NEAR

from red_timeloop.spec import maximize
from red_timeloop.spec.maximize import _greedy
from red_timeloop.spec.types import Specification

Read = Callable[..., Specification]
Message = Callable[..., str]


def factors(read: Read, spatial: str, problem: str = MATRIX) -> dict[str, int]:
    text = NEAR.replace("spatial: {meshX: 8}", f"spatial: {{meshX: 8}}, constraints: {spatial}")
    found = read(text, problem).constraints.levels["inter_pe_spatial"].spatial
    return {each.dimension: each.value for each in found.factors}


def test_maximize_dims_fills_the_fan_out(read: Read, message: Message) -> None:
    assert factors(read, "{spatial: {maximize_dims: [[C], [M]]}}") == {"C": 8, "M": 1}
    assert factors(read, "{spatial: {maximize_dims: [M, C]}}") == {"M": 8, "C": 1}
    given = "{spatial: {factors: [C=4], maximize_dims: [[M]]}}"
    assert factors(read, given) == {"C": 4, "M": 2}
    small = "{spatial: {maximize_dims: [M], maximize_dims_capacity: 4}}"
    assert factors(read, small) == {"M": 4}
    for block, expected in (
        ("{spatial: {maximize_dims: [[K]]}}", "no list of dimensions (legal: a list of dim"),
        ("{spatial: {factors: [C=4], maximize_dims: [[C]]}}", "C=4 is given beside it"),
        (
            "{spatial: {maximize_dims: [[C]], maximize_dims_capacity: 0}}",
            "got 0 (legal: 1 or more)",
        ),
    ):
        text = NEAR.replace("spatial: {meshX: 8}", f"spatial: {{meshX: 8}}, constraints: {block}")
        assert expected in message(text, MATRIX)
    odd = MATRIX.replace("M: 16", "M: 11")
    text = NEAR.replace(
        "spatial: {meshX: 8}",
        "spatial: {meshX: 8}, constraints: {spatial: {maximize_dims: [[M]]}}",
    )
    assert "M=6 would fill it best, which does not divide 11" in message(text, odd)


@given(
    st.lists(st.sampled_from([1, 2, 3, 4, 6, 8, 12]), min_size=1, max_size=3), st.integers(1, 40)
)
def test_greedy_shares_are_the_best_there_are(sizes: list[int], capacity: int) -> None:
    named = tuple((f"d{index}", size) for index, size in enumerate(sizes))
    shares, filled = _greedy(named, capacity, {})
    best = max(
        prod(each)
        for each in product(*([d for d in range(1, s + 1) if s % d == 0] for s in sizes))
        if prod(each) <= capacity
    )
    assert filled >= best
    if all(rest in (0, share) for _, rest, share in shares):
        assert prod(share for _, _, share in shares) <= capacity


def test_what_fills_a_fan_out_by_hand() -> None:
    """11 in 8 take two passes, of 6 and of 5; of 6 by 4 the dimension that is named first is cut
    first, by its smallest prime."""
    assert _greedy((("M", 11),), 8, {}) == ([("M", 5, 6)], 5.5)
    assert _greedy((("M", 11), ("C", 4)), 8, {}) == (
        [("C", 2, 2), ("M", 3, 4)],
        2 * (4 + 4 + 3) / 3,
    )
    assert _greedy((("M", 6),), 6, {}) == ([("M", 2, 2), ("M", 3, 3)], 6)
    assert _greedy((("M", 6),), 1, {}) == ([], 1)


def test_ways_to_fill_a_fan_out_have_an_end(
    read: Read, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 8 by 16 in 8: once twice and four times C, and both by 2, are known, M by 2 comes."""
    block = "spatial: {meshX: 8}, constraints: {spatial: {maximize_dims: [C, M]}}"
    text = NEAR.replace("spatial: {meshX: 8}", block)
    monkeypatch.setattr(maximize, "_MOST_STATES", 3)
    assert read(text, MATRIX).constraints.levels["inter_pe_spatial"].spatial.factor("C") == 8
    monkeypatch.setattr(maximize, "_MOST_STATES", 2)
    assert "too many ways to fill the capacity" in message(text, MATRIX)


def test_over_time_a_capacity_is_needed(read: Read, message: Message) -> None:
    given = "{target: near, type: temporal, maximize_dims: [[C]], maximize_dims_capacity: 4}"
    text = "constraints: {{targets: [{}]}}"
    found = read(NEAR, MATRIX, text.format(given)).constraints.levels["near"].temporal
    assert {each.dimension: each.value for each in found.factors} == {"C": 4}
    without = given.replace(", maximize_dims_capacity: 4", "")
    missing = "the key 'maximize_dims_capacity' is missing"
    assert missing in message(NEAR, MATRIX, text.format(without))
