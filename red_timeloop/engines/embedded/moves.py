"""What the tiles of a mapping take in as its loops turn.

The rules are Timeloop's (commit 4cf6d4c, default options), in closed form. A tile is a box in the
data space. As the loops outside it advance, the box moves, and only what it did not hold one step
before is moved: the box minus the box one step before. Timeloop samples every loop at its first and
its second iteration and lets the second stand for all later ones; a step that does not repeat the
last stride moves the whole box. Written out, the step in which loop `j` advances and the loops
inside it start over

* moves nothing when no loop inside `j` (or `j` itself) has moved the box, or when the net movement
  is zero;
* moves the part that is new when the net movement is that of the innermost loop that moves the box;
* moves the whole box otherwise.

Each such step happens `(n_j - 1) * product of n_i of all loops outside j` times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from operator import add, sub

from red_timeloop.engines.embedded.arithmetic import axis_widths, overlap, volume
from red_timeloop.engines.embedded.machine import Tensor
from red_timeloop.engines.embedded.nest import LevelNest
from red_timeloop.engines.embedded.spatial import (
    Histogram,
    SpatialLoops,
    Vector,
    link_transfers,
    sharing,
)

__all__ = ["Block", "accesses", "passed_on"]


@dataclass(frozen=True)
class Block:
    """The loops of one level with their strides, and the sizes of the tiles around them."""

    spatial: tuple[tuple[int, int, int], ...]  # (dimension, iterations, stride), innermost first
    columns: int  # of the grid of children
    children: int
    copies: int = 1  # instances of the level that are used
    inner: tuple[int, ...] = ()  # extent of every dimension below the level
    middle: tuple[int, ...] = ()  # with the spatial loops
    outer: tuple[int, ...] = ()  # with all loops


def accesses(
    index: int,
    tensor: Tensor,
    level: LevelNest,
    block: Block,
    steps: SpatialLoops,
    reused: bool,
) -> tuple[dict[tuple[int, int], float], float]:
    """Return the words that the children ask for, by sharing, and those passed between them.

    `steps` are how the loops over time of this level and all outside it move the tile.
    """
    widths = tuple(axis_widths(tensor, block.inner))
    if block.children == 1:
        return {(1, 1): _asked(steps, widths, reused)}, 0.0
    spatial = tensor.vectors(block.spatial)
    grid = block.columns, block.children
    alone, linked = level.no_multicast[index], not level.no_link_transfer[index]
    words, links = _asked_apart(steps, widths, reused, spatial, grid, alone, linked)
    return dict(words), links


# Levels and layers that differ in what does not move a tensor's tiles have much in common: of the
# shipped workloads' levels on the ReRAM designs, half are equal to one before.
@lru_cache(maxsize=1 << 13)
def _asked(steps: SpatialLoops, widths: Vector, reused: bool) -> float:
    """Return the words that an only child asks for."""
    return float(sum([size * times for size, _, _, times in _moves(steps, widths, reused)]))


@lru_cache(maxsize=1 << 13)
def _asked_apart(
    steps: SpatialLoops,
    widths: Vector,
    reused: bool,
    spatial: SpatialLoops,
    grid: tuple[int, int],
    alone: bool,
    linked: bool,
) -> tuple[Mapping[tuple[int, int], float], float]:
    """Return the words that several children ask for; see `accesses`.

    Args:
        steps: How the loops over time move the tile.
        widths: Of the box that a child holds.
        reused: Whether it keeps what it held one step before.
        spatial: How the loops across the children move it.
        grid: Columns of the children there are, and how many children are in use.
        alone: Whether each is sent its own words.
        linked: Whether neighbours pass words on.
    """
    columns, children = grid
    histogram: Histogram = ((1, children),) if alone else sharing(spatial)
    groups = sum(count for _, count in histogram)
    words: dict[tuple[int, int], float] = {}
    links = 0.0
    for size, previous, translation, times in _moves(steps, widths, reused):
        current = histogram
        if size and size == previous and linked:
            block = Block(spatial=(), columns=columns, children=children)
            passed, rest = passed_on(spatial, block, translation, alone)
            if passed and sum(count for _, count in rest) < groups:
                links += size * passed * times
                current = rest
        for multicast, count in current:
            key = multicast, count
            words[key] = words.get(key, 0.0) + size * count * times
    return words, links


def passed_on(
    spatial: SpatialLoops, block: Block, translation: Vector, alone: bool
) -> tuple[int, Histogram]:
    """Return how many children a neighbour serves after such a step, and how the others share."""
    for axis, distance in enumerate(translation):
        if distance and not any(step[axis] for step, _ in spatial):
            return 0, ()
    passed, rest = link_transfers(spatial, block.columns, translation)
    if alone:
        rest = ((1, block.children - passed),)
    return passed, rest


def _moves(steps: SpatialLoops, widths: Vector, reused: bool) -> list[tuple[int, int, Vector, int]]:
    """Return the kinds of steps of a tile: (words moved, words before, translation, times).

    "Words before" are the words moved in the step before, which tell what the neighbours hold; -1
    in the very first step.
    """
    whole = volume(widths)
    still: Vector = (0,) * len(widths)
    outside = prod(count for _, count in steps)
    moves: list[tuple[int, int, Vector, int]] = [(whole, -1, still, 1)]
    first: Vector | None = None
    carried = still
    inner_size = 0  # words moved by a step of the innermost loop
    starts: list[tuple[int, int]] = [(whole, 1)]  # (words, times) of what comes before such a step
    for number, (step, count) in enumerate(steps):
        outside //= count
        times = (count - 1) * outside
        translation = tuple(map(sub, step, carried))
        carried = tuple(map(add, step, carried))
        if not reused:
            size = whole
        elif first is None:
            if any(step):
                first = step
                size = whole - overlap(widths, step)
            else:
                size = 0
        elif not any(translation):
            size = 0
        elif translation == first:
            size = whole - overlap(widths, translation)
        else:
            size = whole
        if number == 0:
            inner_size, inner_count, inner_translation = size, count, translation
        else:
            moves.append((size, inner_size, translation, times))
            starts.append((size, times))
    if steps:
        moves.extend(
            (inner_size, before, inner_translation, (inner_count - 1) * times)
            for before, times in starts
        )
    return moves
