"""The einsum ranks of the designs' problems, and the problems themselves.

Timeloop's dimension names are single characters. Kernel pixels, computation modes and output
pixels have one rank for each spatial axis, named from the right, so that a 1-D layer has `S`, `B`
and `Q` and a 2-D layer `R S`, `A B` and `P Q`:

| rank      | meaning                              |
| --------- | ------------------------------------ |
| `N`       | images of a batch                    |
| `G`       | groups of channels (grouped layers)  |
| `C`, `M`  | input and output channels of a group |
| `T R S`   | kernel pixels (taps) per axis        |
| `D A B`   | computation modes per axis           |
| `O P Q`   | pixels per axis                      |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from red_timeloop.spec.types import DataSpace, Problem

__all__ = [
    "MODES",
    "PIXELS",
    "TAPS",
    "gather_problem",
    "modes",
    "pixels",
    "scatter_problem",
    "taps",
]

TAPS = "TRS"
MODES = "DAB"
PIXELS = "OPQ"

_Term = tuple[str, int]
_Axes = tuple[tuple[_Term, ...], ...]


def taps(ndim: int) -> str:
    """Return the tap ranks of an `ndim`-dimensional layer, outermost axis first."""
    return TAPS[-ndim:]


def modes(ndim: int) -> str:
    """Return the mode ranks of an `ndim`-dimensional layer, outermost axis first."""
    return MODES[-ndim:]


def pixels(ndim: int) -> str:
    """Return the pixel ranks of an `ndim`-dimensional layer, outermost axis first."""
    return PIXELS[-ndim:]


def _single(ranks: str) -> _Axes:
    return tuple(((rank, 1),) for rank in ranks)


def _sliding(
    pixel_ranks: str, pixel_stride: Sequence[int], tap_ranks: str, tap_stride: Sequence[int]
) -> _Axes:
    """Return one axis `stride * pixel + tap_stride * tap` for each pair of ranks."""
    return tuple(
        ((pixel, a), (tap, b))
        for pixel, a, tap, b in zip(pixel_ranks, pixel_stride, tap_ranks, tap_stride, strict=True)
    )


def _problem(
    name: str, sizes: Mapping[str, int], inputs: _Axes, outputs: _Axes, kernel: str
) -> Problem:
    group = "G" if "G" in sizes else ""
    return Problem(
        name=name,
        dimensions=tuple(sizes),
        sizes=dict(sizes),
        data_spaces=(
            DataSpace("Weights", _single(group + "CM" + kernel)),
            DataSpace("Inputs", _single("N" + group + "C") + inputs),
            DataSpace("Outputs", _single("N" + group + "M") + outputs, read_write=True),
        ),
    )


def gather_problem(
    name: str,
    sizes: Mapping[str, int],
    ndim: int,
    pixel_stride: Sequence[int],
    tap_stride: Sequence[int],
) -> Problem:
    """Return the problem in which an output pixel gathers the input pixels under its taps.

    It is an ordinary convolution (no mode ranks in `sizes`) or a group of computation modes, each
    of which is a convolution with outputs of its own (docs/designs.md).

    Args:
        name: Name of the problem's shape.
        sizes: Size of each rank, in the order the problem shall have them.
        ndim: Number of spatial axes.
        pixel_stride: Input pixels between neighbouring output pixels, per axis.
        tap_stride: Input pixels between neighbouring taps, per axis.
    """
    mode_ranks = "".join(rank for rank in modes(ndim) if rank in sizes)
    inputs = _sliding(pixels(ndim), pixel_stride, taps(ndim), tap_stride)
    interleaved = "".join(p + m for p, m in zip(pixels(ndim), modes(ndim), strict=True))
    outputs = _single("".join(rank for rank in interleaved if rank in sizes))
    return _problem(name, sizes, inputs, outputs, taps(ndim) + mode_ranks)


def scatter_problem(name: str, sizes: Mapping[str, int], ndim: int) -> Problem:
    """Return the problem in which an input pixel scatters to the output pixels of its taps.

    Kernel pixel k = s * tap + mode writes output pixel s * (pixel + tap) + mode: the modes keep
    the outputs apart, the taps of one mode overlap (docs/designs.md). Arguments as for
    `gather_problem`.
    """
    ones = (1,) * ndim
    overlapping = _sliding(pixels(ndim), ones, taps(ndim), ones)
    outputs = tuple(
        axis for pair in zip(overlapping, _single(modes(ndim)), strict=True) for axis in pair
    )
    return _problem(name, sizes, _single(pixels(ndim)), outputs, taps(ndim) + modes(ndim))
