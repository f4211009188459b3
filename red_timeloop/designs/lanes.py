"""What a design's controller does: which pixels a step reads, and where its sums go.

A lane is a set of crossbars that work on the same step: one computation mode of RED or of the split
kernels, the one matrix of zero padding, or the output phases of padding free that stand on the same
crossbars. Lanes run side by side or in turn, as their plan says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.ranks import modes, taps
from red_timeloop.designs.reads import AxisReads

__all__ = ["Indices", "Lane", "Place", "plan_lanes"]

Indices = NDArray[np.int64]
Place = Mapping[str, Indices]  # index of each rank


@dataclass(frozen=True)
class Lane:
    """Crossbars that work on the same step.

    Attributes:
        part: The part of the plan they belong to.
        reads: What they read, per axis.
        kernel: Per axis, kernel pixels by index of the mode and of the tap rank: taps of one
            computation mode, or all phases where the columns hold them.
        mode: Index of the mode rank of each axis, where the lane is one mode; else None.
        outputs: Per axis, the output pixel of each step; None where outputs overlap.
    """

    part: Part
    reads: tuple[AxisReads, ...]
    kernel: tuple[NDArray[Any], ...]
    mode: tuple[int, ...] | None
    outputs: tuple[range, ...] | None

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps per axis."""
        return tuple(axis.steps for axis in self.reads)

    def kernel_pixel(self, place: Place, size: int) -> tuple[tuple[Indices, ...], Any]:
        """Return the kernel pixel of each of `size` places per axis, and which places have one.

        Where a rank was padded, the places past its end have none.
        """
        found, legal = [], np.ones(size, bool)
        ndim = len(self.kernel)
        ranks = zip(taps(ndim), modes(ndim), self.kernel, strict=True)
        for tap_rank, mode_rank, table in ranks:
            tap = np.broadcast_to(place.get(tap_rank, np.zeros(1, np.int64)), size)
            mode = np.broadcast_to(place.get(mode_rank, np.zeros(1, np.int64)), size)
            if self.mode is not None:
                mode = np.zeros(size, np.int64)  # the table holds this mode's taps only
            inside = tap < table.shape[1]
            legal &= inside
            found.append(table[mode, np.where(inside, tap, 0)])
        return tuple(found), legal


def plan_lanes(plan: Plan) -> tuple[Lane, ...]:
    """Return the lanes of a plan, those of one part one after the other."""
    return tuple(lane for part in plan.parts if part.phases for lane in _lanes(part))


def _lanes(part: Part) -> Iterator[Lane]:
    if not all(axis.outputs for axis in part.phases):  # what overlaps is added in a buffer
        tables = tuple(np.array(axis.kernel) for axis in part.phases)
        yield Lane(part, part.reads, tables, None, None)
        return
    for place in product(*(range(len(axis.kernel)) for axis in part.phases)):
        chosen = list(zip(part.phases, place, strict=True))
        yield Lane(
            part,
            part.reads,
            tuple(np.array([axis.kernel[index]]) for axis, index in chosen),
            place,
            tuple(axis.outputs[index] for axis, index in chosen),
        )
