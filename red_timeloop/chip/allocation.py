"""How many copies of its weights each layer gets, and in which turns layers are programmed.

The model: `copies` of a stage share its `steps`, so that an image takes it `ceil(steps / copies)`
steps; images come at the period of the slowest stage, or slower where a limit (links, power) says
so, which gets no shorter with more copies. For a period T a stage needs at least
`ceil(steps / floor(T / step_time))` copies. Whatever meets T has at least as many of each stage,
and what it takes of any budget grows with every stage's copies: if these smallest copies do not fit
or are limited to more than T, nothing else meets T. They do not grow with T, and change only at the
periods that a stage can have, `step_time * m` for the values m of `ceil(steps / copies)`. Bisection
finds the first of these that its smallest copies meet; the least period is that, or the limit of
the copies just before it, which are too many only for their own. Copies beyond the smallest are
left out: none would let an image come sooner than the slowest stage does, and they would leak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.stage import Stage

__all__ = ["Allocation", "Limit", "Turn", "fastest", "turns", "within"]

Copies = tuple[int, ...]
# The least period in s that is allowed with copies, one number a stage; infinite: they do not fit.
Limit = Callable[[Copies], float]

_SLACK = 1e-9  # a period is a product of floats


@dataclass(frozen=True)
class Allocation:
    """Copies of each stage's weights, and the period in s at which images come."""

    copies: Copies
    period: float


@dataclass(frozen=True)
class Turn:
    """Stages that are in the crossbars at the same time.

    Attributes:
        first: The first stage, as an index into the chain.
        allocation: Copies of the stages from there on.
        share: Share of the stage's weights that the crossbars hold, where a single stage does not
            fit and takes `1 / share` turns; else 1.
    """

    first: int
    allocation: Allocation
    share: float = 1.0


def fastest(
    stages: Sequence[Stage], limit: Limit, placed: Sequence[Limit] = ()
) -> Allocation | None:
    """Return the allocation of least period; None if not even one copy of each fits.

    Args:
        stages: The stages; one with `repeat` stands for several, which get the same copies.
        limit: The budget; must not fall when copies are added.
        placed: Further limits that depend on where the copies lie, and may fall; the quickest to
            find first. Where one binds, the result is the best among the smallest copies of every
            period.
    """
    chain = _Chain(stages)
    candidates = chain.candidates()
    if not len(candidates):
        idle = (1,) * len(stages)
        period = limit(idle)
        return Allocation(idle, period) if period < math.inf else None
    low, high = 0, len(candidates)  # every candidate from `high` on is met, none before `low`
    while low < high:
        middle = (low + high) // 2
        met = limit(chain.copies(candidates[middle])) <= candidates[middle]
        low, high = (low, middle) if met else (middle + 1, high)
    best: Allocation | None = None
    for candidate in candidates[max(0, low - 1) :]:
        if best is not None and candidate > best.period * (1 + _SLACK):
            break
        copies = chain.copies(candidate)
        period = max(chain.period(copies), limit(copies))
        for more in placed:
            if best is not None and period > best.period:
                break
            period = max(period, more(copies))
        if period < math.inf and (best is None or period <= best.period):
            best = Allocation(copies, period)
    return best


def turns(
    stages: Sequence[Stage],
    crossbars: int,
    cost: Callable[[int, int, Allocation, float], float],
) -> list[Turn]:
    """Return the turns, each a run of stages, in which `crossbars` hold the whole chain.

    A shortest path over the places where a turn may begin: what turns cost adds up, and the best
    way to reach a place does not depend on what follows, so that no other partition costs less.

    Args:
        stages: The chain, each stage of `repeat` 1.
        crossbars: Crossbars that there are.
        cost: The time in s of a turn, by its first stage, the one behind its last, its allocation
            and the share of its weights that fits.
    """
    best: list[tuple[float, list[Turn]]] = [(0.0, [])]
    for end in range(1, len(stages) + 1):
        options: list[tuple[float, list[Turn]]] = []
        for first in range(end - 1, -1, -1):
            run = stages[first:end]
            if sum(stage.crossbars for stage in run) > crossbars and len(run) > 1:
                break
            share = min(1.0, crossbars / max(1, run[0].crossbars)) if len(run) == 1 else 1.0
            found = fastest(run, within(run, crossbars)) if share == 1.0 else _split(run[0])
            assert found is not None  # one copy of each fits
            before, path = best[first]
            total = before + cost(first, end, found, share)
            options.append((total, [*path, Turn(first, found, share)]))
        best.append(min(options, key=lambda each: each[0]))
    return best[-1][1]


def within(stages: Sequence[Stage], crossbars: float, least: float = 0.0) -> Limit:
    """Return the limit of so many crossbars, where images come `least` s or more apart."""
    each = [stage.crossbars * stage.repeat for stage in stages]

    def limit(copies: Copies) -> float:
        used = sum(a * b for a, b in zip(copies, each, strict=True))
        return least if used <= crossbars else math.inf

    return limit


def _split(stage: Stage) -> Allocation:
    return Allocation((1,), stage.time(1))


class _Chain:
    """Steps and step times of stages as arrays."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.steps = np.array([stage.steps for stage in stages], dtype=np.int64)
        self.times = np.array([stage.step_time for stage in stages])

    def candidates(self) -> NDArray[np.float64]:
        """Return every period that a stage can have and that no other stage forbids, rising."""
        periods: list[NDArray[np.float64]] = []
        for steps, time in zip(self.steps.tolist(), self.times.tolist(), strict=True):
            if steps:
                root = np.arange(1, int(steps**0.5) + 2, dtype=np.int64)
                periods.append(np.concatenate((root, -(-steps // root))) * time)
        if not periods:
            return np.zeros(0)
        found = np.unique(np.concatenate(periods))
        least = self.times[self.steps > 0].max()  # no stage is faster than one step
        return np.asarray(found[(found >= least * (1 - _SLACK))], dtype=np.float64)

    def copies(self, period: float) -> Copies:
        """Return the fewest copies with which every stage meets `period`."""
        most = np.floor(period / self.times * (1 + _SLACK)).astype(np.int64)
        return tuple(np.maximum(1, -(-self.steps // np.maximum(1, most))).tolist())

    def period(self, copies: Copies) -> float:
        """Return the time of the slowest stage."""
        return float((-(-self.steps // np.array(copies)) * self.times).max())
