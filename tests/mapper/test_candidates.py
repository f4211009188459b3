"""Candidates by hand: values of objectives, orders that keys sort to, mappings chunk by chunk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from close import near
from mapper.test_bound import space

from red_timeloop.mapper.candidates import (
    Candidates,
    Objective,
    evaluate_candidates,
    order_of,
    value_of,
)

C, M, R, P = range(4)


@pytest.mark.parametrize(
    ("objective", "value"),
    [("edp", 6e-6), ("pareto", 6e-6), ("energy", 2e-6), ("delay", 3 + 0.5 * 2 / 3)],
)
def test_values(objective: Objective, value: float) -> None:
    assert float(value_of(objective, np.array(2e-6), np.array(3))) == near(value)


@pytest.mark.parametrize(
    ("inside", "outside", "expected"),
    [
        ((), (), (P, C, R, M)),
        ((R, M), (), (R, M, P, C)),
        ((), (P, R), (C, M, P, R)),
        ((M,), (P, C), (M, R, P, C)),
        ((C, M, R), (P,), (C, M, R, P)),
        ((R, P, M, C), (), (R, P, M, C)),
        ((), (R, P, M, C), (R, P, M, C)),
    ],
)
def test_orders_that_keys_sort_to(
    inside: tuple[int, ...], outside: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    below_one = np.nextafter(1.0, 0.0)
    keys = np.array([0.5, below_one, 0.7, 0.0])  # of C, M, R and P
    chosen = replace(space(C=2), innermost=(inside, ()), outermost=(outside, ()))
    found = order_of(np.stack([np.stack([keys, keys])]), chosen)
    assert found.tolist() == [[list(expected), [P, C, R, M]]]


@pytest.mark.parametrize("prices", [False, True])
def test_chunks_cost_what_all_cost_at_once(prices: bool) -> None:
    chosen = space((2, 1), C=2, P=4)
    factors = chosen.options(P)
    table = np.ones((len(factors), factors.shape[1], 4), dtype=np.int64)
    table[:, :, P] = factors
    table[:, -1, C] = 2
    order = np.tile(np.arange(4), (len(table), len(chosen.machine.levels), 1))
    some = Candidates(chosen.keeps[0], table, order)
    own = np.asarray(chosen.machine.prices)[:, None] * np.arange(1, len(table) + 1)
    given = own if prices else None
    whole = evaluate_candidates(some, chosen, "edp", prices=given)
    pieces = evaluate_candidates(some, chosen, "edp", 3, given)
    assert len(whole.value) == len(table) > 3
    assert np.isfinite(whole.value).any()
    for name in ("value", "cycles", "energy"):
        assert getattr(pieces, name).tolist() == getattr(whole, name).tolist()
    half = replace(chosen, least_used=2.0)  # one of two instances is too few
    costs = evaluate_candidates(some, half, "edp")
    used = chosen.used(table).prod(axis=1)
    fits = np.isfinite(evaluate_candidates(some, chosen, "edp").value)
    assert np.isfinite(costs.value).tolist() == (fits & (used == 2)).tolist()
    assert 0 < (fits & (used == 2)).sum() < fits.sum()
    none = evaluate_candidates(some.take([]), chosen, "edp")
    assert (len(none.value), len(none.cycles), len(none.energy)) == (0, 0, 0)
