"""Programming the crossbars of a lane: which weight, as which conductances, stands where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.encoding import WeightCode
from red_timeloop.dataflow.nonideal import Nonidealities
from red_timeloop.dataflow.placement import Placement, moved, tiled
from red_timeloop.designs.lanes import Indices, Lane, Place
from red_timeloop.designs.ranks import modes, taps
from red_timeloop.layer import Layer

__all__ = ["Bank", "Programmer", "Tile"]

_MOST_CELLS = 1 << 24  # programmed at a time


@dataclass(frozen=True)
class Tile:
    """The crossbars side by side that are driven by the same rows, in one turn.

    Only rows that hold weights stand here; the others are never driven.

    Attributes:
        channels: Input channel of each row.
        taps: Per axis, index of the tap that each row reads.
        blocks: Block on the crossbars' diagonal that each row belongs to.
        cells: ``[rows, columns * cells of a weight]``: conductances in units of one level.
    """

    channels: Indices
    taps: tuple[Indices, ...]
    blocks: Indices
    cells: NDArray[Any]


@dataclass(frozen=True)
class Bank:
    """Column tiles of one lane, programmed.

    Attributes:
        tiles: By turn and by converter: the tiles whose currents it sees. Those without a row
            that holds weights are left out; a converter may see none.
        columns: Which of the logical columns hold weights (others are padding).
        channels: Output channel of each logical column.
        blocks: Block of each logical column.
        kernel: Per axis, kernel pixel of each logical column where the columns hold it.
        crossbars: Crossbars side by side in a tile.
        block_count: Blocks of a crossbar.
    """

    tiles: tuple[tuple[tuple[Tile, ...], ...], ...]
    columns: NDArray[np.bool_]
    channels: Indices
    blocks: Indices
    kernel: tuple[Indices, ...]
    crossbars: int
    block_count: int

    @property
    def rows(self) -> int:
        """The most rows of a tile."""
        return max(len(t.channels) for turn in self.tiles for joint in turn for t in joint)


@dataclass(frozen=True)
class Programmer:
    """Writes the weights of a layer into crossbars.

    Attributes:
        layer: The layer.
        weights: ``[groups, C_in / groups, C_out / groups, *kernel]``.
        code: How a weight is written into cells.
        nonidealities: What becomes of it there.
        random: Source of random numbers.
    """

    layer: Layer
    weights: NDArray[Any]
    code: WeightCode
    nonidealities: Nonidealities
    random: np.random.Generator

    def banks(self, lane: Lane) -> Iterator[Bank]:
        """Yield the crossbars of `lane`, as many at a time as memory should hold."""
        placement = Placement(lane.part)
        column_tiles = placement.places("column_tile")
        count = placement.count("column_tile")
        column_cells = len(placement.columns["M"]) * len(self.code.places)
        rows = len(placement.rows["C"]) * len(placement.turns)
        rows *= sum(len(joint) for joint in placement.joints)
        at_once = max(1, _MOST_CELLS // (rows * column_cells))
        for mode in placement.each("mode"):
            if not _is_mode(lane, mode):
                continue
            for first in range(0, count, at_once):
                chosen = {r: v[first : first + at_once] for r, v in column_tiles.items()}
                crossbars = min(at_once, count - first)
                yield self._bank(lane, placement, mode, chosen, crossbars)

    def _bank(
        self, lane: Lane, placement: Placement, mode: Place, chosen: Place, crossbars: int
    ) -> Bank:
        size = len(placement.columns["M"])
        columns = moved(tiled(placement.columns, size, chosen), mode)
        block = np.arange(size) // (size // placement.blocks)
        total = size * crossbars
        legal = columns["M"] < self.weights.shape[2]
        kernel: tuple[Indices, ...] = ()
        if lane.outputs is None:
            kernel, inside = lane.kernel_pixel(columns, total)
            legal = legal & inside
        group = np.broadcast_to(columns.get("G", np.zeros(1, np.int64)), total)
        channel = np.where(legal, columns["M"], 0)
        side = _Columns(legal, channel, group, kernel, crossbars)
        tiles = tuple(
            tuple(
                tuple(
                    tile
                    for place in joint
                    if (tile := self._tile(lane, placement, moved(place, turn, mode), side))
                )
                for joint in placement.joints
            )
            for turn in placement.turns
        )
        return Bank(
            tiles=tiles,
            columns=legal,
            channels=group * self.weights.shape[2] + channel,
            blocks=np.tile(block, crossbars),
            kernel=kernel,
            crossbars=crossbars,
            block_count=placement.blocks,
        )

    def _tile(self, lane: Lane, placement: Placement, place: Place, side: _Columns) -> Tile | None:
        rows = moved(placement.rows, place)
        size = len(placement.rows["C"])
        legal = rows["C"] < self.weights.shape[1]
        kernel = tuple(axis[None, :] for axis in side.kernel)
        read: tuple[Indices, ...] = (np.zeros(size, np.int64),) * self.layer.ndim
        if lane.outputs is not None:
            found, inside = lane.kernel_pixel(rows, size)
            legal = legal & inside
            kernel = tuple(axis[:, None] for axis in found)
            read = tuple(
                np.broadcast_to(rows.get(rank, np.zeros(1, int)), size)
                for rank in taps(self.layer.ndim)
            )
        if not legal.any():
            return None
        channel = np.where(legal, rows["C"], 0)
        group = np.broadcast_to(rows.get("G", np.zeros(1, np.int64)), size)
        written = legal[:, None] & side.legal & (group[:, None] == side.group)
        index: Any = (group[:, None], channel[:, None], side.channel[None, :], *kernel)
        # A cell without a weight stays at its lowest level.
        levels = self.code.cells(self.weights[index]) * written[:, :, None]
        block = np.arange(size) // (size // placement.blocks)
        return Tile(
            channels=(group * self.weights.shape[1] + channel)[legal],
            taps=tuple(axis[legal] for axis in read),
            blocks=block[legal],
            cells=self._conductances(levels, side.crossbars)[legal],
        )

    def _conductances(self, levels: NDArray[Any], crossbars: int) -> NDArray[Any]:
        """Return ``[rows, columns * cells]`` from the levels ``[rows, columns, cells]``."""
        rows = levels.shape[0]
        if self.nonidealities.ideal:
            # Levels are exact in single precision, and half as large.
            kind = np.float32 if self.code.cell_bits <= 24 else np.float64
            return levels.reshape(rows, -1).astype(kind)
        physical = levels.reshape(rows, crossbars, -1).swapaxes(0, 1)
        highest = (1 << self.code.cell_bits) - 1
        held = self.nonidealities.conductances(physical, highest, self.random)
        flat: NDArray[Any] = held.swapaxes(0, 1).reshape(rows, -1)
        return flat


@dataclass(frozen=True)
class _Columns:
    """What the columns of a bank hold, as `Bank` has it."""

    legal: NDArray[np.bool_]
    channel: Indices
    group: Indices
    kernel: Sequence[Indices]
    crossbars: int


def _is_mode(lane: Lane, place: Place) -> bool:
    """Tell whether the place at the `mode` target belongs to the mode that the lane is.

    Modes that take turns have no place of their own there.
    """
    if lane.mode is None:
        return True
    return all(
        rank not in place or int(place[rank][0]) == index
        for rank, index in zip(modes(len(lane.mode)), lane.mode, strict=True)
    )
