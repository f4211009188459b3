"""Which loops a rank of a compressed tile stands for, and the units of metadata that it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from red_timeloop.engines.embedded.arithmetic import volume
from red_timeloop.engines.embedded.machine import Shape, Tensor
from red_timeloop.engines.embedded.sparse.density import DensityModel
from red_timeloop.engines.embedded.sparse.loops import Box, FullNest, box
from red_timeloop.errors import InputError
from red_timeloop.spec.sparsity import Rank

__all__ = ["TileRank", "Units", "assign_ranks", "rank_units"]

Units: TypeAlias = tuple[float, float]  # (metadata, payload)
Subnest: TypeAlias = list[tuple[int, int, Box]]  # (dimension, bound, data up to this loop)


@dataclass(frozen=True)
class TileRank:
    """One rank of a tile.

    Attributes:
        loops: (dimension, bound) of the loops it stands for, the outermost first.
        tile: The data up to its outermost loop.
        inside: The data under one coordinate of the rank.
        fiber: Coordinates of one fiber.
    """

    loops: tuple[tuple[int, int], ...]
    tile: Box
    inside: Box
    fiber: int


def assign_ranks(
    tensor: Tensor,
    shape: Shape,
    nest: FullNest,
    level: int,
    child: int | None,
    ranks: Sequence[Rank],
    child_ranks: Sequence[TileRank],
) -> tuple[TileRank, ...]:
    """Deal the loops of a level out to its ranks, the outermost loop to the outermost rank.

    Args:
        tensor: The data space.
        shape: The problem.
        nest: All loops.
        level: The level that keeps the tile.
        child: The next inner level that keeps the data space, None for the innermost.
        ranks: The level's ranks, outermost first; none for a tile without metadata, whose loops
            all make one rank.
        child_ranks: The child's ranks where the tile is cut up as the child wants it; they become
            the innermost ones here. Empty where the loops of the levels inside count as the
            level's own.

    Returns:
        The ranks, innermost first.

    Raises:
        InputError: There are more loops than ranks.
    """
    first = 0 if child is None else child + 1
    subnest = _subnest(tensor, nest, first, level)
    if not child_ranks:
        subnest = _with_inner_loops(subnest, nest, first)
    dealt, inner = _deal(subnest, tensor, shape, list(reversed(ranks)), len(child_ranks))
    boxes = [child_ranks[0].inside if child_ranks else (1,) * len(tensor.steps[0])]
    boxes += [rank.tile for rank in child_ranks] + inner
    loops = [rank.loops for rank in child_ranks] + dealt
    result = []
    for number, found in enumerate(loops):
        extents = [1] * len(shape.dimensions)
        for dimension, bound in found:
            extents[dimension] *= bound
        fiber = volume(box(tensor, extents))
        result.append(TileRank(tuple(found), boxes[number + 1], boxes[number], fiber))
    return tuple(result)


def _subnest(tensor: Tensor, nest: FullNest, first: int, last: int) -> Subnest:
    """Return the loops that move the data, innermost first."""
    relevant = tensor.relevant
    return [
        (loop.dimension, loop.bound, box(tensor, reached))
        for level in range(first, last + 1)
        for loop, reached in zip(nest.levels[level], nest.extents[level], strict=True)
        if relevant[loop.dimension]
    ]


def _with_inner_loops(subnest: Subnest, nest: FullNest, first: int) -> Subnest:
    """Multiply the loops of the levels inside into the innermost loop of the same dimension."""
    inside = list(nest.below(first, 0))
    result = []
    for dimension, bound, data in subnest:
        result.append((dimension, bound * inside[dimension], data))
        inside[dimension] = 1
    return result


def _deal(
    subnest: Subnest, tensor: Tensor, shape: Shape, ranks: list[Rank], lowest: int
) -> tuple[list[tuple[tuple[int, int], ...]], list[Box]]:
    """Return the loops of ranks `lowest` and up, and the data up to each, innermost first.

    A rank that may not take the loop before it stays empty, and is then taken for the outermost
    one, as in Timeloop.
    """
    loops = [each for each in reversed(subnest) if each[1] > 1]
    empty = subnest[0][2]
    dealt: list[tuple[tuple[int, int], ...]] = []
    boxes: list[Box] = []
    rank = len(ranks) or 1
    while rank > lowest and loops:
        rank -= 1
        alone, together = _sharing(ranks[rank] if ranks else None, loops[0][0], shape)
        if not alone and loops[0][0] not in together:
            dealt.append(())
            boxes.append(empty)
            continue
        boxes.insert(0, loops[0][2])
        taken = [loops.pop(0)[:2]]
        while loops and loops[0][0] in together:
            taken.append(loops.pop(0)[:2])
        dealt.insert(0, tuple(taken))
    while rank > lowest:
        rank -= 1
        dealt.insert(0, ())
        boxes.insert(0, empty)
    if loops:
        names = ", ".join(f"{shape.dimensions[d]}={bound}" for d, bound, _ in loops)
        raise InputError(
            f"the loops {names} of {tensor.name} are more than its {len(ranks) or 1} ranks can take"
        )
    return dealt, boxes


def _sharing(rank: Rank | None, dimension: int, shape: Shape) -> tuple[bool, set[int]]:
    """Return whether any single loop may have the rank, and the dimensions that share it."""
    if rank is None:
        return False, set(range(len(shape.dimensions)))
    for listed in rank.flattened:
        if shape.dimensions[dimension] in listed:
            return False, {shape.index(name) for name in listed}
    return not rank.flattened, set()


def rank_units(
    formats: Sequence[Rank],
    ranks: Sequence[TileRank],
    whole: tuple[Box, int, int],
    model: DensityModel,
) -> list[Units]:
    """Return the units of every rank, innermost first, of a tile of known occupancy.

    Args:
        formats: The ranks' formats, innermost first.
        ranks: The ranks, innermost first.
        whole: The tile: its box, its words, and its values that are not zero.
        model: How they lie.
    """
    found: list[Units] = []
    fibers, current = 1, whole[0]
    for number in reversed(range(len(formats))):
        rank = ranks[number]
        if rank.fiber == 1 and number != len(formats) - 1:
            found.insert(0, (0.0, 0.0))
        else:
            full = fibers * (1 - model.empty_given(current, whole))
            coordinates = rank.fiber * (1 - model.empty_given(rank.inside, whole))
            found.insert(0, _units(formats[number].format, full, rank.fiber, coordinates))
        fibers *= rank.fiber
        current = rank.inside
    for number, (metadata, payload) in enumerate(found):
        if metadata or payload:  # the payload of the innermost rank is the data itself
            found[number] = (metadata, 0.0)
            break
    return found


def _units(name: str, fibers: float, shape: int, coordinates: float) -> Units:
    """Return (metadata, payload) of the non-empty `fibers` of a rank."""
    if name == "UOP":
        return 0.0, fibers * (shape + 1)
    if name == "CP":
        units = math.ceil(coordinates) * fibers
        return units, units
    if name == "RLE":
        units = coordinates * fibers
        return units, units
    return fibers * shape, fibers * math.ceil(coordinates)
