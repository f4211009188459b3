"""Allocations against every possible one, on chips small enough to try them all."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from chip.stages import plain
from hypothesis import given, settings
from hypothesis import strategies as st

from red_timeloop.chip.allocation import fastest, turns, within
from red_timeloop.chip.stage import Stage


def stage(steps: int, time: float, crossbars: int, repeat: int = 1) -> Stage:
    return plain(steps=steps, step_time=time, crossbars=crossbars, repeat=repeat)


_STAGES = st.lists(
    st.builds(
        stage,
        st.integers(1, 12),
        st.sampled_from([0.3, 1.0, 1.7]),
        st.integers(1, 4),
        st.integers(1, 2),
    ),
    min_size=1,
    max_size=3,
)


def _every(stages: list[Stage], crossbars: int):
    """Yield every allocation that fits."""
    for copies in itertools.product(*(range(1, s.steps + 1) for s in stages)):
        used = sum(s.repeat * s.crossbars * n for s, n in zip(stages, copies, strict=True))
        if used <= crossbars:
            yield used, copies


def _slowest(stages: list[Stage], copies) -> float:
    return max(math.ceil(s.steps / n) * s.step_time for s, n in zip(stages, copies, strict=True))


@settings(max_examples=40, deadline=None)
@given(_STAGES, st.integers(1, 24), st.sampled_from([0.0, 2.0]))
def test_the_allocation_is_the_best_of_all(
    stages: list[Stage], crossbars: int, least: float
) -> None:
    found = fastest(stages, within(stages, crossbars, least))
    every = [
        (max(least, _slowest(stages, copies)), used, copies)
        for used, copies in _every(stages, crossbars)
    ]
    if not every:
        assert found is None
        return
    assert found is not None
    period, used, _ = min(every)
    assert found.period == pytest.approx(period, rel=1e-9, abs=0)
    mine = sum(s.repeat * s.crossbars * n for s, n in zip(stages, found.copies, strict=True))
    assert mine == used  # and with no crossbar more than that takes
    assert _slowest(stages, found.copies) <= period * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(_STAGES, st.floats(0.5, 30.0), st.floats(0.1, 2.0))
def test_a_limit_that_tightens_with_copies_is_met_best(
    stages: list[Stage], watts: float, work: float
) -> None:
    def limit(copies) -> float:  # a watt for each crossbar, `work` J for each image
        left = watts - sum(s.repeat * s.crossbars * n for s, n in zip(stages, copies, strict=True))
        return work / left if left > 0 else math.inf

    found = fastest(stages, limit)
    every = [
        max(_slowest(stages, copies), limit(copies))
        for _, copies in _every(stages, math.ceil(watts))
    ]
    best = min(every, default=math.inf)
    assert (found.period if found else math.inf) == pytest.approx(best, rel=1e-9, abs=0)


@settings(max_examples=60, deadline=None)
@given(_STAGES, st.integers(3, 40), st.randoms(use_true_random=False), st.integers(1, 30))
def test_a_limit_of_places_is_met_best_of_all_periods(
    stages: list[Stage], crossbars: int, random, rough: int
) -> None:
    """Periods one by one, up to the best; of equals the last."""
    told: dict[tuple[int, ...], tuple[float, float]] = {}

    def tell(copies) -> tuple[float, float]:
        pair = random.randint(0, rough) / 2, random.randint(0, rough) / 2
        return told.setdefault(tuple(map(int, copies)), pair)

    found = fastest(
        stages,
        within(stages, crossbars),
        lambda many: np.array([tell(copies)[0] for copies in many]),
        lambda copies, most: max(tell(copies)) if max(tell(copies)) <= most else most * 2 + 1,
    )
    periods = sorted({s.step_time * m for s in stages for m in range(1, s.steps + 1)})
    least = max(s.step_time for s in stages) * (1 - 1e-9)
    best: tuple[float, tuple[int, ...]] | None = None
    for period in (each for each in periods if each >= least):
        copies = tuple(-(-s.steps // int(period / s.step_time * (1 + 1e-9))) for s in stages)
        if within(stages, crossbars)(copies) < math.inf:
            mine = max(_slowest(stages, copies), *tell(copies))
            best = (mine, copies) if best is None or mine <= best[0] else best
    assert (found and (found.period, found.copies)) == best


@settings(max_examples=40, deadline=None)
@given(_STAGES, st.integers(1, 10), st.sampled_from([1, 10]))
def test_turns_cost_least_of_all_partitions(
    stages: list[Stage], crossbars: int, batch: int
) -> None:
    chain = [stage(s.steps, s.step_time, s.crossbars) for s in stages]

    def cost(first: int, end: int, found, share: float) -> float:
        return math.ceil(1 / share) * (1.0 / batch + found.period)

    def price(first: int, end: int) -> float:
        run = chain[first:end]
        found = fastest(run, within(run, crossbars))
        if found is not None:
            return cost(first, end, found, 1.0)
        if len(run) > 1:
            return math.inf
        return math.ceil(run[0].crossbars / crossbars) * (1.0 / batch + run[0].time(1))

    path = turns(chain, crossbars, cost)
    ends = [*(turn.first for turn in path[1:]), len(chain)]
    mine = sum(cost(t.first, e, t.allocation, t.share) for t, e in zip(path, ends, strict=True))
    partitions = (
        (0, *places, len(chain))
        for count in range(len(chain))
        for places in itertools.combinations(range(1, len(chain)), count)
    )
    best = min(sum(itertools.starmap(price, itertools.pairwise(p))) for p in partitions)
    assert mine == pytest.approx(best, rel=1e-9, abs=0)
