"""How many copies of its weights each layer gets, and in which turns layers are programmed.

The model: `copies` of a stage share its `steps`, so that an image takes it `ceil(steps / copies)`
steps; the slowest stage is the period of the pipeline. For a period T a stage needs at least
`ceil(steps / floor(T / step_time))` copies. Whatever meets T has at least as many of each stage,
and every budget (crossbars, area, power) grows with every stage's copies; so T can be met if and
only if these smallest copies fit. They do not grow with T, so bisection over the periods that a
stage can have, `step_time * m` for the values m of `ceil(steps / copies)`, finds the least T. What
is left over stays free: another copy would make no image come sooner than the slowest stage lets
it, and would leak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.stage import Stage

__all__ = ["Allocation", "Turn", "fastest", "fewest", "neighbours", "turns"]

Copies = tuple[int, ...]
# Whether copies, one number a stage, are within the budget when an image comes each `period` s.
Fits = Callable[[Copies, float], bool]

_SLACK = 1e-9  # a period is a product of floats


@dataclass(frozen=True)
class Allocation:
    """Copies of each stage's weights, and the period in s that they allow."""

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


def fastest(stages: Sequence[Stage], fits: Fits) -> Allocation | None:
    """Return the allocation of least period that fits; None if not even one copy of each does.

    Args:
        stages: The stages; one with `repeat` stands for several, which get the same copies.
        fits: The budget; what does not fit must not fit with more copies or a shorter period.
    """
    return neighbours(stages, fits)[0]


def fewest(stages: Sequence[Stage], period: float) -> Copies:
    """Return the fewest copies with which every stage meets `period`."""
    return _Chain(stages).copies(period)


def neighbours(stages: Sequence[Stage], fits: Fits) -> tuple[Allocation | None, Allocation | None]:
    """Return `fastest`'s allocation, and the slowest of those that are too fast to fit.

    Between their periods copies do not change: a budget that depends on the period, as of power,
    may be met there by the copies of the second, slowed down.
    """
    chain = _Chain(stages)
    candidates = chain.candidates()
    if not len(candidates):
        idle = Allocation((1,) * len(stages), 0.0)
        return (idle, None) if fits(idle.copies, 0.0) else (None, idle)
    best = beyond = None
    low, high = 0, len(candidates)  # every candidate from `high` on fits, none before `low` does
    while low < high:
        middle = (low + high) // 2
        period = float(candidates[middle])
        copies = chain.copies(period)
        found = Allocation(copies, chain.period(copies))
        if fits(copies, period):
            best, high = found, middle
        else:
            beyond, low = found, middle + 1
    return best, beyond


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
            found = fastest(run, _within(run, crossbars)) if share == 1.0 else _split(run[0])
            assert found is not None  # one copy of each fits
            before, path = best[first]
            total = before + cost(first, end, found, share)
            options.append((total, [*path, Turn(first, found, share)]))
        best.append(min(options, key=lambda each: each[0]))
    return best[-1][1]


def _within(stages: Sequence[Stage], crossbars: int) -> Fits:
    each = [stage.crossbars * stage.repeat for stage in stages]
    return lambda copies, _: sum(a * b for a, b in zip(copies, each, strict=True)) <= crossbars


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
