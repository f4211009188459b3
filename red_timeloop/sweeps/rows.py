"""From the outcomes of a block to the columns of the store's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.sweeps.content import canonical
from red_timeloop.sweeps.evaluation import LayerColumns, Outcome
from red_timeloop.workload import WorkloadLayer

__all__ = ["Columns", "evaluation_columns", "layer_columns"]

_QUANTITIES = ("cycles", "cycle_time", "energy", "area", "programming_energy", "crossbars")


@dataclass(frozen=True)
class Columns:
    """Rows of a table, column by column, in the order of the points of a block.

    Attributes:
        points: Position of each row's point in the block.
        values: The table's columns after `point`.
    """

    points: NDArray[np.intp]
    values: list[list[Any]]


def evaluation_columns(
    outcomes: Sequence[Outcome], designs: Mapping[str, int], layers: Sequence[WorkloadLayer]
) -> Columns:
    """Return the rows of `evaluations`: totals over the layers, as often as they are repeated.

    What a network does on a chip is JSON in the last column, without totals beside it.
    """
    ordered = sorted(outcomes, key=lambda outcome: designs[outcome.design])
    count = len(ordered[0].errors)
    errors = [outcome.errors[row] for row in range(count) for outcome in ordered]

    def total(quantity: Any) -> list[Any]:
        """Return one total for each point and design, point by point."""
        sums = [
            sum(
                entry.repeat * quantity(layer)
                for entry, layer in zip(layers, o.layers, strict=True)
            )
            for o in ordered
        ]
        return list(np.stack(sums, axis=1).ravel().tolist())

    if on_chip := bool(ordered[0].chip):
        totals: list[list[Any]] = [[None] * len(errors) for _ in _QUANTITIES]
    else:
        totals = [
            total(lambda layer: layer.cycles),
            total(lambda layer: layer.cycles * layer.cycle_time),
            total(lambda layer: layer.energy),
            total(lambda layer: layer.area),
            total(lambda layer: layer.programming_energy),
            total(lambda layer: layer.crossbars),
        ]
    totals.append([outcome.sqnr for outcome in ordered] * count)
    chips: list[str | None] = [None] * len(errors)
    if on_chip:
        each = chain.from_iterable(zip(*(outcome.chip for outcome in ordered), strict=True))
        chips = [None if found is None else canonical(found) for found in each]
    for row, error in enumerate(errors):
        if error is not None:
            for column in totals:
                column[row] = None
    numbers = [designs[outcome.design] for outcome in ordered] * count
    points = np.repeat(np.arange(count), len(ordered))
    return Columns(points, [numbers, errors, *totals, chips])


def layer_columns(outcomes: Sequence[Outcome], designs: Mapping[str, int]) -> Columns:
    """Return the rows of `layers`: one for each layer of each evaluation that did not fail."""
    ordered = sorted(outcomes, key=lambda outcome: designs[outcome.design])
    count, depth = len(ordered[0].errors), len(ordered[0].layers)
    if not depth:
        return Columns(np.zeros(0, np.intp), [[] for _ in range(2 + len(_QUANTITIES))])
    good = np.array([[error is None for error in o.errors] for o in ordered]).T
    kept = np.repeat(good.ravel(), depth)
    shape = (count, len(ordered), depth)

    def spread(values: Any) -> NDArray[Any]:
        flat: NDArray[Any] = np.broadcast_to(values, shape).reshape(-1)[kept]
        return flat

    numbers = np.array([designs[outcome.design] for outcome in ordered])
    flat: list[LayerColumns] = [layer for outcome in ordered for layer in outcome.layers]
    values = [
        np.stack([getattr(layer, name) for layer in flat], axis=1).reshape(shape)
        for name in _QUANTITIES
    ]
    columns = [numbers[:, None], np.arange(depth), *values]
    return Columns(
        spread(np.arange(count)[:, None, None]), [spread(column).tolist() for column in columns]
    )
