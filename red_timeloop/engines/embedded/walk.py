"""A walk through the loops of a mapping: what every tile is sent, sample by sample.

See `imperfect` for what is sampled and why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.engines.embedded.nest import Nest
from red_timeloop.engines.embedded.pointsets import Points, new_points, size, translated
from red_timeloop.engines.embedded.spatial import Vector
from red_timeloop.errors import InputError

__all__ = ["Walk", "WalkLoop"]

Sets: TypeAlias = list[Points]  # one for each data space
Stamp: TypeAlias = tuple[int, ...]  # which instance, one entry for each storage level outside
Words: TypeAlias = dict[tuple[int, int], float]  # (multicast, groups) -> words


@dataclass(frozen=True)
class WalkLoop:
    """A loop; `last` are the iterations of its last pass, `storage` the level it belongs to."""

    dimension: int
    end: int
    last: int
    spatial: bool
    along_y: bool
    storage: int


@dataclass
class _State:
    """What one instance went through at one loop."""

    held: Sets
    strides: list[Vector | None]
    largest: list[int]
    words: list[Words]
    links: list[int]
    passed: dict[int, Sets] = field(default_factory=dict)  # what its children were sent before


class Walk:
    """The walk through the loops of one mapping; `states[loop]` is what it finds."""

    def __init__(
        self,
        loops: Sequence[WalkLoop],
        boundaries: Sequence[int],
        nest: Nest,
        machine: Machine,
        shape: Shape,
    ) -> None:
        self.loops, self.nest, self.machine, self.shape = loops, nest, machine, shape
        self.boundaries = set(boundaries)
        dimensions = len(shape.sizes)
        self.strides: list[int] = []
        self.full: list[tuple[int, ...]] = []  # extents of full passes up to each loop
        self.rest: list[tuple[int, ...]] = []  # those of the very last pass
        extents, rest = [1] * dimensions, [1] * dimensions
        for loop in loops:
            stride = extents[loop.dimension]
            self.strides.append(stride)
            rest[loop.dimension] += stride * (loop.last - 1)
            extents[loop.dimension] *= loop.end
            self.full.append(tuple(extents))
            self.rest.append(tuple(rest))
        self.imperfect = {}  # innermost imperfect loop of a dimension
        for number in reversed(range(len(loops))):
            if loops[number].end != loops[number].last:
                self.imperfect[loops[number].dimension] = number
        self.indices = [0] * len(loops)
        self.origin = [0] * dimensions
        self.epochs = 1
        self.stamp: list[int] = []
        self.states: list[dict[Stamp, _State]] = [{} for _ in loops]
        self.computes: dict[Stamp, int] = {}

    # what is known of the loops

    def innermost(self, first: int) -> int:
        """Return the loop that a level's children see: the outermost of its spatial loops."""
        while self.loops[first].spatial and self.loops[first + 1].spatial:
            first += 1
        return first

    def fan_out(self, loop: int) -> int:
        """Return the children that the spatial loops from `loop` inwards make."""
        children = 1
        while loop >= 0 and self.loops[loop].spatial:
            children *= self.loops[loop].end
            loop -= 1
        return children

    def used_instances(self) -> list[float]:
        """Return the mean number of instances outside every loop."""
        used: list[float] = []
        product = 1.0
        for number in reversed(range(len(self.loops))):
            used.append(product)
            loop = self.loops[number]
            if not loop.spatial:
                continue
            if loop.last == loop.end:
                product *= loop.end
                continue
            outer, found = 1.0, False
            for other in reversed(self.loops[number + 1 :]):
                if other.dimension == loop.dimension:
                    outer, found = other.last + other.end * (outer - 1), True
            if not found:
                name = self.shape.dimensions[loop.dimension]
                raise InputError(
                    f"the outermost loop of {name} is imperfect ({name}={loop.end},{loop.last})"
                    " and runs across instances",
                    key=self.machine.levels[loop.storage].name,
                )
            product = product * (loop.last + loop.end * (outer - 1)) / outer
        used.reverse()
        return used

    def mean(self, loop: int, index: int) -> tuple[Words, int]:
        """Return the words asked for at a loop and those passed on, the mean of all instances."""
        words: Words = {}
        states = self.states[loop]
        for state in states.values():
            for key, count in state.words[index].items():
                words[key] = words.get(key, 0.0) + count
        links = sum(state.links[index] for state in states.values()) // len(states)
        return {key: count / len(states) for key, count in words.items()}, links

    def largest(self, loop: int, index: int) -> int:
        """Return the words of the largest tile up to a loop, the mean of all instances."""
        states = self.states[loop].values()
        return sum(state.largest[index] for state in states) // len(states)

    def last_pass(self, loop: int, dimension: int) -> bool:
        """Whether all loops of a dimension from `loop` out are in their last iteration."""
        return all(
            self.indices[number] + 1 >= self.loops[number].last
            for number in range(loop, len(self.loops))
            if self.loops[number].dimension == dimension
        )

    # the walk

    def delta(self, number: int) -> Sets:
        """Go through a loop once; return what the tile around it has to be sent for that."""
        boundary = number in self.boundaries
        if boundary:
            self.stamp.append(0)
        state = self._state(number)
        if self.loops[number].spatial:
            self._across(number, state)
        else:
            self._over_time(number, state)
        now = self._working_set(number)
        for index, points in enumerate(now):
            state.largest[index] = max(state.largest[index], size(points))
        storage = self.loops[number].storage
        reuse = self.nest.levels[storage].no_temporal_reuse
        sent: Sets = []
        for index, points in enumerate(now):
            if reuse[index]:
                sent.append(points)
                continue
            found, stride = new_points(points, state.held[index], state.strides[index])
            state.held[index], state.strides[index] = points, stride
            sent.append(found)
        if boundary:
            self.stamp.pop()
        return sent

    def _state(self, number: int) -> _State:
        spaces = len(self.shape.tensors)
        return self.states[number].setdefault(
            tuple(self.stamp[:-1]),
            _State(
                [()] * spaces,
                [None] * spaces,
                [0] * spaces,
                [{} for _ in range(spaces)],
                [0] * spaces,
            ),
        )

    def _working_set(self, number: int) -> Sets:
        high = [
            (self.rest if self.last_pass(number + 1, dimension) else self.full)[number][dimension]
            for dimension in range(len(self.origin))
        ]
        result: Sets = []
        for tensor in self.shape.tensors:
            box = []
            for axis in zip(*tensor.steps, strict=True):
                low = top = 0
                for step, start, extent in zip(axis, self.origin, high, strict=True):
                    ends = (step * start, step * (start + extent - 1))
                    low, top = low + min(ends), top + max(ends)
                box.append((low, top + 1))
            result.append((tuple(box),))
        return result

    def _iterations(self, number: int) -> int:
        loop = self.loops[number]
        return loop.last if self.last_pass(number + 1, loop.dimension) else loop.end

    def _over_time(self, number: int, state: _State) -> None:
        iterations = self._iterations(number)
        if number == 0:
            done = iterations * self.epochs
            key = tuple(self.stamp[:-1])
            self.computes[key] = self.computes.get(key, 0) + done
            for words in state.words:
                words[1, 1] = words.get((1, 1), 0.0) + done
            return
        sent, before = [0] * len(self.shape.tensors), [0] * len(self.shape.tensors)
        dimension, saved = self.loops[number].dimension, self.origin[self.loops[number].dimension]
        self.indices[number] = 0
        for times, counted in self._samples(number, iterations):
            epochs = self.epochs
            self.epochs *= times
            found = self.delta(number - 1)
            self.epochs = epochs
            if counted is not None:
                before = [size(points) for points in found]
            sent = [a + b * (counted or 1) for a, b in zip(sent, before, strict=True)]
            self.origin[dimension] += self.strides[number] * times
            self.indices[number] += times
        self.origin[dimension] = saved
        if number - 1 in self.boundaries:
            for words, total in zip(state.words, sent, strict=True):
                words[1, 1] = words.get((1, 1), 0.0) + total * self.epochs

    def _samples(self, number: int, iterations: int) -> list[tuple[int, int | None]]:
        """Return the iterations that are gone through: for how many each stands, in time and words.

        None says that the words of the sample before are counted once more.
        """
        loop = self.loops[number]
        inside = self.imperfect.get(loop.dimension, number) < number
        to_last = inside and self.last_pass(number + 1, loop.dimension)
        to_second_last = to_last and loop.end != loop.last
        samples: list[tuple[int, int | None]] = [(1, 1)]
        apart = 1 + to_last + to_second_last  # iterations that are gone through by themselves
        if iterations > apart:
            middle = iterations - apart
            samples.append((middle, middle))
        if to_second_last and iterations >= 3:
            samples.append((1, None if iterations >= 4 else 1))
        if to_last and iterations >= 2:
            again = not to_second_last and iterations >= 3
            samples.append((1, None if again else 1))
        return samples

    def _across(self, number: int, state: _State) -> None:
        """Go through the spatial loops from `number` inwards: what the children are sent."""
        deltas: dict[int, Sets] = {}
        self._fill(number, deltas, 0, 0, number)
        level = self.nest.levels[self.loops[number].storage]
        for index in range(len(self.shape.tensors)):
            alone = level.no_multicast[index]
            plain = _shared({key: sets[index] for key, sets in deltas.items()}, alone, self.epochs)
            chosen = plain
            if not all(level.no_link_transfer):
                linked = self._linked(number, index, deltas, state.passed)
                if level.no_link_transfer[index]:
                    linked = set()
                rest = {key: sets[index] for key, sets in deltas.items() if key not in linked}
                passing = _shared(rest, alone, self.epochs)
                if int(sum(passing.values())) < int(sum(plain.values())):
                    chosen = passing
                    state.links[index] += sum(
                        size(deltas[key][index]) * self.epochs for key in linked
                    )
            for kind, count in chosen.items():
                words = state.words[index]
                words[kind] = words.get(kind, 0.0) + count
        state.passed = deltas

    def _fill(
        self, number: int, deltas: dict[int, Sets], base: int, stride: int, moved: int
    ) -> None:
        """Find what every child is sent; only the first one is walked through.

        Args:
            number: The spatial loop.
            deltas: What is found, by the child's number.
            base: Number of the first child of this pass, in units of the loops outside.
            stride: How many children before lies the one that stands for a child; 0 for the first.
            moved: The loop over which the two differ.
        """
        loop = self.loops[number]
        iterations = self._iterations(number)
        base *= iterations
        saved = self.origin[loop.dimension]
        if number == 0:
            for index in range(iterations):
                self.indices[0] = index
                deltas[base + index] = self._point()
                self.stamp[-1] = base + index
                key = tuple(self.stamp)
                self.computes[key] = self.computes.get(key, 0) + self.epochs
            return
        if self.loops[number - 1].spatial:
            for index in range(iterations):
                self.indices[number] = index
                self._fill(
                    number - 1,
                    deltas,
                    base + index,
                    1 if index else stride * iterations,
                    number if index else moved,
                )
                self.origin[loop.dimension] += self.strides[number]
            self.origin[loop.dimension] = saved
            return
        start = 0
        if stride == 0:
            self.indices[number] = 0
            self.stamp[-1] = base
            deltas[base] = self.delta(number - 1)
            start, stride, moved = 1, 1, number
        else:
            stride *= iterations
        over = self.loops[moved].dimension
        steps = [
            [step * self.strides[moved] for step in tensor.steps[over]]
            for tensor in self.shape.tensors
        ]
        for index in range(start, iterations):
            self.indices[number] = index
            source = deltas[base + index - stride]
            deltas[base + index] = [
                translated(points, step) for points, step in zip(source, steps, strict=True)
            ]

    def _point(self) -> Sets:
        """Return the data of the single point that the indices stand for."""
        position = [0] * len(self.origin)
        for number, loop in enumerate(self.loops):
            position[loop.dimension] += self.strides[number] * self.indices[number]
        result: Sets = []
        for tensor in self.shape.tensors:
            axes = zip(*tensor.steps, strict=True)
            values = [sum(a * b for a, b in zip(axis, position, strict=True)) for axis in axes]
            result.append((tuple((each, each + 1) for each in values),))
        return result

    def _linked(
        self, number: int, index: int, deltas: AbstractMapping[int, Sets], before: dict[int, Sets]
    ) -> set[int]:
        """Return the children that find what they need at a neighbour, which had it before."""
        loop = self.loops[number]
        storage = self.machine.levels[loop.storage]
        level = self.nest.levels[loop.storage]
        columns = max(storage.fan_out_x, math.prod(n for _, n in level.spatial_x))
        found = set()
        for key, sets in deltas.items():
            row, column = divmod(key, columns)
            for other_row, other_column in (
                (row - 1, column),
                (row + 1, column),
                (row, column - 1),
                (row, column + 1),
            ):
                if not 0 <= other_column < columns:
                    continue
                other = before.get(other_row * columns + other_column)
                if other is not None and sorted(other[index]) == sorted(sets[index]):
                    found.add(key)
        return found


def _shared(deltas: AbstractMapping[int, Points], alone: bool, epochs: int) -> Words:
    """Return the words that children ask for, by how many share them and in how many groups."""
    groups: dict[Points, int] = {}
    if alone:
        counts = [(points, 1) for points in deltas.values()]
    else:
        for points in deltas.values():
            key = tuple(sorted(points))
            groups[key] = groups.get(key, 0) + 1
        counts = list(groups.items())
    totals: dict[int, tuple[int, int]] = {}
    for points, members in counts:
        if words := size(points):
            total, number = totals.get(members, (0, 0))
            totals[members] = (total + words * epochs, number + 1)
    return {(members, number): float(total) for members, (total, number) in totals.items()}
