"""Orders of loops that can differ in cost.

The order of the loops over time matters to a tile only in this: which loops turn without moving it
before the first one that does, and, where several dimensions move it along one axis (a sliding
window), how the loops along that axis follow each other. Orders that agree in this for every tile
cost the same; one of each such class is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from math import factorial
from typing import TypeAlias

from red_timeloop.engines.embedded.machine import Tensor
from red_timeloop.engines.embedded.nest import LevelNest
from red_timeloop.mapper.space import Space

__all__ = ["Orders", "Pattern", "TooManyOrdersError", "order_classes", "orders_of_pattern"]

# for each level the dimensions with a loop over time, then the same across instances
Pattern: TypeAlias = tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]
Orders: TypeAlias = tuple[tuple[int, ...], ...]  # for each level, innermost first


class TooManyOrdersError(Exception):
    """A pattern has too many orders to go through."""


def order_classes(
    space: Space, levels: tuple[LevelNest, ...], pattern: Pattern, most: int = 20_000
) -> list[Orders]:
    """Return one order of the loops over time from each class that can differ in cost.

    Raises:
        TooManyOrdersError: There are more than `most` orders to sort into classes.
    """
    seen: dict[object, Orders] = {}
    for orders in orders_of_pattern(space, levels, pattern, most):
        seen.setdefault(_signature(space, levels, pattern, orders), orders)
    return list(seen.values())


def orders_of_pattern(
    space: Space, levels: tuple[LevelNest, ...], pattern: Pattern, most: int
) -> Iterator[Orders]:
    """Return all orders that the constraints allow, for the levels where the order can matter."""
    choices = []
    count = 1
    for level, dimensions in enumerate(pattern[0]):
        inside = [each for each in space.innermost[level] if each in dimensions]
        outside = [each for each in space.outermost[level] if each in dimensions]
        free = [each for each in dimensions if each not in inside and each not in outside]
        if _order_matters(space, levels, pattern, level):
            count *= factorial(len(free))
            if count > most:
                raise TooManyOrdersError
            middles = list(permutations(free))
        else:
            middles = [tuple(free)]
        choices.append([(*inside, *middle, *outside) for middle in middles])
    return product(*choices)


def _order_matters(
    space: Space, levels: tuple[LevelNest, ...], pattern: Pattern, level: int
) -> bool:
    tiles = any(any(nest.keep) for nest in levels[:level])
    return tiles or any(len(across) > 0 for across in pattern[1])


def _signature(
    space: Space, levels: tuple[LevelNest, ...], pattern: Pattern, orders: Orders
) -> tuple[object, ...]:
    result: list[object] = []
    for index, tensor in enumerate(space.shape.tensors):
        if _neighbours_may_help(tensor, pattern, levels, index):
            result.append(orders)
            continue
        kept = [level for level, nest in enumerate(levels) if nest.keep[index]]
        for tile in kept[:-1]:
            loops = [
                (level, dimension)
                for level in range(tile + 1, len(levels))
                for dimension in orders[level]
            ]
            result.append(_tile_signature(tensor, loops))
    return tuple(result)


def _neighbours_may_help(
    tensor: Tensor, pattern: Pattern, levels: tuple[LevelNest, ...], index: int
) -> bool:
    """Whether words could be passed between instances, which depends on the whole order.

    Instances must lie apart along an axis that several dimensions share, or be fed directly.
    """
    if pattern[1][0]:
        return True
    shared = _shared_dimensions(tensor)
    if any(nest.no_temporal_reuse[index] for nest in levels):
        return any(pattern[1])
    return any(dimension in shared for across in pattern[1] for dimension in across)


def _shared_dimensions(tensor: Tensor) -> set[int]:
    """Return the dimensions that move the tensor along an axis together with others."""
    shared: set[int] = set()
    for axis in tensor.axes:
        if len(axis) > 1:
            shared.update(dimension for dimension, _ in axis)
    return shared


def _tile_signature(tensor: Tensor, loops: list[tuple[int, int]]) -> object:
    relevant = tensor.relevant
    start = next((i for i, loop in enumerate(loops) if relevant[loop[1]]), len(loops))
    before = frozenset(loops[:start])
    if start == len(loops):
        return before
    first = loops[start][1]
    axes = {axis for axis, step in enumerate(tensor.steps[first]) if step}
    if first not in _shared_dimensions(tensor):
        return before
    if len(axes) > 1 or any(step < 0 for steps in tensor.steps for step in steps):
        return before, tuple(loops[start:])
    end = start + 1
    for position in range(start + 1, len(loops)):
        dimension = loops[position][1]
        moved = {axis for axis, step in enumerate(tensor.steps[dimension]) if step}
        if moved and moved != axes:
            break
        if moved:
            end = position + 1
    return before, tuple(loops[start:end])
