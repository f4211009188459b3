"""Orders of one storage's loops that can differ in cost, without those that are never better."""

from __future__ import annotations

from itertools import permutations
from typing import TypeAlias

from red_timeloop.mapper.exact.frame import Form, Frame

__all__ = ["TooManyOrdersError", "orders_alike", "orders_worth_trying"]

Order: TypeAlias = tuple[int, ...]  # dimensions, innermost first


class TooManyOrdersError(Exception):
    """There are too many orders to go through."""


def all_orders(frame: Frame, level: int, active: tuple[int, ...]) -> list[Order]:
    """Return every order of the loops of `active` dimensions that the constraints allow.

    Raises:
        TooManyOrdersError: There are too many.
    """
    number = {each: index for index, each in enumerate(frame.dimensions)}
    parts = frame.space.pinned(frame.storages[level], [frame.dimensions[each] for each in active])
    inside, free, outside = ([number[each] for each in part] for part in parts)
    if len(free) > 8:
        raise TooManyOrdersError
    return [(*inside, *middle, *outside) for middle in permutations(free)]


def orders_worth_trying(
    frame: Frame,
    level: int,
    active: tuple[int, ...],
    tensors: tuple[int, ...],
    every: bool,
) -> list[Order]:
    """Return one order of each class that can be the best for `tensors`, the data spaces inside.

    An order matters to a tile only by the loops before the first that moves it, and for a sliding
    window by how the loops along its axis follow. An order is left out when, for every data space,
    another one has as many loops before the first move and as good a sequence from there; `every`
    class is returned if fewer words are not always for the better.
    """
    classes: dict[tuple[object, ...], Order] = {}
    for order in all_orders(frame, level, active):
        mark = tuple(_mark(frame.forms[tensor], order) for tensor in tensors)
        classes.setdefault(mark, order)
    marks = list(classes)
    if every:
        return list(classes.values())
    kept = [
        mark
        for mark in marks
        if not any(other != mark and _at_least(other, mark) for other in marks)
    ]
    return [classes[mark] for mark in kept]


def orders_alike(frame: Frame, level: int, order: Order, tensors: tuple[int, ...]) -> list[Order]:
    """Return all orders of the class of `order`."""

    def marks(other: Order) -> list[object]:
        return [_mark(frame.forms[tensor], other) for tensor in tensors]

    own = marks(order)
    return [each for each in all_orders(frame, level, order) if marks(each) == own]


def _mark(form: Form, order: Order) -> tuple[frozenset[int], tuple[object, ...]]:
    """Return what of an order matters: the loops before the first move, and the sequence after."""
    if not form.plain:
        return frozenset(), order
    start = next((n for n, each in enumerate(order) if form.relevant[each]), len(order))
    before = frozenset(order[:start])
    if start == len(order):
        return before, ()
    axis = form.axis_of[order[start]]
    if axis < 0:
        return before, ("anew",)
    end = start
    for number in range(start, len(order)):
        if form.axis_of[order[number]] == axis:
            end = number + 1
        elif form.relevant[order[number]]:
            break
    sequence: list[object] = []
    still: set[int] = set()
    for each in order[start:end]:
        if form.relevant[each]:
            sequence += [frozenset(still), each] if still else [each]
            still = set()
        else:
            still.add(each)
    return before, tuple(sequence)


def _at_least(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether the first mark is at least as good as the second for every data space."""
    for mine, theirs in zip(one, other, strict=True):
        assert isinstance(mine, tuple)
        assert isinstance(theirs, tuple)
        if not mine[0] >= theirs[0]:
            return False
        if mine[1] != theirs[1] and theirs[1] != ("anew",):
            return False
        if mine[1] and mine[0] != theirs[0] and theirs[1] != ("anew",):
            return False  # a longer run may end a sequence that goes on from inside
    return True
