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

__all__ = ["Placement", "Traffic", "bands", "place", "routes"]

Floats = NDArray[np.float64]
Order = tuple[tuple[int, int], ...]  # row and column of each router, in the order of the curve

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
    tried = zip(orders, routes(chip, stages, copies, orders), strict=True)
    return min(
        (Placement(order, traffic) for order, traffic in tried),
        key=lambda each: (max(each.traffic.busiest), each.traffic.bit_hops),
    )


@lru_cache(maxsize=16)
def bands(rows: int, columns: int) -> tuple[Order, ...]:
    """Return the curves over a mesh: bands of every height, and those of the mesh turned.

    >>> bands(2, 2)[0]
    ((0, 0), (0, 1), (1, 1), (1, 0))
    """
    found = [tuple(_band(rows, columns, height)) for height in range(1, rows + 1)]
    turned = [tuple(_band(columns, rows, height)) for height in range(1, columns + 1)]
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


def routes(
    chip: Chip, stages: Sequence[Stage], copies: Sequence[int], orders: Sequence[Order]
) -> list[Traffic]:
    """Return what an image moves over the mesh when tiles are filled along each of `orders`."""
    chain = np.repeat(np.arange(len(stages)), [stage.repeat for stage in stages])
    each = np.array([s.crossbars * n for s, n in zip(stages, copies, strict=True)])[chain]
    ends = np.cumsum(each)
    reached = [max(1.0, stage.crossbars / chip.crossbars_per_tile) for stage in stages]
    fork = np.array([*np.array(reached)[chain], 1.0])  # the host takes each word once
    bits = np.array([*np.array([s.input_bits for s in stages])[chain], stages[-1].output_bits])
    chips = max(1, -(-int(ends[-1]) // chip.crossbars))
    wires = np.zeros((4, len(orders), chips, chip.mesh_rows, chip.mesh_columns))
    busiest = np.zeros((len(orders), len(bits)))
    for number in range(chips):
        low = number * chip.crossbars
        first = int(np.searchsorted(ends, low, "right"))
        last = int(np.searchsorted(ends - each, low + chip.crossbars, "left"))
        shares = _spread(chip, (ends - each)[first:last] - low, each[first:last], orders)
        flows = slice(first, last + 1)
        nothing = np.zeros_like(shares[:, :1])  # of what is before, and behind
        source = np.concatenate((nothing, shares), axis=1)
        target = np.concatenate((shares, nothing), axis=1)
        loads = _loads(source, target, fork[flows, None, None]) * bits[flows, None, None]
        total = wires[:, :, number] = loads.sum(axis=2)
        most = np.where(loads > 0, total[:, :, None], 0.0).max(axis=(0, 3, 4))
        busiest[:, flows] = np.maximum(busiest[:, flows], most)
    mine = np.maximum(busiest[:, :-1], busiest[:, 1:])
    sent = float(bits.sum())
    return [
        Traffic(*wires[:, number], tuple(mine[number].tolist()), sent)
        for number in range(len(orders))
    ]


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


def _loads(source: Floats, target: Floats, fork: Floats) -> Floats:
    """Return the share of each flow's bits over each wire.

    Shares that lie on other chips come from, and go to, the nearest corner.

    Args:
        source: Orders, flows, rows, columns.
        target: Likewise.
        fork: How many tiles need each word, by flow.

    Returns:
        The four directions, orders, flows, rows, columns.
    """
    here, there = source.sum(axis=(2, 3)), target.sum(axis=(2, 3))
    found = _paths(source, target, fork)
    leaving = np.nonzero((here > _NONE) & (there < 1 - _NONE))
    if len(leaving[0]):
        mass = source[leaving]
        corner = _corner(mass, 1 - there[leaving])
        found[(slice(None), *leaving)] += _paths(mass, corner, np.ones_like(fork[leaving[1]]))
    arriving = np.nonzero((there > _NONE) & (here < 1 - _NONE))
    if len(arriving[0]):
        mass = target[arriving]
        corner = _corner(mass, 1 - here[arriving])
        found[(slice(None), *arriving)] += _paths(corner, mass, fork[arriving[1]])
    return np.where(found > _NONE, found, 0.0)


def _corner(shares: Floats, amount: Floats) -> Floats:
    """Return `amount` of each flow at the corner nearest to where its shares lie."""
    count, rows, columns = shares.shape
    total = shares.sum(axis=(1, 2))
    row = (shares.sum(axis=2) * np.arange(rows)).sum(axis=1)
    column = (shares.sum(axis=1) * np.arange(columns)).sum(axis=1)
    found = np.zeros(shares.shape)
    far_row = np.where(2 * row > total * (rows - 1), rows - 1, 0)
    far_column = np.where(2 * column > total * (columns - 1), columns - 1, 0)
    found[np.arange(count), far_row, far_column] = amount
    return found


def _paths(source: Floats, target: Floats, fork: Floats) -> Floats:
    """Return the share of each flow over each wire, by the row first and then by the column."""
    in_row, across = np.cumsum(source, axis=-1), np.cumsum(target.sum(axis=-2), axis=-1)
    beyond = across[..., -1:] - across  # what lies to the east of each column
    east = in_row * np.minimum(1.0, fork * beyond[..., None, :])
    nearer = across - target.sum(axis=-2)
    west = (in_row[..., -1:] - in_row + source) * np.minimum(1.0, fork * nearer[..., None, :])
    rows = source.sum(axis=-1, keepdims=True)
    above, down = np.cumsum(rows, axis=-2), np.cumsum(target, axis=-2)
    south = above * np.minimum(1.0, fork * (down[..., -1:, :] - down))
    north = (above[..., -1:, :] - above + rows) * np.minimum(1.0, fork * (down - target))
    return np.stack((east, west, south, north))
