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
        factors, order: See `Candidates`.
    """

    keep: int
    factors: Integers
    order: Integers


class Answer(NamedTuple):
    """The rows of a trial that fit fan-outs and capacities, and what these cost."""

    rows: Integers
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
        lengths = [len(trial.factors) for trial in asked.values()]
        factors = np.concatenate([trial.factors for trial in asked.values()])
        order = np.concatenate([trial.order for trial in asked.values()])
        rows = np.arange(len(factors))
        for fits in (space.fits_fan_out, lambda own: fits_capacity(own, space, levels)):
            rows = rows[fits(factors[rows])]
        table = np.stack([self._prices[number] for number in asked], axis=1)
        prices = table.repeat(lengths, axis=1)[:, rows]
        candidates = Candidates(levels, factors[rows], order[rows])
        costs = evaluate_candidates(candidates, space, objective, prices=prices)
        starts = np.cumsum([0, *lengths])
        places = np.searchsorted(rows, starts)
        return {
            number: Answer(
                rows[first:last] - start,
                Costs(costs.value[first:last], costs.cycles[first:last], costs.energy[first:last]),
            )
            for number, start, first, last in zip(asked, starts, places, places[1:], strict=False)
        }
