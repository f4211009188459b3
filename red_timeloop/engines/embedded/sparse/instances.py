"""How many instances a sparse mapping uses, at most and on average; spatial skipping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.engines.embedded.sparse.loops import FullNest, box
from red_timeloop.engines.embedded.sparse.machine import SparseStorage
from red_timeloop.engines.embedded.sparse.tiles import Tile
from red_timeloop.errors import InputError

__all__ = ["Instances", "count_instances"]

Tiles = Sequence[Sequence[Tile | None]]  # [data space][level]


@dataclass(frozen=True)
class Instances:
    """Instances in use; position 0 is the compute level, position i + 1 storage level i.

    Attributes:
        most: `most[data space][position]`: (along X, along Y).
        average: `average[data space][position]`.
        compute: Average instances of the compute level.
        compute_most: Most instances of the compute level, along X and along Y.
        skipped: Share of the instances inside a level that spatial skipping does without, by
            (data space, level).
    """

    most: tuple[tuple[tuple[int, int], ...], ...]
    average: tuple[tuple[float, ...], ...]
    compute: float
    compute_most: tuple[int, int]
    skipped: dict[tuple[int, int], float]


def count_instances(
    shape: Shape,
    nest: FullNest,
    machine: Machine,
    storages: Sequence[SparseStorage],
    tiles: Tiles,
    copies: Sequence[int],
) -> Instances:
    """Return the instances in use.

    Args:
        shape: The problem.
        nest: All loops.
        machine: The levels.
        storages: What the levels do about zeros.
        tiles: The tiles.
        copies: Instances of the dense mapping: those of compute, then of every storage level.

    Raises:
        InputError: Spatial skipping on a condition that is not one data space; or the instances
            left after skipping exceed a fan-out.
    """
    spaces = range(len(shape.tensors))
    dense = _expansions(nest)
    skips = list(_skips(shape, storages))
    if not skips:
        average = []
        for row in tiles:
            shares = [tile.arriving if tile is not None else 1.0 for tile in row]
            average.append(
                tuple(count * x for count, x in zip(copies, (1.0, *shares), strict=True))
            )
        most = tuple(tuple(dense) for _ in spaces)
        return Instances(most, tuple(average), float(copies[0]), dense[0], {})
    books = [_Book(number, shape, nest, dense, tiles[number]) for number in spaces]
    for book in books:
        book.compressed()
        book.settle()
    for level, target, given in skips:
        books[target].skip(level, given, tiles)
    for book in books:
        book.summarize({level for level, target, _ in skips if target == book.number})
        book.check_fan_out(machine)
    return Instances(
        tuple(tuple((x, y) for x, y in book.most) for book in books),
        tuple(
            tuple(count * ratio for count, ratio in zip(copies, book.settled, strict=True))
            for book in books
        ),
        max(copies[0] * book.settled[0] for book in books),
        (max(book.most[0][0] for book in books), max(book.most[0][1] for book in books)),
        {(target, level): 1 - books[target].settled[level] for level, target, _ in skips},
    )


def _skips(shape: Shape, storages: Sequence[SparseStorage]) -> Iterator[tuple[int, int, int]]:
    """Yield (level, target, condition) of every spatial skipping."""
    names = [tensor.name for tensor in shape.tensors]
    for level, storage in enumerate(storages):
        for action in storage.sparse.actions:
            if action.type != "spatial_skipping":
                continue
            (option,) = action.options
            if len(option.condition_on) != 1:
                raise InputError(
                    f"spatial skipping of {option.target} on {len(option.condition_on)} data"
                    " spaces",
                    key=storage.name,
                    legal="one",
                )
            yield level, names.index(option.target), names.index(option.condition_on[0])


def _expansions(nest: FullNest) -> list[tuple[int, int]]:
    """Return the instances along X and Y of compute and of every storage level."""
    along_x = along_y = 1
    found = []
    for loops in reversed(nest.levels):
        found.append((along_x, along_y))
        for loop in loops:
            if loop.spatial and loop.along_y:
                along_y *= loop.bound
            elif loop.spatial:
                along_x *= loop.bound
    found.append((along_x, along_y))
    return found[::-1]


class _Book:
    """The instances of one data space while they are worked out, as Timeloop does it.

    Position 0 is compute and position i + 1 storage level i; the loops of level i lead to position
    i. Counts of instances are cut to whole numbers after every step.
    """

    def __init__(
        self,
        number: int,
        shape: Shape,
        nest: FullNest,
        dense: Sequence[tuple[int, int]],
        tiles: Sequence[Tile | None],
    ) -> None:
        self.number, self.shape, self.nest, self.tiles = number, shape, nest, tiles
        self.most = [list(each) for each in dense]
        self.stored = [list(each) for each in dense]  # what the levels were told
        self.ratio = [1.0] * len(dense)
        self.reduced = [False] * len(dense)
        self.settled = [1.0] * len(dense)

    def compressed(self) -> None:
        """Account for the instances that would hold empty tiles of this data space."""
        for level in range(len(self.tiles)):
            source = level
            while self.tiles[source] is None and source < len(self.tiles) - 1:
                source += 1
            tile = self.tiles[source]
            if tile is None or not tile.formats:
                continue
            self._cut(level, self.number, tile, lambda _: [])
            self.reduced[level] = self.ratio[level] != 1.0

    def skip(self, level: int, given: int, every: Tiles) -> None:
        """Account for the instances below `level` where the data space `given` is empty."""
        source = level
        while source < len(self.tiles) and every[given][source] is None:
            source += 1
        tile = every[given][source] if source < len(self.tiles) else None
        self.ratio[level] = 1.0
        if tile is None or not tile.formats:
            return
        own = self.shape.tensors[self.number].relevant
        inside = any(each is not None for each in self.tiles[:level])

        def staying(dimension: int) -> list[tuple[int, int]]:
            return self._staying(level, own) if inside and own[dimension] else []

        self._cut(level, given, tile, staying)

    def _cut(
        self, level: int, given: int, tile: Tile, staying: Callable[[int], list[tuple[int, int]]]
    ) -> None:
        """Leave out instances below `level` where tiles of the data space `given` are empty.

        `staying` names the loops over time that a spatial loop's tile stays in place for.
        """
        relevant = self.shape.tensors[given].relevant
        first = True
        tensor = self.shape.tensors[given]
        for position, loop in enumerate(self.nest.levels[level]):
            if not loop.spatial or loop.trivial or not relevant[loop.dimension]:
                continue
            extents = list(self.nest.below(level, position))
            for dimension, bound in staying(loop.dimension):
                extents[dimension] *= bound
            part = box(tensor, extents)
            if first:
                self.ratio[level] = 1.0 - tile.model.probability(part, 0)
                first = False
            extents[loop.dimension] *= loop.bound
            number = tile.model.most_parts(box(tensor, extents), part)
            axis = int(loop.along_y)
            self.most[level][axis] = int(self.most[level][axis] * (number / loop.bound))

    def _staying(self, level: int, own: Sequence[bool]) -> list[tuple[int, int]]:
        """Return the loops over time in which the target's tile stays in place."""
        found: list[tuple[int, int]] = []
        for upper in range(level, len(self.tiles)):
            for loop in self.nest.levels[upper]:
                if loop.spatial or loop.trivial:
                    continue
                if own[loop.dimension]:
                    return found
                found.append((loop.dimension, loop.bound))
            if self.tiles[upper] is not None:
                break
        return found

    def settle(self) -> None:
        """Pass the smaller number of instances on to the levels inside."""
        for position in reversed(range(1, len(self.most))):
            shares = self._shares(position)
            if shares == [1.0, 1.0]:
                continue
            self.stored[position] = list(self.most[position])
            crossed = False
            for inner in reversed(range(position)):
                self._shrink(inner, shares)
                crossed = crossed or self.reduced[inner]
                if not crossed:
                    self.ratio[inner] *= self.ratio[position]

    def summarize(self, skipping: set[int]) -> None:
        """Fix the instances of every level, outermost first; `skipping` are levels that skip."""
        before = [list(each) for each in self.stored]
        for position in reversed(range(len(self.most))):
            self.settled[position] = self.ratio[position]
            shares = [
                most / old for most, old in zip(self.most[position], before[position], strict=True)
            ]
            if shares == [1.0, 1.0]:
                continue
            crossed = False
            for inner in reversed(range(position)):
                crossed = crossed or inner in skipping
                if not crossed:
                    self.ratio[inner] *= self.ratio[position]
                self._shrink(inner, shares)

    def _shares(self, position: int) -> list[float]:
        pairs = zip(self.most[position], self.stored[position], strict=True)
        return [most / stored for most, stored in pairs]

    def _shrink(self, position: int, shares: Sequence[float]) -> None:
        self.most[position] = [
            int(most * share) for most, share in zip(self.most[position], shares, strict=True)
        ]

    def check_fan_out(self, machine: Machine) -> None:
        """Refuse more instances than a level has."""
        for level, storage in enumerate(machine.levels):
            inner, outer = self.most[level], self.most[level + 1]
            for axis, available in enumerate((storage.fan_out_x, storage.fan_out_y)):
                needed = inner[axis] // outer[axis] if outer[axis] else 0
                if needed > available:
                    raise InputError(
                        f"{needed} instances along {'XY'[axis]}, the fan-out has {available}",
                        key=storage.name,
                    )
