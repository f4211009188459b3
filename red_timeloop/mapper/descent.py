"""A guided random search: good mappings fast, in any space.

Chains start at the best of some random mappings. A step of a chain tries some moves (see
`neighbours`) and makes the best of them, together with all that are better and touch other places.
A chain ends where no move leads to anything better, and the worse half of the chains drops out now
and then. Later turns start from random changes of the best mapping. All randomness comes from one
seed, so that equal input gives equal output.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias, TypeVar

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Floats, Integers
from red_timeloop.mapper.candidates import Candidates, Costs, Objective, order_of
from red_timeloop.mapper.neighbours import Move, Neighbours
from red_timeloop.mapper.scatter import Scatter
from red_timeloop.mapper.space import Space
from red_timeloop.mapper.together import Answer, Together, Trial

__all__ = ["Task", "guide"]

_ABREAST = 16  # searches that go side by side; their trials stay in a processor's cache
_SCATTERED = 400  # random mappings of a turn
_FEWEST = 40  # of one choice of what is kept
_KEEPS = 32  # such choices in a turn
_CHAINS = 8
_IDLE = 8  # turns without a better mapping, to end
_CHAIN = 800  # mappings that a chain takes, about
_MOVES = 12  # tried in a step
_KICKS = 24  # random changes of the best mapping in a turn
_KICKED = 4  # of which so many are followed
_SCATTER = 8  # one in so many turns starts from random mappings
_FIRST_LOOK = (
    3  # rivals are searched for one in so many of their evaluations before the best goes on
)
_BETTER = 1 - 1e-12

_Result = TypeVar("_Result")
Steps: TypeAlias = Generator[Trial, Answer, _Result]  # asks what trials cost


@dataclass(frozen=True)
class _Chain:
    """A mapping, and how it is going on from there.

    Attributes:
        keep: Number of its choice of what is kept.
        factors, order: See `Candidates`.
        value: Its value; that of `sure` if there is one.
        idle: Moves since a better one.
        sure: The chain to go back to if this mapping, several moves at a time which were not
            evaluated yet, leads to nothing better.
    """

    keep: int
    factors: Integers
    order: Integers
    value: float
    idle: int = 0
    sure: _Chain | None = None


@dataclass(frozen=True)
class Task:
    """A search.

    Attributes:
        space: The space.
        objective: What is to be low.
        evaluations: Mappings to evaluate; a step that has begun is ended all the same.
        seed: What the random numbers start from.
        learn: Told of all mappings that are evaluated.
        progress: Called with the mappings evaluated so far and the best value.
    """

    space: Space
    objective: Objective
    evaluations: int
    seed: int
    learn: Callable[[Candidates, Costs], None]
    progress: Callable[[int, float], None] = lambda done, best: None


def guide(
    tasks: Sequence[Task],
    stop: Callable[[], bool] = lambda: False,
    rivals: Sequence[Sequence[int]] = (),
) -> list[int]:
    """Search until some turns find nothing better, evaluations are spent, or `stop`.

    Searches go side by side, one step of all of them at a time, so that mappings of spaces that are
    alike are evaluated together. What each finds is what it finds alone.

    Args:
        tasks: The searches.
        stop: Asked often; true ends all of them.
        rivals: Numbers of searches, of each group of which only the best goes on after a share of
            its evaluations.

    Returns:
        The number of mappings evaluated for each.
    """
    searches = [_Search(task, stop) for task in tasks]
    abreast = _Abreast(searches)
    abreast.go(
        {number: tasks[number].evaluations // _FIRST_LOOK for own in rivals for number in own}
    )
    ended = {
        number
        for own in rivals
        for number in sorted(own, key=lambda number: searches[number].value)[1:]
    }
    abreast.go({number: inf for number in range(len(tasks)) if number not in ended})
    return [search.spent for search in searches]


class _Abreast:
    """Searches that go side by side, and the trials that they ask for next."""

    def __init__(self, searches: Sequence[_Search]) -> None:
        self._searches = searches
        self._steps = [search.run() for search in searches]
        tasks = [search.task for search in searches]
        self._together = Together([(task.space, task.objective) for task in tasks])
        self._parked: dict[int, Trial | None] = {}

    def go(self, until: Mapping[int, float]) -> None:
        """Go on with some searches, each until it has evaluated so many mappings or ends."""
        waiting = iter([number for number in self._together.alike_first if number in until])
        trials: dict[int, Trial] = {}
        while True:
            while len(trials) < _ABREAST and (number := next(waiting, None)) is not None:
                first = self._parked.pop(number, None) or next(self._steps[number], None)
                if first is not None:
                    trials[number] = first
            if not trials:
                return
            answers = self._together.evaluate(trials)
            following = {n: _next(self._steps[n], answer) for n, answer in answers.items()}
            done = {n for n in following if self._searches[n].spent >= until[n]}
            self._parked.update({n: following[n] for n in done})
            trials = {n: each for n, each in following.items() if each and n not in done}


def _next(steps: Steps[None], answer: Answer) -> Trial | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


class _Search:
    """What the turns of a search share."""

    def __init__(self, task: Task, stop: Callable[[], bool]) -> None:
        space = task.space
        self.task, self.space, self.stop = task, space, stop
        self.rng = np.random.default_rng(task.seed)
        self.scatter = Scatter(space)
        self.spent = 0
        self.chains = min(_CHAINS, max(1, task.evaluations // _CHAIN))
        self.turns = 0
        self.best: _Chain | None = None
        self.known = [-1.0] * len(space.keeps)  # the best value of each choice; -1 before a try
        self.neighbours = Neighbours(space, self.scatter, self.rng)

    @property
    def value(self) -> float:
        """The best value so far."""
        return inf if self.best is None else self.best.value

    def run(self) -> Steps[None]:
        """Turn after turn."""
        best, idle = inf, 0
        while self._going() and idle < _IDLE + len(self.space.keeps) // _KEEPS:
            found = yield from self._turn()
            idle = 0 if found < best * _BETTER else idle + 1
            best = min(best, found)
            self.task.progress(self.spent, best)

    def _going(self) -> bool:
        return self.spent < self.task.evaluations and not self.stop()

    def _turn(self) -> Steps[float]:
        """Follow some chains to their ends; return the best value that they come to."""
        self.turns += 1
        chains: list[_Chain] = []
        if self.best is not None and self.turns % _SCATTER != 1:
            chains = yield from self._kicked(self.best)
        if not chains:
            chains = yield from self._scattered()
        every = self.neighbours.moves
        moves = [every[n] for n in self.rng.permutation(len(every))]
        best, tried = min((each.value for each in chains), default=inf), 0
        while chains and moves and self._going():
            now = [moves[(tried + n) % len(moves)] for n in range(min(_MOVES, len(moves)))]
            stepped: list[_Chain] = []
            for own in self._by_keep(chains):
                stepped += yield from self._step(own, now)
            for each in stepped:
                self._note(each)
            best = min(best, *(each.value for each in stepped))
            different = {(each.keep, each.value): each for each in stepped}
            chains = [each for each in different.values() if each.idle < len(moves)]
            if tried // len(moves) < (tried := tried + len(now)) // len(moves):
                chains = sorted(chains, key=lambda each: each.value)[: (len(chains) + 1) // 2]
        return best

    def _by_keep(self, chains: list[_Chain]) -> list[list[_Chain]]:
        keeps = dict.fromkeys(each.keep for each in chains)
        return [[each for each in chains if each.keep == keep] for keep in keeps]

    def _scattered(self) -> Steps[list[_Chain]]:
        """Return the best of some random mappings, of what was not tried yet before the best."""
        keeps = sorted(range(len(self.known)), key=self.known.__getitem__)[:_KEEPS]
        count = min(max(_FEWEST, _SCATTERED // len(keeps)), self.task.evaluations)
        found: list[_Chain] = []
        for keep in keeps:
            if not self._going():
                break
            factors, keys = self.scatter.some(self.rng, count)
            if not len(factors):
                return []
            order = order_of(keys, self.space)
            _, tried, values = yield from self._asked(keep, factors, order)
            _, first = np.unique(values, return_index=True)
            first = first[np.isfinite(values[first])]
            self.known[keep] = max(self.known[keep], 0.0) or inf
            found += self._chains(keep, tried, values, first)
        found.sort(key=lambda each: each.value)
        for each in found:
            self._note(each)
        step = max(1, len(found) // self.chains)
        return found[::step][: self.chains]

    def _note(self, chain: _Chain) -> None:
        self.known[chain.keep] = min(self.known[chain.keep], chain.value)
        if chain.value < self.value:
            self.best = chain.sure or chain

    def _kicked(self, best: _Chain) -> Steps[list[_Chain]]:
        """Return what random changes make of the best mapping."""
        factors, order = self.scatter.near(best.factors, best.order, self.rng, _KICKS)
        _, tried, values = yield from self._asked(best.keep, factors, order)
        first = np.argsort(values)[:_KICKED]
        return self._chains(best.keep, tried, values, first[np.isfinite(values[first])])

    def _chains(self, keep: int, tried: Candidates, values: Floats, rows: Integers) -> list[_Chain]:
        """Return chains that start at some of the mappings that were tried."""
        return [
            _Chain(keep, tried.factors[row], tried.order[row], float(values[row])) for row in rows
        ]

    def _asked(
        self, keep: int, factors: Integers, orders: Integers, which: Integers | None = None
    ) -> Steps[tuple[Integers, Candidates, Floats]]:
        """Return the rows that fit, these mappings and their values; see `Trial`."""
        which = np.arange(len(factors)) if which is None else which
        rows, tried, costs = yield Trial(keep, factors, orders, which)
        self.spent += len(rows)
        if len(rows):
            self.task.learn(tried, costs)
        return rows, tried, costs.value

    def _step(self, chains: list[_Chain], moves: list[Move]) -> Steps[list[_Chain]]:
        """Return the chains, all of one choice of what is kept, a step further."""
        factors = np.stack([each.factors for each in chains])
        order = np.stack([each.order for each in chains])
        beside = self.neighbours.of(factors, order, moves)
        untried = np.array([n for n, each in enumerate(chains) if each.sure], dtype=np.int64)
        asked = np.concatenate([factors[untried], beside.factors])
        which = np.concatenate([untried, beside.which])
        rows, tried, values = yield from self._asked(chains[0].keep, asked, beside.orders, which)
        owner = np.concatenate([untried, beside.owner])[rows]
        move = np.concatenate([np.full(len(untried), -1), beside.move])[rows]
        stepped = []
        for number, each in enumerate(chains):
            own = np.flatnonzero(owner == number)
            own = own[np.argsort(values[own], kind="stable")]
            if len(own) and values[own[0]] < each.value * _BETTER:
                found = tried.take(own), values[own], move[own]
                stepped.append(self._followed(each, *found, moves))
            else:
                stepped.append(each.sure or replace(each, idle=each.idle + len(moves)))
        return stepped

    def _followed(
        self, chain: _Chain, tried: Candidates, values: Floats, move: Integers, moves: list[Move]
    ) -> _Chain:
        """Return where a chain goes.

        Args:
            chain: The chain.
            tried, values: What was tried of it, the best first.
            move: Numbers of the moves that lead there; -1 for the chain's own mapping.
            moves: The moves.
        """
        best = _Chain(chain.keep, tried.factors[0], tried.order[0], float(values[0]))
        here = values[move < 0] if chain.sure else np.array([chain.value])
        better = values < here[0] * _BETTER if len(here) else np.zeros(len(values), bool)
        _, first = np.unique(np.where(better, move, -1), return_index=True)
        first = np.sort(first[better[first]])
        joined = self.neighbours.joined(
            [moves[number] for number in move[first]], tried.factors[first], tried.order[first]
        )
        return best if joined is None else _Chain(best.keep, *joined, best.value, sure=best)
