"""Finding the best mapping of a space: guided search first, then the exact one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from red_timeloop.engines.embedded.nest import Nest
from red_timeloop.mapper import cache
from red_timeloop.mapper.bound import build_bound
from red_timeloop.mapper.candidates import Objective
from red_timeloop.mapper.descent import Task, guide
from red_timeloop.mapper.exact.goals import Claim, Corner, Front, Goal, Lowest
from red_timeloop.mapper.exact.search import prove
from red_timeloop.mapper.exhaustive import exhaust
from red_timeloop.mapper.space import Space

__all__ = ["BUDGET", "ENDS", "Found", "Progress", "Question", "find", "find_all", "forget"]

BUDGET = 60_000  # mappings
ENDS: tuple[Objective, ...] = ("edp", "energy", "delay")  # a front's are searched for first
_SMALL = 4_000  # ways to deal the dimensions that are gone through without a first guess
_LOOK = 10  # mappings that the exact search may evaluate, for each of the budget, without `proof`
_MEDIUM = 40  # as many ways for each mapping of the budget are gone through in any case

Progress: TypeAlias = Callable[[int, float], None]


@dataclass(frozen=True)
class Found:
    """The best mapping of a space and the certificate.

    Attributes:
        nest: The mapping, None when no legal one was found.
        value: Its value of the objective (J * cycles, J or cycles).
        optimal: Whether no mapping of the space is better.
        space: Ways to deal the dimensions, times ways to keep data spaces.
        evaluated: Mappings evaluated.
        pruned: Parts of the space without a better mapping, by what showed it.
        bound: A value that no mapping can be better than.
        parts: Parts of the space that were told apart.
        front: Mappings of the front of energy and delay with J and cycles, least energy first;
            `nest` is the one of the lowest energy times delay.
        left: J and cycles that every other mapping which might belong to the front spends at least,
            one pair of them for each part of the space that is left.
        claims: What is claimed of the parts that are not ruled out by their instances alone; None
            where the exact search did not look.
    """

    nest: Nest | None
    value: float
    optimal: bool
    space: int
    evaluated: int
    pruned: dict[str, int]
    bound: float
    parts: int
    front: tuple[tuple[float, int, Nest], ...] = ()
    left: tuple[Corner, ...] = ()
    claims: tuple[Claim, ...] | None = None


class Question(NamedTuple):
    """What is asked for: the best mapping of `space` for `objective`; see `find`."""

    space: Space
    objective: Objective
    budget: int = BUDGET
    seed: int = 0
    proof: bool = True


Rivals: TypeAlias = Sequence[Question]  # ways to say one problem
_done: dict[tuple[Question, ...], list[Found]] = {}


def find(
    space: Space,
    objective: Objective,
    budget: int = BUDGET,
    seed: int = 0,
    *,
    proof: bool = True,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda done, best: None,
) -> Found:
    """Return the best mapping of `space`.

    First a guided random search, then the exact search, which proves that nothing is better or
    finds it, however many mappings that takes; without `proof` only where there are few.
    """
    return find_all([[Question(space, objective, budget, seed, proof)]], stop, progress)[0][0]


def find_all(
    asked: Sequence[Rivals],
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda done, best: None,
) -> list[list[Found]]:
    """Answer many questions as `find` answers each; equal ones from memory or the store.

    Guided searches go side by side, which is faster where spaces differ in sizes and prices alone.
    Of rivals, all have a first look, and only the best the whole budget.
    """
    rivals = [tuple(each) for each in asked]
    answers = {each: _done[each] for each in rivals if each in _done}
    keys = {each: _key(each) for each in dict.fromkeys(rivals) if each not in answers}
    stored = cache.load([key for key in keys.values() if key])
    goals: dict[tuple[Question, ...], list[Goal]] = {}
    for each, key in keys.items():
        if found := _read(stored.get(key or ""), each):
            answers[each] = _done[each] = found
        else:
            goals[each] = [
                Front() if own.objective == "pareto" else Lowest(own.objective) for own in each
            ]
    spent = iter(_guess(goals, stop, progress))
    ended: dict[str, object] = {}
    for each, aims in goals.items():
        answers[each] = [
            _find(own, goal, next(spent), stop, progress)
            for own, goal in zip(each, aims, strict=True)
        ]
        if stop():
            continue
        _done[each] = answers[each]
        if key := keys[each]:
            ended[key] = [
                _written(found, own.space) for found, own in zip(answers[each], each, strict=True)
            ]
    cache.store(ended)
    return [answers[each] for each in rivals]


def _key(rivals: Rivals) -> str | None:
    """Return the key of answers in the store; None of sparse tensors, not all of which it shows."""
    dense = all(each.space.sparse is None for each in rivals)
    return cache.key_of(*rivals) if dense else None


def _written(found: Found, space: Space) -> dict[str, Any]:
    """Return an answer as JSON can hold it: of a mapping its loops, and which choice is kept."""

    def mapping(nest: Nest) -> list[Any]:
        keeps = [each.keep for each in nest.levels]
        kept = next(n for n, own in enumerate(space.keeps) if [e.keep for e in own] == keeps)
        return [kept, [[x.temporal, x.spatial_x, x.spatial_y] for x in nest.levels]]

    return {
        **vars(found),
        "nest": None if found.nest is None else mapping(found.nest),
        "front": [[energy, cycles, mapping(nest)] for energy, cycles, nest in found.front],
    }


def _read(answers: object, rivals: Rivals) -> list[Found] | None:
    """Return answers that `_written` wrote; None of anything else."""
    if not isinstance(answers, list) or len(answers) != len(rivals):
        return None
    try:
        return [_known(*each) for each in zip(answers, [own.space for own in rivals], strict=True)]
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _known(answer: dict[str, Any], space: Space) -> Found:
    def nest(kept: int, levels: list[list[list[list[int]]]]) -> Nest:
        found = []
        for own, loops in zip(space.keeps[kept], levels, strict=True):
            temporal, along_x, along_y = map(_loops, loops)
            found.append(replace(own, temporal=temporal, spatial_x=along_x, spatial_y=along_y))
        return Nest(tuple(found))

    claims = answer["claims"]
    return Found(
        **{
            **answer,
            "nest": None if answer["nest"] is None else nest(*answer["nest"]),
            "front": tuple((e, cycles, nest(*own)) for e, cycles, own in answer["front"]),
            "left": tuple((energy, cycles) for energy, cycles in answer["left"]),
            "claims": claims and tuple(_claim(*each) for each in claims),
        }
    )


def _claim(keep: int, spread: list[list[int]], least: list[float] | None) -> Claim:
    return Claim(keep, tuple(map(tuple, spread)), None if least is None else (least[0], least[1]))


def _loops(found: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((dimension, count) for dimension, count in found)


def forget() -> None:
    """Forget all answers, so that the next question is searched for again."""
    _done.clear()


def _find(
    question: Question, goal: Goal, spent: int, stop: Callable[[], bool], progress: Progress
) -> Found:
    """Go on where the guided search of so many mappings ended."""
    space, objective, budget, _, proof = question
    size = space.size
    least = build_bound(space, objective)
    bound, optimal, pruned, parts = least.lowest, False, {}, 0
    left: list[Corner] = [(0.0, 0.0)]  # nothing is known
    claims: list[Claim] | None = None
    if isinstance(goal, Lowest) and space.sparse is not None and not stop():
        # The exact search's lemmas are about dense tensors: sparse ones are gone through.
        if size <= _MEDIUM * budget:
            rest = max(0, budget - spent)
            whole = exhaust(space, goal, least, rest, stop=stop, progress=progress)
            spent += whole.evaluated
            optimal, pruned = whole.complete, whole.pruned
    elif space.sparse is None and not stop() and (proof or size <= _MEDIUM * budget):
        before = spent
        found = prove(
            space,
            goal,
            evaluations=float("inf") if proof else _LOOK * budget,
            stop=stop,
            progress=lambda done, best: progress(before + done, best),
        )
        spent += found.evaluated
        optimal, pruned, parts = found.complete, found.ruled_out, found.parts
        claims = found.claims
        left = left if claims is None else found.open
        bound = max(bound, min(found.bound, goal.value))
    nest = None if goal.best is None else goal.best.batch(space).nest(0)
    front: list[tuple[float, int, Nest]] = []
    if isinstance(goal, Front):
        front = [(energy, n, own.batch(space).nest(0)) for energy, n, own in goal.points]
    return Found(
        nest,
        goal.value,
        optimal,
        size,
        spent,
        pruned,
        goal.value if optimal else bound,
        parts,
        tuple(front),
        tuple(left) if isinstance(goal, Front) else (),
        None if claims is None else tuple(claims),
    )


def _guess(
    goals: Mapping[tuple[Question, ...], Sequence[Goal]],
    stop: Callable[[], bool],
    progress: Progress,
) -> list[int]:
    """Tell goals what guided searches find; return the mappings evaluated for each question."""
    tasks: list[Task] = []
    rivals: list[list[int]] = []
    numbers: list[list[int]] = []  # of each question's searches
    done: dict[int, int] = {}

    def tell(number: int, spent: int, best: float) -> None:
        done[number] = spent
        progress(sum(done.values()), best)

    for questions, aims in goals.items():
        first = len(tasks)
        for each, goal in zip(questions, aims, strict=True):
            numbers.append([])
            size = each.space.size
            if size <= _SMALL:
                continue
            share = each.budget if size > _MEDIUM * each.budget else each.budget // 3
            ends = ENDS if isinstance(goal, Front) else (each.objective,)
            for seed, end in enumerate(ends, each.seed):
                told = partial(tell, len(tasks))
                numbers[-1].append(len(tasks))
                tasks.append(Task(each.space, end, share // len(ends), seed, goal.add, told))
        if len(questions) > 1:
            rivals.append(list(range(first, len(tasks))))
    spent = guide(tasks, stop, rivals)
    return [sum(spent[number] for number in own) for own in numbers]
