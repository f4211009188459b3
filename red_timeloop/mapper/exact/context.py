"""What tiles take in when all loops around them are known: the engine's rules, on arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from red_timeloop.engines.embedded.steps import Codes, LoopSteps, Motion
from red_timeloop.mapper.exact.frame import Floats, Form, Frame, Integers
from red_timeloop.mapper.exact.lower import crossing_of
from red_timeloop.mapper.exact.part import Boundary, Crossing, Part, TooLargeError
from red_timeloop.mapper.exact.words import Tile, edge, may_meet, tile_of

__all__ = ["Context", "codes_of"]


def codes_of(frame: Frame) -> list[Codes]:
    """Return the engine's packed vectors of every data space.

    Raises:
        TooLargeError: They do not fit an integer.
    """
    found = []
    for tensor in frame.space.shape.tensors:
        codes = Codes.of(tensor, frame.space.shape.sizes)
        if codes is None:
            raise TooLargeError
        found.append(replace(codes, dimensions=codes.dimensions[list(frame.dimensions)]))
    return found


@dataclass(frozen=True)
class _Run:
    """Steps that move the whole tile (the first of all is one), or its new part; its stride."""

    entire: Floats
    partial: Floats
    stride: list[Floats]  # along each axis


class Context:
    """The loops around tiles of one storage, the same storage for all rows.

    Args:
        part: The part.
        codes: See `codes_of`.
        level: The storage of the tiles.
        inner: Iterations over time inside the tiles, `[R, D]`.
        temporal: Iterations of the loops, `[R, levels, D]`; those of the storages outside `level`.
        order: Dimensions of the loops, innermost first, `[R, levels, D]`.
    """

    def __init__(
        self,
        part: Part,
        codes: list[Codes],
        level: int,
        inner: Floats,
        temporal: Integers,
        order: Integers,
    ) -> None:
        self.part, self.codes, self.inner = part, codes, inner
        outside = temporal[:, level + 1 :]
        around = np.cumprod(
            np.concatenate([inner[:, None].astype(np.int64), outside], axis=1), axis=1
        )[:, :-1]
        strides = around * part.within[level + 1 : part.levels].astype(np.int64)
        self.loops = LoopSteps(outside, order[:, level + 1 :], strides.transpose(1, 2, 0))
        self._runs: dict[int, _Run] = {}

    def crossing(self, boundary: Boundary) -> Crossing:
        """Return what crosses a boundary whose run no loop inside has ended."""
        form = self.part.frame.forms[boundary.tensor]
        run = self._run(boundary.tensor)

        def words(tile: Tile, child: Tile | None) -> Floats:
            return self._words(form, run, tile, child)

        return crossing_of(self.part, boundary, self.inner, words)

    def _run(self, tensor: int) -> _Run:
        if tensor in self._runs:
            return self._runs[tensor]
        codes = self.codes[tensor]
        found = Motion(self.loops, self.part.frame.space.shape.tensors[tensor], codes).run([0])
        stride = [each[0].astype(np.float64) for each in codes.axes(found.stride)]
        run = _Run(found.entire[0].astype(np.float64), found.partial[0].astype(np.float64), stride)
        self._runs[tensor] = run
        return run

    def deep(self, boundary: Boundary) -> np.ndarray:
        """Whether neighbours may help in steps that depend on the whole order of the loops.

        Where tiles overlap from step to step, only the innermost loop's steps count.
        """
        if not boundary.links:
            return np.zeros(len(self.inner), dtype=bool)
        form = self.part.frame.forms[boundary.tensor]
        if not boundary.reused or not form.plain:
            return np.ones(len(self.inner), dtype=bool)
        run = self._run(boundary.tensor)
        widths = form.widths(self.inner * tile_of(self.part, boundary).within)
        slides = np.zeros(len(self.inner), dtype=bool)
        for axis in set(form.axis_of) - {-1}:
            slides |= run.stride[axis] != 0
        result: np.ndarray = slides & (_common(widths, run.stride) == 0)
        return result

    def _words(self, form: Form, run: _Run, tile: Tile, child: Tile | None) -> Floats:
        widths = form.widths(self.inner * tile.within)
        whole = np.prod(np.stack(widths), axis=0)
        new = whole - _common(widths, run.stride)
        if child is not None:
            overlaps = _common(form.widths(self.inner * child.within), run.stride) > 0
            whole = np.where(overlaps, whole, edge(widths))
            useful = np.zeros(len(whole), dtype=bool)
            for axis in set(form.axis_of) - {-1}:
                stride = np.abs(run.stride[axis])
                meets = may_meet(self.part, form, axis, child, self.inner, stride)
                useful |= (stride > 0) & (~overlaps | meets)
            still = sum(np.abs(each) for each in run.stride) == 0
            whole = np.where(useful | still, whole, np.inf)
        words: Floats = whole * run.entire + new * run.partial
        return words


def _common(widths: list[Floats], stride: list[Floats]) -> Floats:
    """Return the words of a box that were in it before it moved."""
    left = [np.maximum(0.0, w - np.abs(s)) for w, s in zip(widths, stride, strict=True)]
    common: Floats = np.prod(np.stack(left), axis=0)
    return common
