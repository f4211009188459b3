"""The points of a sweep: values of its parameters, in blocks that share a mapping."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Axis", "Block", "Sampling", "Space", "Value"]

Value = int | float | str | bool | None
Sampling = Literal["product", "zip", "random", "latin_hypercube"]


@dataclass(frozen=True)
class Axis:
    """One parameter: listed values, or a range to draw from.

    Attributes:
        name: Name of the parameter.
        values: The values, for a parameter that has no range.
        low: Low end of the range.
        high: High end of it.
        log: Whether the range is drawn from evenly in its logarithm.
        whole: Whether only whole numbers are legal.
    """

    name: str
    values: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def at(self, shares: NDArray[np.float64]) -> list[Value]:
        """Return the values at `shares` (each in [0, 1)) of the axis.

        >>> Axis("rows", values=(64, 128)).at(np.array([0.1, 0.5]))
        [64, 128]
        >>> Axis("rows", low=64, high=1024, log=True, whole=True).at(np.array([0.25, 0.5]))
        [128, 256]
        """
        if self.values:
            return [self.values[int(share * len(self.values))] for share in shares]
        if self.log:
            drawn = self.low * (self.high / self.low) ** shares
        else:
            drawn = self.low + (self.high - self.low) * shares
        # Rounding must not carry a value beyond the range's end.
        drawn = np.clip(drawn, self.low, self.high)
        return list(np.rint(drawn).astype(int).tolist() if self.whole else drawn.tolist())

    def at_ends(self) -> tuple[Value, Value]:
        """Return the ends of the range."""
        if self.whole:
            return int(self.low), int(self.high)
        return self.low, self.high

    @staticmethod
    def spaced(low: float, high: float, steps: int, log: bool, whole: bool) -> tuple[Value, ...]:
        """Return `steps` values from `low` to `high`, both included, each value once.

        >>> Axis.spaced(1, 8, 4, log=True, whole=True)
        (1, 2, 4, 8)
        """
        spaced = np.geomspace(low, high, steps) if log else np.linspace(low, high, steps)
        values = np.rint(spaced).astype(int).tolist() if whole else spaced.tolist()
        return tuple(dict.fromkeys(values))


@dataclass(frozen=True)
class Block:
    """Points that differ in the `varied` parameters only.

    Attributes:
        count: Number of points.
        shared: Value of each parameter that is the same in all of them.
        varied: Values of the others, one for each point.
    """

    count: int
    shared: Mapping[str, Value]
    varied: Mapping[str, NDArray[np.float64]]

    def select(self, rows: Sequence[int]) -> Block:
        """Return the block of some of the points."""
        index = np.asarray(rows, dtype=np.intp)
        return Block(
            len(rows), self.shared, {name: values[index] for name, values in self.varied.items()}
        )


@dataclass(frozen=True)
class Space:
    """All points of a sweep over one workload and one parameter set.

    Attributes:
        axes: The parameters.
        sampling: `product` of all values, `zip` (the values of all axes side by side), `random`
            or `latin_hypercube` (each axis cut into as many equal shares as there are points,
            one point in each: McKay, Beckman and Conover, Technometrics 1979).
        points: Points to draw; only for the last two.
        seed: Seed of the draw.
    """

    axes: tuple[Axis, ...]
    sampling: Sampling = "product"
    points: int = 1
    seed: int = 0

    @property
    def size(self) -> int:
        """Number of points.

        >>> Space((Axis("rows", (64, 128)), Axis("fold", (1, 2, 4)))).size
        6
        """
        if self.sampling == "product":
            return math.prod(len(axis.values) for axis in self.axes)
        if self.sampling == "zip":
            return len(self.axes[0].values) if self.axes else 1
        return self.points

    def blocks(self, varying: frozenset[str], most: int) -> Iterator[Block]:
        """Yield all points, those that differ in `varying` parameters only together.

        Args:
            varying: Names of parameters that may differ within a block.
            most: The most points of a block.
        """
        if self.sampling == "product":
            yield from self._product(varying, most)
            return
        columns = self._columns()
        shared = [axis.name for axis in self.axes if axis.name not in varying]
        groups: dict[tuple[Value, ...], list[int]] = {}
        for row, key in enumerate(zip(*(columns[name] for name in shared), strict=True)):
            groups.setdefault(key, []).append(row)
        if not shared:
            groups = {(): list(range(self.size))}
        arrays = {
            axis.name: np.asarray(columns[axis.name], dtype=float)
            for axis in self.axes
            if axis.name in varying
        }
        for key, rows in groups.items():
            whole = Block(self.size, dict(zip(shared, key, strict=True)), arrays)
            for start in range(0, len(rows), most):
                yield whole.select(rows[start : start + most])

    def _product(self, varying: frozenset[str], most: int) -> Iterator[Block]:
        """Yield the product lazily: a sweep may have more points than memory."""
        outer = [axis for axis in self.axes if axis.name not in varying]
        inner = [axis for axis in self.axes if axis.name in varying]
        values = [np.asarray(axis.values, dtype=float) for axis in inner]
        lengths = tuple(len(column) for column in values)
        total = math.prod(lengths)
        for chosen in itertools.product(*(axis.values for axis in outer)):
            shared = {axis.name: value for axis, value in zip(outer, chosen, strict=True)}
            for start in range(0, total, most):
                numbers = np.arange(start, min(start + most, total))
                indices = np.unravel_index(numbers, lengths) if lengths else ()
                varied = {
                    axis.name: column[index]
                    for axis, column, index in zip(inner, values, indices, strict=True)
                }
                yield Block(len(numbers), shared, varied)

    def _columns(self) -> dict[str, list[Value]]:
        """Return the values of each axis, one for each point."""
        if self.sampling == "zip":
            return {axis.name: list(axis.values) for axis in self.axes}
        generator = np.random.default_rng(self.seed)
        columns = {}
        for axis in self.axes:
            shares = generator.random(self.points)
            if self.sampling == "latin_hypercube":
                shares = (generator.permutation(self.points) + shares) / self.points
                # The sum may round up to the next share's begin, and the last one's end is 1.
                shares = np.minimum(shares, np.nextafter(1.0, 0.0))
            columns[axis.name] = axis.at(shares)
        return columns
