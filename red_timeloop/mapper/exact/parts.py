"""Parts of a space: mappings that keep the same data spaces and spread the same iterations.

A part fixes how many instances are used and how many iterations of each dimension are left for
loops over time. Where exactly inside a group of fan-outs the iterations are spread is left open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from red_timeloop.mapper.exact.frame import Frame, Integers
from red_timeloop.mapper.space import Place, divisors

__all__ = ["Spread", "TooManyPartsError", "placements", "spreads"]

_MOST = 1_000_000  # spreads held at once


class TooManyPartsError(Exception):
    """There are more parts than can be gone through."""


@dataclass(frozen=True)
class Spread:
    """Iterations of every dimension across the instances of every group, `[S, groups, D]`."""

    factors: Integers

    def __len__(self) -> int:
        return len(self.factors)

    def used(self) -> Integers:
        """Return the compute instances in use."""
        used: Integers = self.factors.prod(axis=(1, 2))
        return used


def spreads(frame: Frame) -> Spread:
    """Return every way to spread iterations over the groups that leaves a legal rest.

    Raises:
        TooManyPartsError: There are too many.
    """
    sizes = np.asarray(frame.sizes, dtype=np.int64)
    found = np.ones((1, 0, len(sizes)), dtype=np.int64)
    product_ = np.ones((1, len(sizes)), dtype=np.int64)
    for group in range(len(frame.groups)):
        vectors = np.array(sorted(_vectors(frame, group)), dtype=np.int64).reshape(-1, len(sizes))
        if len(found) * len(vectors) > 4 * _MOST:
            raise TooManyPartsError
        grown = product_[:, None] * vectors[None]
        fits = (sizes % grown == 0).all(axis=2)
        first, second = np.nonzero(fits)
        if len(first) > _MOST:
            raise TooManyPartsError
        found = np.concatenate([found[first], vectors[second][:, None]], axis=1)
        product_ = grown[first, second]
    good = np.ones(len(found), dtype=bool)
    for dimension, size in enumerate(frame.sizes):
        rests = size // product_[:, dimension]
        for rest in np.unique(rests):
            if not _dealable(frame, dimension, int(rest)):
                good &= rests != rest
    spread = Spread(found[good])
    return Spread(spread.factors[spread.used() >= frame.space.least_used])


def _dealable(frame: Frame, dimension: int, rest: int) -> bool:
    """Whether `rest` iterations can be dealt to loops over time."""
    open_ = {rest}
    for number in frame.temporal:
        limits = frame.space.limits[number][frame.dimensions[dimension]]
        open_ = {
            each // factor
            for each in open_
            for factor in divisors(each)
            if limits.least <= factor <= limits.most
        }
    return 1 in open_


def _vectors(frame: Frame, group: int) -> set[tuple[int, ...]]:
    """Return what a group of fan-outs can spread of each dimension."""
    found = {(1,) * len(frame.sizes)}
    numbers = frame.groups[group]
    while numbers:
        level = frame.space.places[numbers[0]].level
        own = [number for number in numbers if frame.space.places[number].level == level]
        numbers = numbers[len(own) :]
        here = {tuple(int(each) for each in np.prod(rows, axis=0)) for rows in _level(frame, own)}
        if len(found) * len(here) > 4 * _MOST:
            raise TooManyPartsError
        found = {tuple(map(int.__mul__, one, other)) for one, other in product(found, here)}
        found = {
            each
            for each in found
            if all(size % factor == 0 for size, factor in zip(frame.sizes, each, strict=True))
        }
    return found


def _level(frame: Frame, numbers: list[int]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Return the factors along X and Y that one fan-out can have."""
    for rows in product(*(_place(frame, number) for number in numbers)):
        if len(rows) > 1 and any(a > 1 and b > 1 for a, b in zip(*rows, strict=True)):
            continue  # one loop of a dimension, along X or along Y
        yield rows


def _place(frame: Frame, number: int) -> list[tuple[int, ...]]:
    place = frame.space.places[number]
    fan_out = _fan_out(frame, place)
    found: list[tuple[tuple[int, ...], int]] = [((), 1)]
    for dimension, size in zip(frame.dimensions, frame.sizes, strict=True):
        limits = frame.space.limits[number][dimension]
        factors = [f for f in _small_divisors(size, fan_out) if limits.least <= f <= limits.most]
        found = [
            ((*taken, factor), used * factor)
            for taken, used in found
            for factor in factors
            if used * factor <= fan_out
        ]
        if len(found) > _MOST:
            raise TooManyPartsError
    return [taken for taken, _ in found]


def _small_divisors(size: int, most: int) -> list[int]:
    return [each for each in divisors(size) if each <= most]


def _fan_out(frame: Frame, place: Place) -> int:
    storage = frame.space.machine.levels[place.level]
    return storage.fan_out_x if place.kind == "x" else storage.fan_out_y


def placements(frame: Frame, spread: Integers) -> Integers:
    """Return all ways to place one spread `[groups, D]` on the fan-outs, `[N, places, D]`.

    Places of loops over time hold ones.
    """
    choices = [_placed(frame, group, tuple(row)) for group, row in enumerate(spread.tolist())]
    rows = []
    for chosen in product(*choices):
        row = np.ones((len(frame.space.places), len(frame.sizes)), dtype=np.int64)
        for given in chosen:
            for number, factors in given:
                row[number] = factors
        rows.append(row)
    return np.array(rows, dtype=np.int64)


def _placed(
    frame: Frame, group: int, wanted: tuple[int, ...]
) -> list[tuple[tuple[int, tuple[int, ...]], ...]]:
    levels: dict[int, list[int]] = {}
    for number in frame.groups[group]:
        levels.setdefault(frame.space.places[number].level, []).append(number)
    found: list[tuple[tuple[tuple[int, tuple[int, ...]], ...], tuple[int, ...]]] = [((), wanted)]
    for numbers in levels.values():
        options = list(_level(frame, numbers))
        grown = []
        for taken, rest in found:
            for rows in options:
                here = tuple(int(each) for each in np.prod(rows, axis=0))
                if all(r % h == 0 for r, h in zip(rest, here, strict=True)):
                    left = tuple(r // h for r, h in zip(rest, here, strict=True))
                    grown.append(((*taken, *zip(numbers, rows, strict=True)), left))
        found = grown
    return [taken for taken, rest in found if all(each == 1 for each in rest)]
