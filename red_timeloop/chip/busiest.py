"""The busiest wire of the best curve, for one number of copies after another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.chips import Chip
from red_timeloop.chip.placement import bands, loads
from red_timeloop.chip.stage import Chain, Stage

__all__ = ["BusiestWire"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MORE = 1 + 1e-9  # more than half, or than the most, whatever rounding adds


class BusiestWire:
    """The bits of an image over the busiest wire of the best curve.

    Copies that are tried in turn mostly load the same wires most. Where these alone have too much
    to carry, one wire on every curve, the others need no look. What passes a wire is a product: of
    what the routers before it send, and of the share of that which goes to routers behind it (see
    `placement`). A stage fills routers one after the other along a curve, so that both are
    differences of sums along it.
    """

    def __init__(self, chip: Chip, stages: Sequence[Stage]) -> None:
        self._chip, self._stages, self._chain = chip, stages, Chain.of(stages)
        self._orders = bands(chip.mesh_rows, chip.mesh_columns)
        self._far = np.array([chip.mesh_rows, chip.mesh_columns]) - 1
        # Row and column by curve and place along it; the corners behind them.
        corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)]) * self._far
        self._routers = np.array([[*order, *corners.tolist()] for order in self._orders])
        self._curve = np.arange(len(self._orders))[:, None]
        # By curve and place along it: whether the router is before the wire to look at first, and
        # whether behind, with its row and column; the sums before it; the corners; the chips.
        self._watched: tuple[Floats, Floats, Floats, Ints] | None = None

    def __call__(self, copies: Sequence[int], most: float = math.inf) -> float:
        """Return the bits; where they are more than `most`, anything above it."""
        if self._watched and (least := self._least(copies, *self._watched)) > most * _MORE:
            return least
        found = np.moveaxis(loads(self._chip, self._stages, copies, self._orders), 1, 0)
        wires = found.reshape(len(found), -1)
        self._watch(*np.unravel_index(wires.argmax(axis=1), found.shape[1:]))
        return float(wires.max(axis=1).min())

    def _watch(self, direction: Ints, chip: Ints, row: Ints, column: Ints) -> None:
        """Look at one wire on each curve first: its direction, and the router that it leaves."""
        rows, columns = np.moveaxis(self._routers, 2, 0)
        along, across = direction[:, None] < 2, (direction % 2)[:, None]
        places = np.where(along, columns, rows) - np.where(along, column[:, None], row[:, None])
        before = np.where(across, places >= 0, places <= 0)
        # words go by the row first, and then by the column
        sides = np.stack(
            (
                before & ~(along & (rows != row[:, None])),
                ~before & (along | (columns == column[:, None])),
            ),
            axis=2,
        )
        at = np.concatenate((sides, self._routers), axis=2, dtype=np.float64)
        corners = at[:, -4:, :2].reshape(-1, 2, 2, 2).copy()
        at[:, -4] = 0.0  # behind the last router
        self._watched = at, np.cumsum(at, axis=1) - at, corners, chip[:, None]

    def _least(
        self, copies: Sequence[int], at: Floats, sums: Floats, corners: Floats, chips: Ints
    ) -> float:
        """Return the least of the bits of an image over the wires that are watched."""
        chip, per_router = self._chip, self._chip.crossbars_per_tile * self._chip.tiles_per_router
        # The host is a stage at either end, without a crossbar.
        sizes = np.concatenate(([0], self._chain.sizes(np.array(copies)), [0]))
        ends = np.concatenate(([0], np.cumsum(sizes))) - chips * chip.crossbars
        held = np.clip(ends, 0, chip.crossbars)
        router, rest = np.divmod(held, per_router)
        filled = sums[self._curve, router] * per_router
        filled += at[self._curve, router] * rest[..., None]
        sizes = np.maximum(1, sizes)
        shares, inside = np.diff(filled, axis=1) / sizes[:, None], np.diff(held) / sizes
        last = (2 * shares[..., 2:] > inside[..., None] * self._far * _MORE).astype(np.int64)
        corner = corners[self._curve, last[..., 0], last[..., 1]]
        # Of each flow from a stage to the next: what goes there, and over links of this chip.
        fork = np.append(np.maximum(1.0, self._chain.crossbars / chip.crossbars_per_tile), 1.0)
        received = np.minimum(1.0, fork * shares[:, 1:, 1])
        leaving = corner[:, :-1, 1] * (1 - inside[:, 1:])
        arriving = corner[:, 1:, 0] * (1 - inside[:, :-1])
        passing = shares[:, :-1, 0] * (received + leaving) + arriving * received
        return float((passing @ self._chain.bits).min())
