"""Trials of many searches at once: spaces that differ in sizes and prices alone share batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Integers
from red_timeloop.engines.embedded.steps import packed
from red_timeloop.mapper.candidates import Candidates, Costs, Objective, evaluate_candidates
from red_timeloop.mapper.exhaustive import fits_capacity
from red_timeloop.mapper.space import Space

__all__ = ["Answer", "Together", "Trial"]


class Trial(NamedTuple):
    """Mappings that a search asks for.

    Attributes:
        keep: Number of their choice of what is kept.
        factors: See `Candidates`.
        orders: Orders of loops, `[K, L, D]`, of which many mappings have the same.
        which: Which of them each mapping has, `[N]`.
    """

    keep: int
    factors: Integers
    orders: Integers
    which: Integers


class Answer(NamedTuple):
    """The rows of a trial that fit fan-outs and capacities, these mappings, and what they cost."""

    rows: Integers
    candidates: Candidates
    costs: Costs


class Together:
    """Evaluates the trials of several searches.

    Args:
        searched: Their spaces, and what is to be low.
    """

    def __init__(self, searched: Sequence[tuple[Space, Objective]]) -> None:
        alike: dict[object, list[int]] = {}
        for number, (space, objective) in enumerate(searched):
            alone = number if space.sparse is not None else None
            alike.setdefault((space.mould, objective, alone), []).append(number)
        self._searched = list(searched)
        self._prices = [np.asarray(space.machine.prices) for space, _ in searched]
        self._group = list(range(len(searched)))
        for own in alike.values():
            if len(own) == 1:
                continue
            space, objective = searched[own[0]]
            sizes = tuple(map(max, *(searched[number][0].shape.sizes for number in own)))
            common = replace(space, shape=replace(space.shape, sizes=sizes))
            if packed(common.shape):
                self._searched.append((common, objective))
                for number in own:
                    self._group[number] = len(self._searched) - 1

    @property
    def alike_first(self) -> list[int]:
        """The numbers of the searches, so that those which share batches follow each other."""
        return sorted(range(len(self._group)), key=self._group.__getitem__)

    def evaluate(self, asked: Mapping[int, Trial]) -> dict[int, Answer]:
        """Return what the trials cost, which are told by the numbers of their searches."""
        together: dict[tuple[int, int], list[int]] = {}
        for number, trial in asked.items():
            together.setdefault((self._group[number], trial.keep), []).append(number)
        answers: dict[int, Answer] = {}
        for (group, keep), numbers in together.items():
            answers.update(self._evaluate(group, keep, {n: asked[n] for n in numbers}))
        return answers

    def _evaluate(self, group: int, keep: int, asked: Mapping[int, Trial]) -> dict[int, Answer]:
        """Evaluate trials of one group that keep the same data spaces."""
        space, objective = self._searched[group]
        levels = space.keeps[keep]
        trials = list(asked.values())
        factors = np.concatenate([trial.factors for trial in trials])
        rows = np.flatnonzero(fits_capacity(factors, space, levels))  # most do not
        factors = factors[rows]
        fit = space.fits_fan_out(factors)
        rows, factors = rows[fit], factors[fit]
        starts = np.cumsum([0, *(len(trial.factors) for trial in trials)])
        owner = np.searchsorted(starts, rows, side="right") - 1
        behind = np.cumsum([0, *(len(trial.orders) for trial in trials)])
        which = np.concatenate([trial.which for trial in trials])[rows] + behind[owner]
        candidates = Candidates(
            levels, factors, np.concatenate([trial.orders for trial in trials])[which]
        )
        prices = np.stack([self._prices[number] for number in asked], axis=1)[:, owner]
        costs = evaluate_candidates(candidates, space, objective, prices=prices)
        places = np.searchsorted(rows, starts)
        return {
            number: Answer(rows[own] - start, candidates.take(own), costs.take(own))
            for number, start, own in zip(
                asked, starts, map(slice, places, places[1:]), strict=False
            )
        }
