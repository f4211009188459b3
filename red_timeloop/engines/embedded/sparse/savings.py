"""Where accesses are gated or skipped, and how many of them: the storage optimizations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from red_timeloop.engines.embedded.arithmetic import volume
from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.engines.embedded.sparse.density import DensityModel
from red_timeloop.engines.embedded.sparse.loops import FullLoop, FullNest, box
from red_timeloop.engines.embedded.sparse.machine import SparseStorage
from red_timeloop.engines.embedded.sparse.tiles import Tile
from red_timeloop.errors import InputError
from red_timeloop.spec.sparsity import Condition

__all__ = ["Saving", "find_savings"]

Tiles = Sequence[Sequence[Tile | None]]  # [data space][level]


@dataclass(frozen=True)
class Saving:
    """Accesses to a tile that are saved: how, and which share of them."""

    how: Literal["gated", "skipped"]
    probability: float


def find_savings(
    shape: Shape,
    nest: FullNest,
    machine: Machine,
    storages: Sequence[SparseStorage],
    tiles: Tiles,
) -> dict[tuple[int, int], Saving]:
    """Return the savings by (data space, level).

    Of several optimizations of one tile the one that saves most counts, gating before skipping
    where they save the same.

    Raises:
        InputError: An optimization's target is kept nowhere from the level out.
    """
    found: dict[tuple[int, int], Saving] = {}
    words: tuple[tuple[str, Literal["gated", "skipped"]], ...] = (
        ("gating", "gated"),
        ("skipping", "skipped"),
    )
    for kind, how in words:
        for level, storage in enumerate(storages):
            for action in storage.sparse.actions:
                if action.type != kind:
                    continue
                place, probability = _best(
                    action.options, level, shape, nest, machine, storages, tiles
                )
                if place not in found or found[place].probability < probability:
                    found[place] = Saving(how, probability)
    return found


def _best(
    options: Sequence[Condition],
    level: int,
    shape: Shape,
    nest: FullNest,
    machine: Machine,
    storages: Sequence[SparseStorage],
    tiles: Tiles,
) -> tuple[tuple[int, int], float]:
    """Return (data space, level) and probability of the option that saves most energy."""
    names = [tensor.name for tensor in shape.tensors]
    best = 0.0
    chosen: tuple[tuple[int, int], float] | None = None
    for option in options:
        target = names.index(option.target)
        place = _source(target, level, tiles)
        if place is None:
            raise InputError(
                f"{option.target} is kept neither here nor further out", key=storages[level].name
            )
        conditions = [names.index(name) for name in option.condition_on]
        probability = _probability(target, place, conditions, shape, nest, machine, tiles)
        tile = tiles[target][place]
        assert tile is not None
        sent = tiles[target][tile.child] if tile.child is not None else tile
        assert sent is not None
        # a quotient of whole numbers in Timeloop, mostly 0
        weight = storages[place].metadata.word_bits // storages[place].word_bits
        units = 0.0
        for metadata, payload in sent.units:
            units += metadata + payload
        cost = machine.levels[place].read_energy / machine.levels[place].block_size
        saved = cost * (tile.occupancy + units * weight) * probability
        if chosen is None or saved >= best:
            best, chosen = max(best, saved), ((target, place), probability)
    assert chosen is not None
    return chosen


def _source(target: int, level: int, tiles: Tiles) -> int | None:
    """Return the level that serves the target at `level`."""
    for place in range(level, len(tiles[target])):
        if tiles[target][place] is not None:
            return place
    return None


def _probability(
    target: int,
    place: int,
    conditions: Sequence[int],
    shape: Shape,
    nest: FullNest,
    machine: Machine,
    tiles: Tiles,
) -> float:
    """Return the share of the target's accesses at level `place` that are of no effect."""
    tile = tiles[target][place]
    assert tile is not None
    relevant = shape.tensors[target].relevant
    level, position, scalar = _target_loop(nest, relevant, tile.child, place)
    loop = nest.levels[level][position]
    extents = list(nest.extents[level][position]) if not scalar else [1] * len(relevant)
    words = volume(box(shape.tensors[target], extents))
    loops = [loop]
    for upper in _stationary(nest, relevant, tile.child, place, (level, position)):
        extents[upper.dimension] *= upper.bound
        loops.append(upper)
    effectual = 1.0
    for condition in conditions:
        model = _model(condition, tiles)
        also = shape.tensors[condition].relevant
        factors = {} if scalar else _co_iterated(loops, relevant, also)
        if factors is None:
            continue
        shared = math.prod(factors.values())
        needed = float(math.ceil(machine.levels[place].block_size / (words / shared)))
        reached = list(extents)
        for dimension, factor in sorted(factors.items()):
            reached[dimension] = math.ceil(reached[dimension] / (factor / needed))
            needed /= factor
        if needed > 1:
            reached[loop.dimension] = int(reached[loop.dimension] * needed)
        empty = model.probability(box(shape.tensors[condition], reached), 0)
        effectual *= 1 - empty
    return 1 - effectual


def _model(condition: int, tiles: Tiles) -> DensityModel:
    return next(tile.model for tile in tiles[condition] if tile is not None)


def _target_loop(
    nest: FullNest, relevant: Sequence[bool], child: int | None, place: int
) -> tuple[int, int, bool]:
    """Return the loop whose iterations ask for the target, and whether they ask for scalars."""
    if child is None:
        return _innermost_loop(nest, relevant, place)
    for level in range(child + 1, place + 1):
        for position, loop in enumerate(nest.levels[level]):
            if not loop.trivial and relevant[loop.dimension]:
                return level, position, False
    return place, len(nest.levels[place]) - 1, False


def _innermost_loop(nest: FullNest, relevant: Sequence[bool], place: int) -> tuple[int, int, bool]:
    """Return the loop just inside the innermost loop over time, or a spatial one before it."""
    for level in range(place + 1):
        loops = nest.levels[level]
        for position, loop in enumerate(loops):
            if position + 1 == len(loops) or not loops[position + 1].spatial:
                return level, position, not loop.spatial
            if not loop.trivial and relevant[loop.dimension]:
                return level, position, False
    raise AssertionError("a level without loops")


def _stationary(
    nest: FullNest,
    relevant: Sequence[bool],
    child: int | None,
    place: int,
    start: tuple[int, int],
) -> Iterator[FullLoop]:
    """Yield the loops outside the target loop over which the target's tile stays in place."""
    level, position = start
    # with a spatial target loop, the loops over time that do not move the target, up to the first
    # that does
    staying = nest.levels[level][position].spatial
    for upper in range(level, place + 1):
        for loop in nest.levels[upper][position + 1 if upper == level else 0 :]:
            if loop.trivial:
                continue
            moves = child is None or relevant[loop.dimension]
            if loop.spatial or (staying and not moves):
                yield loop
            if not loop.spatial and moves:
                staying = False


def _co_iterated(
    loops: Sequence[FullLoop], relevant: Sequence[bool], also: Sequence[bool]
) -> dict[int, int] | None:
    """Return the iterations over dimensions that both tensors depend on.

    None when the condition is walked out of order: a spatial loop over a common dimension with a
    loop over the condition outside it.
    """
    factors: dict[int, int] = {}
    for loop in loops:
        if loops[0].spatial and factors and also[loop.dimension]:
            return None
        if relevant[loop.dimension] and also[loop.dimension]:
            factors[loop.dimension] = factors.get(loop.dimension, 1) * loop.bound
    return factors
