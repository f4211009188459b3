"""A layer as ordinary convolutions, which every accelerator of convolutions runs.

Either the convolution over the zero-inserted map, or the sub-convolutions of the computation modes
(TDC, Chang et al., TCSVT 2020; split deconvolution, Xu et al., TCSVT 2021). An ordinary convolution
is itself in both forms. Sizes are real: no kernel is padded to a multiple of the stride.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from red_timeloop.decomposition import Mode, decompose
from red_timeloop.designs.gather import channel_sizes
from red_timeloop.designs.ranks import gather_problem, pixels, taps
from red_timeloop.errors import InputError
from red_timeloop.layer import Layer, TransposedConv
from red_timeloop.spec.types import Problem

__all__ = ["FORMS", "Convolution", "convolutions", "plain_convolutions"]

FORMS = ("zero_inserted", "split")


@dataclass(frozen=True)
class Convolution:
    """A convolution that is a part of a layer.

    Attributes:
        name: The form, or the kernel pixels of its modes.
        problem: The Timeloop problem.
        runs: Times that it runs in one pass over the layer's batch.
        real_inputs: Values of its `Inputs` that are pixels of the layer's input: neither inserted
            zeros nor border.
    """

    name: str
    problem: Problem
    runs: int
    real_inputs: int

    @property
    def input_points(self) -> int:
        """Values of `Inputs` as Timeloop counts them: the box that the ranks reach."""
        inputs = next(space for space in self.problem.data_spaces if space.name == "Inputs")
        sizes = self.problem.sizes
        return math.prod(
            1 + sum(factor * (sizes[rank] - 1) for rank, factor in axis)
            for axis in inputs.projection
        )


def convolutions(layer: Layer, *, split: bool) -> tuple[Convolution, ...]:
    """Return the convolutions of a layer, one for each group of modes that read the same pixels.

    Such modes are further output channels of one convolution: `M` is their number times the
    layer's. A grouped layer has the rank `G`. None where no kernel pixel reaches an output pixel.
    """
    if not split or not layer.transposed:
        return (_dense(layer, channel_sizes(layer)),)
    return tuple(
        _sub_convolution(layer, group.modes[0], channel_sizes(layer), len(group.modes))
        for group in decompose(layer).groups
    )


def plain_convolutions(layer: Layer, *, split: bool) -> tuple[Convolution, ...]:
    """Return the different convolutions of a layer and how often each runs.

    Their ranks are `N C M R S P Q` (and `T`, `O` in 3-D); those of a 1-D layer have one row. Every
    mode and every group of channels is a run of its own.

    Raises:
        InputError: No kernel pixel reaches an output pixel.
    """
    if layer.ndim == 1:
        layer = _one_row(layer)
    channels = {rank: size for rank, size in channel_sizes(layer).items() if rank != "G"}
    if not split or not layer.transposed:
        return (_dense(layer, channels, runs=layer.groups),)
    decomposition = decompose(layer)
    alike: dict[tuple[tuple[int, ...], ...], list[Mode]] = {}
    for mode in decomposition.modes:
        if not mode.empty:
            alike.setdefault((mode.sub_kernel_shape, mode.output_count), []).append(mode)
    if not alike:
        raise InputError(f"no kernel pixel of {layer.name or 'the layer'} reaches an output pixel")
    return tuple(
        _sub_convolution(layer, modes[0], channels, 1, runs=len(modes) * layer.groups)
        for modes in alike.values()
    )


def _one_row(layer: Layer) -> Layer:
    """Return a 1-D layer as a 2-D layer of one row."""
    row: dict[str, Any] = {
        key: (1, *getattr(layer, key))
        for key in ("input_size", "kernel_size", "stride", "dilation")
    }
    row["padding"] = ((0, 0), *layer.padding)
    if isinstance(layer, TransposedConv):
        row["output_padding"] = (0, *layer.output_padding)
    return replace(layer, **row)


def _dense(layer: Layer, channels: dict[str, int], runs: int = 1) -> Convolution:
    """Return the convolution over the (zero-inserted) map."""
    stride = (1,) * layer.ndim if layer.transposed else layer.stride
    spacing = layer.stride if layer.transposed else (1,) * layer.ndim
    problem = _problem(
        layer, channels, layer.kernel_size, layer.output_size, stride, layer.dilation
    )
    real = 1
    for axis, (before, _) in enumerate(layer.padding):
        reach = (layer.kernel_size[axis] - 1) * layer.dilation[axis]
        first = before - reach if layer.transposed else -before
        last = first + reach + (layer.output_size[axis] - 1) * stride[axis]
        real *= _multiples(first, last, spacing[axis], layer.input_size[axis])
    form = FORMS[0] if layer.transposed else "convolution"
    return Convolution(form, problem, runs, _channels(channels) * real)


def _sub_convolution(
    layer: Layer, mode: Mode, channels: dict[str, int], modes: int, runs: int = 1
) -> Convolution:
    ones, own = (1,) * layer.ndim, {**channels, "M": channels["M"] * modes}
    strides = tuple(
        dilation // math.gcd(stride, dilation)
        for stride, dilation in zip(layer.stride, layer.dilation, strict=True)
    )
    problem = _problem(layer, own, mode.sub_kernel_shape, mode.output_count, ones, strides)
    real = 1
    for axis, offsets in enumerate(mode.offsets):
        last = max(offsets) + mode.output_count[axis] - 1
        real *= _multiples(min(offsets), last, 1, layer.input_size[axis])
    name = "taps " + "x".join(map(str, mode.sub_kernel_shape))
    return Convolution(name, problem, runs, _channels(channels) * real)


def _multiples(first: int, last: int, spacing: int, count: int) -> int:
    """Return how many of the first `count` multiples of `spacing` lie from `first` to `last`."""
    low, high = max(0, -(-first // spacing)), min(count - 1, last // spacing)
    return max(0, high - low + 1)


def _channels(sizes: dict[str, int]) -> int:
    return math.prod(size for rank, size in sizes.items() if rank != "M")


def _problem(
    layer: Layer,
    channels: dict[str, int],
    kernel: Sequence[int],
    outputs: Sequence[int],
    pixel_stride: Sequence[int],
    tap_stride: Sequence[int],
) -> Problem:
    ndim = layer.ndim
    sizes = {
        **channels,
        **dict(zip(taps(ndim), kernel, strict=True)),
        **dict(zip(pixels(ndim), outputs, strict=True)),
    }
    return gather_problem("convolution", sizes, ndim, pixel_stride, tap_stride)
