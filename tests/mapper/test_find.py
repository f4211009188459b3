"""Which search gets how much of the budget, and that a seed gives the guided search it gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, prod
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from close import near
from mapper.test_bound import across_alone, space

from red_timeloop.engines.embedded.sparse.evaluation import SparseProblem
from red_timeloop.mapper import find as finding
from red_timeloop.mapper.descent import Task, guide
from red_timeloop.mapper.exact.context import codes_of
from red_timeloop.mapper.exact.frame import build_frame
from red_timeloop.mapper.exact.part import TooLargeError
from red_timeloop.mapper.exact.search import prove
from red_timeloop.mapper.scatter import Scatter

CHOSEN = space((4, 1), C=2, M=3, P=4)
DEALS = prod(CHOSEN.count_options(dimension) for dimension in range(4))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the searches are asked for; the guided one finds nothing and spends 7."""
    found: list[tuple[Any, ...]] = []

    def guided(tasks: Sequence[Task], stop: Any, rivals: Any) -> list[int]:
        assert not rivals
        found.extend(("guided", each.objective, each.evaluations, each.seed) for each in tasks)
        return [7] * len(tasks)

    def exact(space: Any, goal: Any, **options: Any) -> Any:
        found.append(("exact", options["evaluations"]))
        options["progress"](5, 1.0)
        return prove(space, goal)

    monkeypatch.setattr(finding, "guide", guided)
    monkeypatch.setattr(finding, "prove", exact)
    monkeypatch.setattr(finding, "_MEDIUM", 2)
    finding.forget()
    return found


@pytest.mark.parametrize(
    ("small", "budget", "proof", "expected"),
    [
        (DEALS, 99, True, [("exact", inf)]),  # few ways: none is guessed first
        (DEALS - 1, DEALS // 2, True, [("guided", DEALS // 6), ("exact", inf)]),
        (DEALS - 1, DEALS // 2 - 1, True, [("guided", DEALS // 2 - 1), ("exact", inf)]),
        (DEALS - 1, DEALS // 2, False, [("guided", DEALS // 6), ("exact", 10 * (DEALS // 2))]),
        (DEALS - 1, DEALS // 2 - 1, False, [("guided", DEALS // 2 - 1)]),  # many, and no proof
    ],
)
def test_the_budget_is_shared_by_how_many_ways_there_are(
    small: int,
    budget: int,
    proof: bool,
    expected: list[tuple[Any, ...]],
    asked: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finding, "_SMALL", small)
    told: list[int] = []
    found = finding.find(
        CHOSEN, "energy", budget, 3, proof=proof, progress=lambda done, best: told.append(done)
    )
    wanted = [
        ("guided", "energy", each[1], 3) if each[0] == "guided" else each for each in expected
    ]
    assert asked == wanted
    guessed = 7 * (expected[0][0] == "guided")
    exact = expected[-1][0] == "exact"
    assert told == ([guessed + 5] if exact else [])
    assert found.space == DEALS
    assert found.optimal == exact
    assert (found.evaluated > guessed) == exact


def test_a_front_is_searched_for_from_each_end(
    asked: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_SMALL", DEALS - 1)
    found = finding.find(CHOSEN, "pareto", 9 * DEALS, 3)
    ends = [("guided", name, DEALS, 3 + n) for n, name in enumerate(("edp", "energy", "delay"))]
    assert asked[:3] == ends
    assert found.evaluated > 21
    assert [cycles for _, cycles, _ in found.front] == sorted(
        {cycles for _, cycles, _ in found.front}, reverse=True
    )


@pytest.mark.parametrize(
    ("keep", "sizes", "recorded", "best"),
    [
        (None, {"C": 96, "M": 100, "R": 7, "P": 84}, (10, 2634, 15120, 66, 2634), 49.2339456),
        (("Inputs", "Outputs"), {"C": 72, "M": 90, "R": 5, "P": 140},
         (19, 4080, 41577, 80, 4080), 45.5347494),
    ],
)  # fmt: skip
def test_a_seed_gives_the_turns_it_gave(
    keep: tuple[str, ...] | None, sizes: dict[str, int], recorded: tuple[int, ...], best: float
) -> None:
    """Recorded once: what makes a random search a little worse is noticed nowhere else.

    Turns, mappings tried, those of all reports added up, batches and mappings learnt of.
    """
    told: list[tuple[int, float]] = []
    learnt: list[int] = []
    task = Task(
        space((4, 3), keep=keep, size=50, **sizes),
        "edp",
        6000,
        5,
        lambda candidates, costs: learnt.append(len(costs.value)),
        lambda *each: told.append(each),
    )
    (spent,) = guide([task])
    totals = len(told), spent, sum(done for done, _ in told), len(learnt), sum(learnt)
    assert totals == recorded
    assert told[-1][1] == near(best)


def test_a_space_without_a_mapping_is_left_at_once() -> None:
    """16 can only be spread over 4 by 4 instances, which no single loop does."""
    learnt: list[int] = []
    task = Task(across_alone(), "edp", 99, 0, lambda own, _: learnt.append(len(own)))
    assert guide([task]) == [0]
    assert learnt == []


@pytest.mark.parametrize(
    ("small", "budget", "expected"),
    [
        (DEALS, 99, [("exhaust", 99)]),
        (DEALS - 1, DEALS // 2, [("guided", DEALS // 6), ("exhaust", DEALS // 2 - 7)]),
        (DEALS - 1, DEALS // 2 - 1, [("guided", DEALS // 2 - 1)]),  # too many to go through
    ],
)
def test_sparse_tensors_are_gone_through_with_what_is_left_of_the_budget(
    small: int,
    budget: int,
    expected: list[tuple[str, int]],
    asked: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def whole(space: Any, goal: Any, bound: Any, rest: int, **_: Any) -> Any:
        asked.append(("exhaust", rest))
        return SimpleNamespace(evaluated=5, complete=True, pruned={"bound": 2})

    monkeypatch.setattr(finding, "exhaust", whole)
    monkeypatch.setattr(finding, "_SMALL", small)
    sparse: Any = SparseProblem(
        cast(Any, None), CHOSEN.shape, CHOSEN.machine, (), True, {"actual": 2.0}, ()
    )
    monkeypatch.setattr(SparseProblem, "least_computes", 6)
    found = finding.find(replace(CHOSEN, sparse=sparse), "energy", budget, 3)
    assert [(each[0], each[1] if each[0] == "exhaust" else each[2]) for each in asked] == expected
    gone = expected[-1][0] == "exhaust"
    assert found.evaluated == 7 * (expected[0][0] == "guided") + 5 * gone
    assert (found.optimal, found.pruned) == (gone, {"bound": 2} if gone else {})
    assert found.bound == (inf if gone else near(12e-12))
    assert (found.left, found.claims) == ((), None)


def test_where_nothing_can_move_all_mappings_are_the_first() -> None:
    scatter = Scatter(space())
    factors, keys = scatter.some(np.random.default_rng(0), 5)
    assert (len(factors), len(keys)) == (6, 6)
    assert (factors == 1).all()
    learnt: list[int] = []
    task = Task(space(), "edp", 99, 0, lambda own, _: learnt.append(len(own)))
    assert guide([task])[0] == sum(learnt) > 0


def test_places_that_no_code_holds_leave_a_part_open() -> None:
    large = space(C=2**40, P=2**40)
    with pytest.raises(TooLargeError):
        codes_of(build_frame(large))
