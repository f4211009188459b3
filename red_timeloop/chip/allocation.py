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

Limits that depend on where copies lie bind at any period, so that all up to the best are tried. In
which order changes no result, but those that can be left out unseen: distant ones come first, and
a limit is told above which period it need not be exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.stage import Stage

__all__ = ["Allocation", "Limit", "PlacedLimit", "Turn", "fastest", "turns", "within"]

Copies = tuple[int, ...]
# The least period in s that is allowed with copies, one number a stage; infinite: they do not fit.
Limit = Callable[[Copies], float]
# The same for many at once, those of one allocation in a row.
NearLimit = Callable[[NDArray[np.int64]], NDArray[np.float64]]
# The same of one; where it is above the second number, anything above that.
PlacedLimit = Callable[[Copies, float], float]

_BLOCK = 64  # periods that are looked at together
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
    stages: Sequence[Stage],
    limit: Limit,
    near: NearLimit | None = None,
    placed: PlacedLimit | None = None,
) -> Allocation | None:
    """Return the allocation of least period; None if not even one copy of each fits.

    Args:
        stages: The stages; one with `repeat` stands for several, which get the same copies.
        limit: The budget; must not fall when copies are added.
        near: A further limit that depends on where the copies lie, and may fall. Where it binds,
            the result is the best among the smallest copies of every period.
        placed: Likewise, one that takes longer to find.
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
    best = _Best(chain, candidates[max(0, low - 1) :], limit, near, placed)
    for number in range(min(2, len(best.tried))):
        best.look(np.array([number]))
    if near is not None or placed is not None:
        for numbers in _coarse_first(2, int(np.searchsorted(best.tried, best.longest, "right"))):
            best.look(numbers[best.tried[numbers] <= best.longest])
    return best.found


def _coarse_first(begin: int, end: int) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers from `begin` to before `end` in blocks: the last, the middle and so on.

    >>> [block.tolist() for block in _coarse_first(0, 6)]
    [[5, 1, 3, 4, 2, 0]]
    """
    place = np.arange(max(0, end - begin))
    divisor = np.where(place, place & -place, len(place))  # the largest power of 2 that is one
    order = end - 1 - np.argsort(-divisor, kind="stable")
    yield from (order[first : first + _BLOCK] for first in range(0, len(order), _BLOCK))


class _Best:
    """The best allocation among the smallest copies of the periods that were looked at."""

    def __init__(
        self,
        chain: _Chain,
        tried: NDArray[np.float64],
        limit: Limit,
        near: NearLimit | None,
        placed: PlacedLimit | None,
    ) -> None:
        self.found: Allocation | None = None
        self.tried = tried
        self._chain, self._limit, self._near, self._placed = chain, limit, near, placed
        self._number = -1  # of the period that `found` is due to

    @property
    def longest(self) -> float:
        """No period above it is worth a look."""
        return math.inf if self.found is None else self.found.period * (1 + _SLACK)

    def look(self, numbers: NDArray[np.int64]) -> None:
        """Look at some of the periods `tried`; of equals take the last, of the fewest copies."""
        every = self._chain.every(self.tried[numbers])
        least = np.zeros(len(numbers)) if self._near is None else self._near(every)
        for number, period, row in zip(
            numbers.tolist(), least.tolist(), every.tolist(), strict=True
        ):
            most = math.inf if self.found is None else self.found.period
            if number < self._number:
                most = math.nextafter(most, 0.0)
            if period > most:
                continue
            copies = tuple(row)
            period = max(period, self._chain.period(copies), self._limit(copies))
            if self._placed is not None and period <= most:
                period = max(period, self._placed(copies, most))
            if period <= most and period < math.inf:
                self.found, self._number = Allocation(copies, period), number


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
        return tuple(self.every(np.array([period]))[0].tolist())

    def every(self, periods: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return these for each of the periods."""
        most = np.floor(periods[:, None] / self.times * (1 + _SLACK)).astype(np.int64)
        return np.asarray(np.maximum(1, -(-self.steps // np.maximum(1, most))), dtype=np.int64)

    def period(self, copies: Copies) -> float:
        """Return the time of the slowest stage."""
        return float((-(-self.steps // np.array(copies)) * self.times).max())
