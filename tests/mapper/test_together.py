"""Searches that go side by side find what each finds alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from close import near
from mapper.small_spaces import random_space
from mapper.test_bound import space

from red_timeloop.engines.embedded.arithmetic import Floats
from red_timeloop.engines.embedded.evaluation import evaluate_nest
from red_timeloop.errors import InputError
from red_timeloop.mapper import descent, find
from red_timeloop.mapper.candidates import Candidates, Objective
from red_timeloop.mapper.descent import Task, guide
from red_timeloop.mapper.exact.goals import Lowest
from red_timeloop.mapper.space import Space
from red_timeloop.mapper.together import Together, Trial


def dearer(given: Space, by: float) -> Space:
    """Return a space whose prices are `by` as high, but for the registers' reads."""
    levels = [
        replace(each, fill_energy=each.fill_energy * by, update_energy=each.update_energy * by)
        for each in given.machine.levels
    ]
    compute = replace(given.machine.compute, energy=given.machine.compute.energy * by)
    return replace(given, machine=replace(given.machine, levels=tuple(levels), compute=compute))


SPACES = [
    space((4, 3), size=50, C=96, M=100, R=7, P=84),
    dearer(space((4, 3), size=50, C=72, M=90, R=5, P=140), 3.0),
    dearer(space((4, 3), size=50, C=24, M=30, R=2, P=14), 0.5),
    space((2, 3), size=30, keep=None, C=24, M=30, R=2, P=14),
]


def searched(
    tasks: Sequence[tuple[Space, Objective, int]],
) -> tuple[list[int], list[float], list[list[int]]]:
    goals = [Lowest(objective) for _, objective, _ in tasks]
    spent = guide(
        [
            Task(given, objective, 900, seed, goal.add)
            for (given, objective, seed), goal in zip(tasks, goals, strict=True)
        ]
    )
    best = [goal.best.factors.tolist() if goal.best else [] for goal in goals]
    return spent, [goal.value for goal in goals], best


@pytest.mark.parametrize("abreast", [2, 16])
def test_each_finds_what_it_finds_alone(abreast: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descent, "_ABREAST", abreast)
    tasks: list[tuple[Space, Objective, int]] = [
        (given, objective, seed)
        for given in SPACES
        for objective, seed in (("edp", 0), ("edp", 1), ("delay", 0))
    ]
    alone = [searched([task]) for task in tasks]
    spent, values, best = searched(tasks)
    assert spent == [own[0][0] for own in alone]
    assert values == [own[1][0] for own in alone]
    assert best == [own[2][0] for own in alone]


def test_questions_together_have_the_answers_that_they_have_alone() -> None:
    questions = [
        find.Question(given, "edp", 600, seed, False) for given in SPACES for seed in (0, 1)
    ]
    find.forget()
    together = find.find_all([[each] for each in (*questions, questions[0])])
    find.forget()
    assert together[:-1] == [find.find_all([[each]])[0] for each in questions]
    assert together[-1] == together[0]


def test_of_rivals_the_best_finds_what_it_finds_alone_and_others_end_early() -> None:
    """Of two groups, and of a search beside them. One alone tells its values as they come."""
    chosen = [(SPACES[0], 0), (SPACES[1], 0), (SPACES[2], 0), (SPACES[2], 1), (SPACES[3], 0)]
    goals = [Lowest("edp") for _ in chosen]
    tasks = [Task(own, "edp", 900, seed, lambda *_: None) for own, seed in chosen]
    spent = guide(
        [replace(task, learn=goal.add) for task, goal in zip(tasks, goals, strict=True)],
        rivals=[(0, 1), (3, 2)],
    )
    looks, whole = [], []
    for task in tasks:
        told: list[Floats] = []
        guide([replace(task, learn=lambda _, costs, told=told: told.append(costs.value))])
        done = np.cumsum([len(each) for each in told])
        lowest = np.minimum.accumulate([each.min() for each in told])
        number = int((done >= 300).argmax())
        looks.append((done[number], lowest[number]))
        whole.append((done[-1], lowest[-1]))
    ended = [max(own, key=lambda number: looks[number][1]) for own in ((0, 1), (3, 2))]
    for number, goal in enumerate(goals):
        assert (spent[number], goal.value) == (looks if number in ended else whole)[number]


@pytest.mark.parametrize("seed", range(40))
def test_trials_cost_what_the_exact_engine_says(seed: int) -> None:
    """Of random spaces with three sets of prices each, and mappings of which some do not fit."""
    rng, chance = random.Random(seed), np.random.default_rng(seed)
    given = random_space(rng)
    if given is None or given.sparse is not None:
        return
    spaces = [given, dearer(given, 2.0), dearer(given, 5.0)]
    together = Together([(each, "energy") for each in spaces])
    tables = [given.options(dimension) for dimension in range(len(given.shape.sizes))]
    count, keep = 30, len(given.keeps) - 1
    factors = np.stack([each[chance.integers(len(each), size=count)] for each in tables], axis=2)
    size = (2 + 3 + 4, len(given.machine.levels), len(tables))
    orders = np.split(np.argsort(chance.random(size), axis=2), [2, 5])
    trials = {
        n: Trial(keep, factors[n * 10 :][:10], own, chance.integers(len(own), size=10))
        for n, own in enumerate(orders)
    }
    for number, answer in together.evaluate(trials).items():
        trial, own = trials[number], spaces[number]
        order = trial.orders[trial.which]
        assert set(answer.rows) <= set(np.flatnonzero(own.fits_fan_out(trial.factors)))
        assert (answer.candidates.factors == trial.factors[answer.rows]).all()
        assert (answer.candidates.order == order[answer.rows]).all()
        for row in np.flatnonzero(own.fits_fan_out(trial.factors)):
            nest = Candidates(own.keeps[keep], trial.factors[[row]], order[[row]])
            here = answer.rows == row
            if own.used(trial.factors[[row]]).prod() < own.least_used:
                assert not np.isfinite(answer.costs.value[here]).any()
                continue
            try:
                exact = evaluate_nest(nest.batch(own).nest(0), own.machine, own.shape)
            except InputError:
                assert not np.isfinite(answer.costs.value[here]).any()
                continue
            assert answer.costs.value[here].tolist() == near([exact.energy], rel=1e-12)
            assert answer.costs.cycles[here].tolist() == [exact.cycles]


def test_spaces_that_are_too_large_together_are_evaluated_apart() -> None:
    """62 bits hold the codes of one that is long one way, not of one that is long both ways."""
    long, wide = space(C=2**28, M=2, P=2), space(C=2, M=2, P=2**30)
    other = space(C=2, M=2, P=2)
    assert Together([(long, "edp"), (other, "delay"), (wide, "edp")]).alike_first == [0, 1, 2]
    assert Together([(long, "edp"), (other, "delay"), (long, "edp")]).alike_first == [1, 0, 2]
