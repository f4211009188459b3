"""Which mappings are next to others, against what can be gone through by hand."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mapper.test_bound import space

from red_timeloop.engines.embedded.arithmetic import Integers
from red_timeloop.mapper import neighbours
from red_timeloop.mapper.candidates import order_of
from red_timeloop.mapper.neighbours import Neighbours, Next
from red_timeloop.mapper.scatter import Scatter

CHOSEN = space((4, 3), size=50, C=6, M=8, R=3, P=4)


def some(count: int, given: Any = CHOSEN) -> tuple[Neighbours, Integers, Integers]:
    """Return the neighbours of a space, and some mappings in it."""
    rng = np.random.default_rng(3)
    scatter = Scatter(given)
    factors, keys = scatter.some(rng, 400)
    rows = np.unique(factors, axis=0, return_index=True)[1][:count]
    return Neighbours(given, scatter, rng), factors[rows], order_of(keys[rows], given)


def of_each(found: Next) -> dict[tuple[int, int], set[tuple[int, ...]]]:
    """Return the factors that each move makes of each mapping."""
    rows: dict[tuple[int, int], set[tuple[int, ...]]] = {}
    for row, owner, move in zip(found.factors, found.owner, found.move, strict=True):
        rows.setdefault((int(owner), int(move)), set()).add(tuple(row.ravel().tolist()))
    return rows


def test_two_places_are_dealt_anew_in_every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held against all factors of the first place that divide what both hold."""
    monkeypatch.setattr(neighbours, "_WAYS", 10**6)
    own, factors, order = some(5)
    moves = [move for move in own.moves if len(move) == 2]
    found = own.of(factors, order, moves)
    rows = of_each(found)
    assert len(found.factors) == sum(map(len, rows.values())) > 100
    assert (found.orders[found.which] == order[found.owner]).all()
    for owner, (number, (one, other)) in product(range(len(factors)), enumerate(moves)):
        both = factors[owner, one] * factors[owner, other]
        wanted = set()
        for held in product(*(range(1, each + 1) for each in both.tolist())):
            dealt = factors[owner].copy()
            dealt[one], dealt[other] = held, both // held
            limits = [
                limits.least <= factor <= limits.most
                for place in (one, other)
                for limits, factor in zip(CHOSEN.limits[place], dealt[place], strict=True)
            ]
            if all(limits) and (both % held == 0).all():
                wanted.add(tuple(dealt.ravel().tolist()))
        assert rows.get((owner, number), set()) == wanted - {tuple(factors[owner].ravel().tolist())}


def test_of_many_ways_a_few_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of all ways, the same each time: what was dealt before is remembered."""
    own, factors, order = some(5)
    moves = [move for move in own.moves if len(move) == 2]
    monkeypatch.setattr(neighbours, "_WAYS", 10**6)
    every = of_each(own.of(factors, order, moves))
    monkeypatch.setattr(neighbours, "_WAYS", 3)
    own = some(5)[0]
    found = own.of(factors, order, moves)
    rows = of_each(found)
    most = max(map(len, every.values()))
    assert most > 3
    assert all(len(own) <= 3 and own <= every[key] for key, own in rows.items())
    assert len(set.union(*rows.values())) > 30
    again = own.of(factors, order, moves)
    assert all((x == y).all() for x, y in zip(found, again, strict=True))


def test_loops_of_a_level_take_other_orders() -> None:
    own, factors, order = some(5)
    moves = [move for move in own.moves if len(move) == 1]
    found = own.of(factors, order, moves)
    assert len(found.factors) > 5
    assert (found.factors == factors[found.owner]).all()
    turned = found.orders[found.which]
    assert (np.sort(turned, axis=2) == np.arange(turned.shape[2])).all()
    for loops, owner, move in zip(turned, found.owner, found.move, strict=True):
        (level,) = moves[move]
        changed = (loops != order[owner]).any(axis=1)
        assert changed.tolist() == [n == level for n in range(len(changed))]


def test_moves_that_touch_other_places_are_made_together() -> None:
    """The first of all is; a level's order touches its place over time."""
    own, factors, order = some(4)
    temporal = {place.level: n for n, place in enumerate(CHOSEN.places) if place.kind == "temporal"}
    level, place = next(iter(temporal.items()))
    others = [n for n in range(len(CHOSEN.places)) if n != place]
    moves = [(others[0], others[1]), (others[1], place), (level,), (place, others[2])]
    made = own.joined(moves, factors, order)
    assert made is not None
    dealt, turned = factors[0].copy(), order[0].copy()
    turned[level] = order[2, level]
    assert (made[0] == dealt).all()
    assert (made[1] == turned).all()
    made = own.joined([moves[0], moves[3]], factors[:2], order[:2])
    assert made is not None
    dealt[[place, others[2]]] = factors[1, [place, others[2]]]
    assert (made[0] == dealt).all()
    assert (made[1] == order[0]).all()
    for alone in (moves[:2], moves[2:], moves[:1], []):
        assert own.joined(alone, factors[: len(alone)], order[: len(alone)]) is None


@pytest.mark.parametrize(
    ("active", "pinned", "count"),
    [(1, (), 0), (2, (), 1), (3, (), 5), (4, (), 23), (5, (), 16), (6, (), 25), (3, (1,), 0)],
)
def test_orders_of_many_loops_move_one_of_them(
    active: int, pinned: tuple[int, ...], count: int
) -> None:
    """Of four loops all other orders; of more those that lack one loop as before: (n - 1)^2."""
    size = 7
    given = tuple(reversed(range(size)))
    factors = np.array([2 if each < active else 1 for each in range(size)])
    own: Any = SimpleNamespace(
        _turned={}, _space=SimpleNamespace(innermost=[()], outermost=[pinned])
    )
    found = Neighbours._orders(own, factors, np.array(given), 0)
    before, rows = given[size - active :], {tuple(each) for each in found.tolist()}
    assert len(rows) == len(found) == count
    for each in rows:
        assert each != before
        assert each[active:] == given[: size - active]
        assert sorted(each[:active]) == sorted(before)
        assert active < 5 or any(
            [x for x in each[:active] if x != moved] == [x for x in before if x != moved]
            for moved in before
        )
