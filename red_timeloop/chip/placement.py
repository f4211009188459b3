"""Where the crossbars of a chain lie on the mesh of chips, and what passes between its routers.

Stages fill tiles in the order of the chain, and tiles follow a curve over the mesh: bands of a few
rows of routers, each band column by column, up and down, forth and back. Consecutive routers are
neighbours (but from band to band), so that stages that talk lie beside each other; a band as high
as a large stage is wide keeps it compact. Of all bands, and those of the mesh turned by a right
angle, the one whose busiest wire has the least to carry is taken, and of these the one of fewest
bits times hops. That is no optimum: tests hold it against all orders on a small mesh.

Every tile of a stage sends to every tile of the next in equal shares, by its row first and then by
the column (dimension order, which needs no virtual channels: Dally and Seitz 1987, from memory). A
word that several tiles of a copy need forks where their ways part, and crosses no wire twice. Links
to other chips and to the host are at the corners of the mesh; words take the nearest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.chips import Chip
from red_timeloop.chip.stage import Stage

__all__ = ["Order", "Placement", "Traffic", "bands", "loads", "place", "routes"]

Floats = NDArray[np.float64]
Order = tuple[tuple[int, int], ...]  # row and column of each router, in the order of the curve

_HEIGHTS = (2, 3, 4)
_MORE = 1 + 1e-9  # more than half, whatever rounding adds
_NONE = 1e-12  # a share below is what rounding leaves of zero


@dataclass(frozen=True)
class Traffic:
    """What an image moves over the routers of a mesh.

    Attributes:
        east: Bits over the wires to the east, one array of rows and columns a chip, the wire that
            leaves each router; those of the last column are zero.
        west: Likewise to the west, those of the first column are zero.
        south: Likewise to the next row.
        north: Likewise to the row before.
        busiest: For each stage of the chain, the bits of all stages over the busiest of the wires
            that its inputs or outputs pass.
        sent: Bits that enter the mesh.
    """

    east: Floats
    west: Floats
    south: Floats
    north: Floats
    busiest: tuple[float, ...]
    sent: float

    @property
    def wires(self) -> Floats:
        """The four, as one array."""
        return np.stack((self.east, self.west, self.south, self.north))

    @property
    def bit_hops(self) -> float:
        """Bits times the wires between routers that they pass."""
        return float(self.wires.sum())

    @property
    def bit_routers(self) -> float:
        """Bits times the routers that they pass: one more than wires."""
        return self.sent + self.bit_hops


@dataclass(frozen=True)
class Placement:
    """The order in which tiles are filled, and what it leads to.

    Attributes:
        order: Row and column of each router along the curve.
        traffic: What an image moves.
    """

    order: Order
    traffic: Traffic


def place(chip: Chip, stages: Sequence[Stage], copies: Sequence[int]) -> Placement:
    """Return the best of the curves for so many copies of each stage."""
    orders = bands(chip.mesh_rows, chip.mesh_columns)
    wires = loads(chip, stages, copies, orders)
    keys = [(float(wires[:, n].max()), float(wires[:, n].sum())) for n in range(len(orders))]
    order = orders[min(range(len(orders)), key=lambda number: keys[number])]
    return Placement(order, routes(chip, stages, copies, order))


@lru_cache(maxsize=16)
def bands(rows: int, columns: int) -> tuple[Order, ...]:
    """Return the curves over a mesh: bands of 2 to 4 routers, and those of the mesh turned.

    Lower and higher bands (and the mesh's row by row) were tried on the networks of the zoo, and
    are hardly ever the best.

    >>> bands(2, 2)[0]
    ((0, 0), (1, 0), (1, 1), (0, 1))
    """
    found = [tuple(_band(rows, columns, height)) for height in _HEIGHTS]
    turned = [tuple(_band(columns, rows, height)) for height in _HEIGHTS[:1]]
    found += [tuple((row, column) for column, row in order) for order in turned]
    return tuple(dict.fromkeys(found))


def _band(rows: int, columns: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield a mesh in bands of `height` rows, each traversed column by column."""
    forth, down = True, True
    for top in range(0, rows, height):
        inside = range(top, min(top + height, rows))
        for column in range(columns) if forth else reversed(range(columns)):
            yield from ((row, column) for row in (inside if down else reversed(inside)))
            down = not down
        forth, down = not forth, True


def routes(chip: Chip, stages: Sequence[Stage], copies: Sequence[int], order: Order) -> Traffic:
    """Return what an image moves over the mesh when tiles are filled along `order`."""
    wires = loads(chip, stages, copies, [order])[:, 0]
    busiest = np.zeros(1 + sum(stage.repeat for stage in stages))
    for part in _parts(chip, stages, copies, [order]):
        uses = _paths(part.source, part.target, part.fork)[:, 0] > _NONE
        most = np.where(uses, wires[:, part.chip, None], 0.0).max(axis=(0, 2, 3))
        np.maximum.at(busiest, part.flows, most)
    sent = sum(s.repeat * s.input_bits for s in stages) + stages[-1].output_bits
    mine = np.maximum(busiest[:-1], busiest[1:])
    east, west, south, north = wires
    return Traffic(east, west, south, north, tuple(mine.tolist()), float(sent))


def loads(
    chip: Chip, stages: Sequence[Stage], copies: Sequence[int], orders: Sequence[Order]
) -> Floats:
    """Return the bits of an image over each wire, when tiles are filled along each of `orders`.

    Shape: the four directions, orders, chips, rows, columns.
    """
    parts = _parts(chip, stages, copies, orders)
    sums = [_paths(p.source * p.bits, p.target, p.fork, summed=True) for p in parts]
    return np.stack(sums, axis=2)


@dataclass(frozen=True)
class _Part:
    """What flows on one chip: inside, to other chips or the host, and from there.

    Attributes:
        chip: Which one.
        flows: Which flow along the chain each is part of: into a stage, the last to the host.
        source: Share of what sends at each router: orders, these parts, rows, columns.
        target: Share of what receives, likewise.
        fork: How many tiles need each word: these parts, 1, 1.
        bits: Bits of each flow: these parts, 1, 1.
    """

    chip: int
    flows: NDArray[np.int64]
    source: Floats
    target: Floats
    fork: Floats
    bits: Floats


def _parts(
    chip: Chip, stages: Sequence[Stage], copies: Sequence[int], orders: Sequence[Order]
) -> Iterator[_Part]:
    chain = np.repeat(np.arange(len(stages)), [stage.repeat for stage in stages])
    each = np.array([s.crossbars * n for s, n in zip(stages, copies, strict=True)])[chain]
    ends = np.cumsum(each)
    reached = [max(1.0, stage.crossbars / chip.crossbars_per_tile) for stage in stages]
    fork = np.array([*np.array(reached)[chain], 1.0])  # the host takes each word once
    bits = np.array([*np.array([s.input_bits for s in stages])[chain], stages[-1].output_bits])
    for number in range(max(1, -(-int(ends[-1]) // chip.crossbars))):
        low = number * chip.crossbars
        first = int(np.searchsorted(ends, low, "right"))
        last = int(np.searchsorted(ends - each, low + chip.crossbars, "left"))
        begin, size = (ends - each)[first:last] - low, each[first:last]
        shares = _spread(chip, begin, size, orders)
        inside = (np.minimum(begin + size, chip.crossbars) - np.maximum(begin, 0)) / size
        here, there = np.array([0.0, *inside]), np.array([*inside, 0.0])
        corner = _corner(shares)
        both = np.nonzero((here > 0) & (there > 0))[0]
        leaving, arriving = (here > 0) & (there < 1), (there > 0) & (here < 1)
        out, into = np.nonzero(leaving)[0], np.nonzero(arriving)[0]
        # flow f goes from the stage f - 1 of this chip to its stage f
        flows = first + np.concatenate((both, out, into))
        source = shares[:, np.concatenate((both, out)) - 1]
        target = shares[:, np.concatenate((both, into))]
        away = corner[:, out - 1] * (1 - there[out])[:, None, None]
        along = len(both)
        times = fork[flows]
        times[along : along + len(out)] = 1.0  # a word leaves once
        yield _Part(
            number,
            flows,
            np.concatenate((source, corner[:, into] * (1 - here[into])[:, None, None]), axis=1),
            np.concatenate((target[:, :along], away, target[:, along:]), axis=1),
            times[:, None, None],
            bits[flows, None, None],
        )


def _spread(
    chip: Chip, begin: NDArray[np.int64], size: NDArray[np.int64], orders: Sequence[Order]
) -> Floats:
    """Return the share of each stage's crossbars at each router of one chip.

    Shape: orders, stages, rows, columns.
    """
    per_router = chip.crossbars_per_tile * chip.tiles_per_router
    edges = np.minimum(np.arange(len(orders[0]) + 1) * per_router, chip.crossbars)
    low = np.maximum(begin[:, None], edges[:-1])
    high = np.minimum((begin + size)[:, None], edges[1:])
    shares = np.maximum(0, high - low) / np.maximum(1, size)[:, None]
    return np.stack([shares[:, _ranks(order)] for order in orders])


@lru_cache(maxsize=64)
def _ranks(order: Order) -> NDArray[np.int64]:
    """Return, by row and column, the place of each router along the curve."""
    rows, columns = np.array(order).T
    found = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.int64)
    found[rows, columns] = np.arange(len(order))
    return found


def _corner(shares: Floats) -> Floats:
    """Return, for each of `shares`, 1 at the corner nearest to where they lie, else 0."""
    _, _, rows, columns = shares.shape
    total, across = shares.sum(axis=(2, 3)), shares.sum(axis=2) @ np.arange(columns)
    down = shares.sum(axis=3) @ np.arange(rows)
    found = np.zeros(shares.shape)
    order, stage = np.indices(total.shape)
    far_row = np.where(2 * down > total * (rows - 1) * _MORE, rows - 1, 0)
    far_column = np.where(2 * across > total * (columns - 1) * _MORE, columns - 1, 0)
    found[order, stage, far_row, far_column] = 1.0
    return found


def _paths(source: Floats, target: Floats, fork: Floats, *, summed: bool = False) -> Floats:
    """Return what passes each wire, by the row first and then by the column; or the sum of flows.

    What has to go further than a wire is a product: of what is sent on this side of it, and of the
    share that lies beyond, as often as words fork, but once at most.
    """
    in_row, across = np.cumsum(source, axis=-1), np.cumsum(target.sum(axis=-2), axis=-1)
    down = np.cumsum(target, axis=-2)
    fork_row = fork[..., 0]
    rows = source.sum(axis=-1)
    above = np.cumsum(rows, axis=-1)
    east = np.minimum(1.0, fork_row * (across[..., -1:] - across))
    west = np.minimum(1.0, fork_row * (across - target.sum(axis=-2)))
    south = np.minimum(1.0, fork * (down[..., -1:, :] - down))
    north = np.minimum(1.0, fork * (down - target))
    back, below = in_row[..., -1:] - in_row + source, above[..., -1:] - above + rows
    if summed:
        along, up = "ofrc,ofc->orc", "ofr,ofrc->orc"
    else:
        along, up = "...rc,...c->...rc", "...r,...rc->...rc"
    return np.stack(
        (
            np.einsum(along, in_row, east),
            np.einsum(along, back, west),
            np.einsum(up, above, south),
            np.einsum(up, below, north),
        )
    )
