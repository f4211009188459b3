"""What a sweep says: Pareto fronts, the best points, and which parameters matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError
from red_timeloop.sweeps.measures import Objective
from red_timeloop.sweeps.table import Results

__all__ = ["Effect", "best", "pareto", "pareto_mask", "sensitivity"]

_MOST_LEVELS = 12  # distinct values of a parameter that are told apart; others go into bins
_BINS = 10


def pareto_mask(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows no other row beats: none is as small everywhere and smaller somewhere.

    Rows that are equal are kept together. The time goes with rows times the length of the front.

    Args:
        costs: One row a point, one column an objective; less is better. No NaN.

    >>> pareto_mask(np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0], [4.0, 1.0]])).tolist()
    [True, True, False, True]
    """
    mask = np.zeros(len(costs), dtype=bool)
    left = np.lexsort(costs.T[::-1])  # nothing beats the first of what is left
    while left.size:
        first = costs[left[0]]
        rest = costs[left]
        mask[left[(rest == first).all(axis=1)]] = True
        left = left[(rest < first).any(axis=1)]
    return mask


def pareto(results: Results, objectives: Sequence[Objective] = ()) -> Results:
    """Return the Pareto front of the feasible points of all designs, by the first objective.

    A workload's points compete with each other only.

    Args:
        results: The sweep.
        objectives: What counts; the sweep's own when empty.

    Raises:
        InputError: No point is feasible, or none has a measure.
    """
    chosen = objectives or results.objectives
    results = _measured(results, chosen)
    costs = np.stack([objective.cost(results.numbers) for objective in chosen], axis=1)
    mask = np.zeros(len(results), dtype=bool)
    for workload in np.unique(results.words["workload"]):
        rows = np.flatnonzero(results.words["workload"] == workload)
        mask[rows[pareto_mask(costs[rows])]] = True
    rows = np.flatnonzero(mask)
    return results.select(rows[np.lexsort((*costs[rows].T[::-1], results.words["workload"][rows]))])


def best(results: Results, objective: Objective, top: int = 1) -> Results:
    """Return the `top` feasible points of each workload and design, best first.

    Raises:
        InputError: No point is feasible, or none has the measure.
    """
    results = _measured(results, [objective])
    costs = objective.cost(results.numbers)
    pairs = np.char.add(np.char.add(results.words["workload"], "\n"), results.words["design"])
    kept = []
    for pair in np.unique(pairs):
        rows = np.flatnonzero(pairs == pair)
        kept.append(rows[np.argsort(costs[rows], kind="stable")[:top]])
    rows = np.concatenate(kept)
    return results.select(rows[np.lexsort((costs[rows], results.words["workload"][rows]))])


@dataclass(frozen=True)
class Effect:
    """How much a parameter moves a measure on one design.

    Attributes:
        design: Name of the design.
        parameter: Name of the parameter.
        share: Share of the variance of the measure's logarithm that lies between the parameter's
            values, the others averaged over (the correlation ratio: Pearson 1905). Shares of a
            product sweep add up to 1 less what parameters do together.
        factor: Largest over smallest mean (geometric) among the values.
        best: The value, or the bin of values, with the best mean.
    """

    design: str
    parameter: str
    share: float
    factor: float
    best: str


def sensitivity(results: Results, objective: Objective) -> tuple[Effect, ...]:
    """Return the effect of each parameter on a measure, the largest first, design by design.

    Points of several workloads and parameter sets are compared with their own kind: their means
    are taken off first.

    Raises:
        InputError: No point is feasible, or none has the measure.
    """
    results = _measured(results, [objective])
    results = results.select(np.isfinite(results.numbers[objective.measure]))
    effects: list[Effect] = []
    for design in dict.fromkeys(results.words["design"].tolist()):
        mine = results.select(results.words["design"] == design)
        values = mine.numbers[objective.measure]
        positive = bool((values > 0).all())
        logs = np.log(values) if positive else values.astype(float)
        kinds = np.char.add(np.char.add(mine.words["workload"], "\n"), mine.words["hardware"])
        for kind in np.unique(kinds):
            logs[kinds == kind] -= logs[kinds == kind].mean()
        found = [
            _effect(design, name, mine, logs, objective.more, positive) for name in mine.parameters
        ]
        effects += sorted((e for e in found if e), key=lambda effect: -effect.share)
    return tuple(effects)


def _effect(
    design: str, name: str, results: Results, logs: NDArray[np.float64], more: bool, positive: bool
) -> Effect | None:
    labels, levels = _levels(results, name)
    if len(labels) < 2:
        return None
    counts = np.bincount(levels, minlength=len(labels))
    means = np.bincount(levels, weights=logs, minlength=len(labels)) / counts
    total = float(((logs - logs.mean()) ** 2).sum())
    between = float((counts * (means - logs.mean()) ** 2).sum())
    spread = float(means.max() - means.min())
    return Effect(
        design=design,
        parameter=name,
        share=between / total if total > 0 else 0.0,
        factor=float(np.exp(spread)) if positive else float("nan"),
        best=labels[int(means.argmax() if more else means.argmin())],
    )


def _levels(results: Results, name: str) -> tuple[list[str], NDArray[np.intp]]:
    """Return the labels of a parameter's values or bins, and which one each row has."""
    if name in results.words:
        words, levels = np.unique(results.words[name], return_inverse=True)
        return [str(word) for word in words], levels
    values = results.numbers[name]
    distinct, levels = np.unique(values, return_inverse=True)
    if len(distinct) <= _MOST_LEVELS:
        return [f"{value:g}" for value in distinct], levels
    edges = np.quantile(values, np.linspace(0, 1, _BINS + 1))
    levels = np.searchsorted(edges[1:-1], values, side="right")
    used, levels = np.unique(levels, return_inverse=True)
    return [f"{edges[i]:.3g} .. {edges[i + 1]:.3g}" for i in used.tolist()], levels


def _measured(results: Results, objectives: Sequence[Objective]) -> Results:
    """Return the rows that have all measures."""
    if not len(results):
        why = "".join(f": {note}" for note in results.notes)
        raise InputError(f"no point keeps to the constraints{why}", key="constraints")
    mask = np.ones(len(results), dtype=bool)
    for objective in objectives:
        values = results.numbers.get(objective.measure, np.full(len(results), np.nan))
        mask &= ~np.isnan(values)
        if not mask.any():
            raise InputError(
                f"no point has a value of {objective.measure}",
                key="objective",
                legal=[m for m, v in results.numbers.items() if not np.isnan(v).all()],
            )
    return results.select(mask)
