"""How many values of a tile are not zero: Timeloop's density models.

A model answers for boxes of data. "Given" probabilities are those of a part of a tile whose
occupancy is known.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from red_timeloop.engines.embedded.arithmetic import volume
from red_timeloop.engines.embedded.sparse.banded import Banded
from red_timeloop.engines.embedded.sparse.loops import Box
from red_timeloop.errors import InputError
from red_timeloop.spec.sparsity import Density

__all__ = ["DensityModel", "FixedStructured", "Hypergeometric", "density_model"]

_FUDGE = 1 + 2.0**-52
_EXACT = decimal.Context(prec=40, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)


class DensityModel(Protocol):
    """What the analysis asks of a distribution."""

    @property
    def scalar(self) -> float:
        """Expected number of values that are not zero in a tile of one."""

    def maximum(self, tile: Box, confidence: float = 1.0) -> int:
        """Return the occupancy that a tile does not exceed, at some confidence."""

    def minimum(self, tile: Box, words: int) -> int:
        """Return the least occupancy of a tile of so many words."""

    def probability(self, tile: Box, occupancy: int) -> float:
        """Return the probability of an occupancy."""

    def probabilities(self, tile: Box) -> Sequence[tuple[int, float]]:
        """Return all occupancies that are possible with their probabilities, ascending."""

    def empty_given(self, part: Box, whole: tuple[Box, int, int]) -> float:
        """Return the probability that a part of a tile of known words and occupancy is empty."""

    def most_parts(self, tile: Box, part: Box) -> int:
        """Return how many parts of a tile have values, at most."""


def density_model(density: Density | None, tensor: Box) -> DensityModel:
    """Return the model of a tensor; without a density, all its values count.

    Raises:
        InputError: The distribution cannot describe the tensor.
    """
    if density is None:
        return FixedStructured(1.0)
    if density.distribution == "fixed_structured":
        return FixedStructured(density.density)
    if density.distribution == "hypergeometric":
        size = volume(tensor)
        return Hypergeometric(size, math.ceil(density.density * size))
    if len(tensor) != 2 or tensor[0] != tensor[1]:
        raise InputError(
            f"a banded tensor of {' x '.join(map(str, tensor))} values",
            key="densities",
            legal="a square matrix",
        )
    return Banded(tensor[0], density.band_width)


@dataclass(frozen=True)
class FixedStructured:
    """Every tile holds its share, rounded down or up."""

    share: float

    @property
    def scalar(self) -> float:
        """See `DensityModel`."""
        return self.share

    def maximum(self, tile: Box, confidence: float = 1.0) -> int:
        """See `DensityModel`."""
        exact = volume(tile) * self.share
        down = 1 - (exact - math.floor(exact))
        return math.floor(exact) if confidence <= down else math.ceil(exact)

    def minimum(self, tile: Box, words: int) -> int:
        """See `DensityModel`."""
        size = volume(tile)
        return math.floor(math.floor(size * self.share) / size * words)

    def probability(self, tile: Box, occupancy: int) -> float:
        """See `DensityModel`."""
        return _rounding(volume(tile) * self.share, occupancy)

    def probabilities(self, tile: Box) -> Sequence[tuple[int, float]]:
        """See `DensityModel`."""
        exact = volume(tile) * self.share
        occupancies = dict.fromkeys((math.floor(exact), math.ceil(exact)))
        found = [(each, self.probability(tile, each)) for each in occupancies]
        return [(each, chance) for each, chance in found if chance]

    def empty_given(self, part: Box, whole: tuple[Box, int, int]) -> float:
        """See `DensityModel`."""
        _, words, occupancy = whole
        return _rounding(volume(part) * (occupancy / words), 0)

    def most_parts(self, tile: Box, part: Box) -> int:
        """See `DensityModel`."""
        return min(_parts(tile, part), self.maximum(tile))


def _rounding(exact: float, occupancy: int) -> float:
    """Return the probability that `exact` is rounded to `occupancy`."""
    up = exact - math.floor(exact)
    if occupancy == math.floor(exact):
        return 1 - up
    return up if occupancy == math.ceil(exact) else 0.0


@dataclass(frozen=True)
class Hypergeometric:
    """The values that are not zero are drawn from all places of the tensor."""

    size: int
    nonzeros: int

    @property
    def scalar(self) -> float:
        """See `DensityModel`."""
        return self.nonzeros / self.size

    def maximum(self, tile: Box, confidence: float = 1.0) -> int:
        """See `DensityModel`."""
        if confidence == 1.0:
            return min(volume(tile), self.nonzeros)
        return self._quantile(volume(tile), confidence)

    def minimum(self, tile: Box, words: int) -> int:
        """Return 0 but for the whole tensor, which is how Timeloop's arithmetic comes out."""
        if volume(tile) < self.size or self.nonzeros == 0:
            return 0
        return math.floor(self.nonzeros / self.size * words)

    def probability(self, tile: Box, occupancy: int) -> float:
        """See `DensityModel`."""
        if occupancy == 0:
            return _none_drawn(self.size, self.nonzeros, volume(tile))
        return dict(_draws(self.size, self.nonzeros, volume(tile))).get(occupancy, 0.0)

    def probabilities(self, tile: Box) -> Sequence[tuple[int, float]]:
        """See `DensityModel`."""
        return _draws(self.size, self.nonzeros, volume(tile))

    def empty_given(self, part: Box, whole: tuple[Box, int, int]) -> float:
        """See `DensityModel`."""
        _, words, occupancy = whole
        chances = _none_of(words, volume(part))
        return chances[occupancy] if occupancy < len(chances) else 0.0

    def most_parts(self, tile: Box, part: Box) -> int:
        """See `DensityModel`."""
        return min(_parts(tile, part), self.maximum(tile))

    def _quantile(self, words: int, confidence: float) -> int:
        """Return the quantile as Boost does: the nearest occupancy, rounded away from the half.

        (`hypergeometric_quantile_imp` with its default policy, `integer_round_outwards`.)
        """
        chances = dict(_draws(self.size, self.nonzeros, words))
        least, most = max(0, words + self.nonzeros - self.size), min(words, self.nonzeros)
        if confidence > 0.5:
            beyond, occupancy, passed = 1 - confidence, most, 0.0
            while passed + chances.get(occupancy, 0.0) / 2 < beyond:
                passed += chances.get(occupancy, 0.0)
                occupancy -= 1
            return min(occupancy + 1, most) if beyond < passed * _FUDGE else occupancy
        occupancy, passed = least, chances.get(least, 0.0)
        while passed < confidence:
            following = chances.get(occupancy + 1, 0.0)
            if passed + following / 2 > confidence:
                break
            occupancy += 1
            passed += following
        if confidence == 0.5:
            return min(occupancy + 1, most) if passed < confidence * _FUDGE else occupancy
        return max(occupancy - 1, least) if confidence < passed * _FUDGE else occupancy


def _parts(tile: Box, part: Box) -> int:
    if volume(tile) % volume(part):
        raise InputError(
            f"spatial skipping in a tile of {volume(tile)} words with parts of {volume(part)}",
            key="sparse_optimizations",
            legal="parts that do not overlap",
        )
    return volume(tile) // volume(part)


def _product(numerators: Sequence[int], denominators: Sequence[int]) -> decimal.Decimal:
    result = decimal.Decimal(1)
    for above, below in zip(numerators, denominators, strict=True):
        result = _EXACT.divide(_EXACT.multiply(result, above), below)
    return result


@lru_cache(maxsize=4096)
def _none_drawn(size: int, nonzeros: int, words: int) -> float:
    """Return the probability that `words` places of `size` hold none of the `nonzeros`."""
    few, many = sorted((nonzeros, words))
    if few + many > size:
        return 0.0
    return float(_product(range(size - many, size - many - few, -1), range(size, size - few, -1)))


@lru_cache(maxsize=512)
def _draws(size: int, nonzeros: int, words: int) -> tuple[tuple[int, float], ...]:
    """Return how many of the `nonzeros` lie in `words` places, with probabilities not 0."""
    zeros = size - nonzeros
    occupancy = max(0, words - zeros)
    if occupancy:
        chance = _product(range(words, words - zeros, -1), range(size, size - zeros, -1))
    else:
        few, many = sorted((nonzeros, words))
        chance = _product(range(size - many, size - many - few, -1), range(size, size - few, -1))
    found = []
    while occupancy <= min(words, nonzeros):
        if float(chance):
            found.append((occupancy, float(chance)))
        more = (nonzeros - occupancy) * (words - occupancy)
        occupancy += 1
        if more:
            chance = _EXACT.divide(
                _EXACT.multiply(chance, more), occupancy * (zeros - words + occupancy)
            )
    return tuple(found)


@lru_cache(maxsize=512)
def _none_of(size: int, words: int) -> tuple[float, ...]:
    """Return for 0, 1, ... values in `size` places the probability that `words` hold none."""
    chances = [decimal.Decimal(1)]
    for occupancy in range(size - words):
        chances.append(
            _EXACT.divide(_EXACT.multiply(chances[-1], size - words - occupancy), size - occupancy)
        )
        if not float(chances[-1]):
            break
    return tuple(map(float, chances))
