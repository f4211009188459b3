"""Geometry of one convolution or transposed convolution with 1, 2 or 3 spatial axes.

Both follow the convention of PyTorch and ONNX. Along one axis, with input size I, kernel K,
stride s, dilation d and padding (before, after):

* transposed: ``out = (I - 1) * s - before - after + d * (K - 1) + output_padding + 1``;
  input pixel i and tap k contribute to output pixel ``o = i * s + k * d - before``;
* ordinary: ``out = (I + before + after - d * (K - 1) - 1) // s + 1``; output pixel o and tap k read
  input pixel ``i = o * s + k * d - before``.

Source: the documentation of ConvTranspose2d and Conv2d (PyTorch), ConvTranspose and Conv (ONNX).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TypeAlias

from red_timeloop._layer_arguments import integer, pairs, per_axis, spatial_sizes
from red_timeloop.errors import InputError

__all__ = ["Conv", "Layer", "TransposedConv"]

PerAxis: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | Sequence[int | Sequence[int]]

_MAX_BITS = 64


@dataclass(frozen=True, init=False)
class Layer(ABC):
    """What a `TransposedConv` and a `Conv` share: the sizes, and what follows from them alone.

    Inputs are ``[batch, in_channels, *input_size]``, outputs ``[batch, out_channels,
    *output_size]``.
    """

    in_channels: int
    out_channels: int
    input_size: tuple[int, ...]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    batch: int
    input_bits: int
    weight_bits: int
    name: str | None

    @property
    @abstractmethod
    def transposed(self) -> bool:
        """Whether it is a transposed convolution."""

    @property
    @abstractmethod
    def output_size(self) -> tuple[int, ...]:
        """Output pixels per axis."""

    @property
    @abstractmethod
    def zero_redundancy(self) -> float:
        """Share of zeros in the map that a convolution without zero-skipping reads, 0 to 1."""

    @cached_property
    def unnamed(self) -> Layer:
        """The layer without its name, by which equal ones are found."""
        return self if self.name is None else replace(self, name=None)

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.input_size)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the inputs: ``(batch, in_channels, *input_size)``."""
        return (self.batch, self.in_channels, *self.input_size)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights: ``(in_channels, out_channels / groups, *kernel_size)``.

        Those of an ordinary convolution are ``(out_channels, in_channels / groups,
        *kernel_size)``.
        """
        first, second = self.in_channels, self.out_channels
        if not self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    @cached_property
    def macs(self) -> int:
        """Useful multiply-accumulates: those whose input pixel is a real one."""
        # Of the two maps the pixels of one, i, are `stride` pixels of the other, o, apart:
        # o = i * s + k * d - before. Ordinary convolutions go through it the other way.
        near, far = self.input_size, self.output_size
        if not self.transposed:
            near, far = far, near
        return self._channel_macs * prod(
            sum(_landing(s, k * d - before, count, end) for k in range(taps))
            for (_, taps, s, d, (before, _)), count, end in zip(self._axes, near, far, strict=True)
        )

    @property
    def zero_inserted_macs(self) -> int:
        """Multiply-accumulates of the convolution over the padded input.

        A transposed convolution's has zeros inserted between the pixels as well.
        """
        return self._channel_macs * prod(self.output_size) * prod(self.kernel_size)

    @property
    def _channel_macs(self) -> int:
        return self.batch * self.in_channels * self.out_channels // self.groups

    @property
    def _axes(self) -> list[tuple[int, int, int, int, tuple[int, int]]]:
        """(input size, kernel size, stride, dilation, (pad before, pad after)) of every axis."""
        sizes = (self.input_size, self.kernel_size, self.stride, self.dilation, self.padding)
        return list(zip(*sizes, strict=True))


@dataclass(frozen=True, init=False)
class TransposedConv(Layer):
    """A transposed convolution (deconvolution).

    Inputs are ``[batch, in_channels, *input_size]``, weights ``[in_channels, out_channels /
    groups, *kernel_size]``, outputs ``[batch, out_channels, *output_size]``.

    Args:
        in_channels: Input channels, a multiple of `groups`.
        out_channels: Output channels, a multiple of `groups`.
        input_size: Input pixels, one value an axis; its length is the number of spatial axes, 1 to
            3. An int stands for as many axes as `kernel_size`, `stride` or `dilation` has values.
        kernel_size: Kernel pixels, an int for all axes or one value an axis; so are `stride`,
            `output_padding` and `dilation`.
        stride: Output pixels between neighbouring input pixels.
        padding: Output pixels cropped at both ends, an int for all axes or one value an axis,
            where a value may be a (before, after) pair; with one axis also a bare pair.
        output_padding: Output pixels added at the end, less than max(stride, dilation).
        dilation: Distance between neighbouring taps.
        groups: Independent channel groups.
        batch: Images.
        input_bits: Bits of an input value, 1 to 64.
        weight_bits: Bits of a weight, 1 to 64.
        name: A label for tables.

    After construction every spatial attribute is a tuple, and `padding` a tuple of pairs.

    Raises:
        InputError: A value that is not legal; names the argument, the value and what is legal.

    >>> layer = TransposedConv(512, 256, (4, 4), 4, stride=2, padding=1)
    >>> layer.output_size, layer.kernel_size, layer.padding
    ((8, 8), (4, 4), ((1, 1), (1, 1)))
    >>> layer.zero_inserted_macs, layer.macs
    (134217728, 25690112)
    >>> round(layer.zero_redundancy, 4)
    0.8678
    """

    output_padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: PerAxis,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: Padding = 0,
        output_padding: PerAxis = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        batch: int = 1,
        input_bits: int = 8,
        weight_bits: int = 8,
        name: str | None = None,
    ) -> None:
        _set_channels(self, in_channels, out_channels, groups)
        _set_geometry(self, input_size, kernel_size, stride, padding, dilation)
        _set_output_padding(self, output_padding)
        _set_rest(self, batch, input_bits, weight_bits, name)

    @property
    def transposed(self) -> bool:
        """True: a transposed convolution."""
        return True

    @property
    def output_size(self) -> tuple[int, ...]:
        """Output pixels per axis."""
        return tuple(
            (size - 1) * s - before - after + d * (taps - 1) + extra + 1
            for (size, taps, s, d, (before, after)), extra in zip(
                self._axes, self.output_padding, strict=True
            )
        )

    @property
    def zero_redundancy(self) -> float:
        """Share of zeros in the zero-inserted, padded input map, 0 to 1.

        The map has ``output_size + d * (K - 1)`` pixels an axis: the input pixels with stride - 1
        zeros between neighbours, and zeros around them. For a 4x4 input with K4 s2 P1 it is 11x11
        pixels, and 1 - 16 / 121 = 86.8 % of them are zeros. The share of useless
        multiply-accumulates, ``1 - macs / zero_inserted_macs``, is another number (80.9 % there).
        """
        real, pixels = 1, 1
        for (size, taps, s, d, (before, _)), out in zip(self._axes, self.output_size, strict=True):
            extent = out + d * (taps - 1)
            real *= _landing(s, d * (taps - 1) - before, size, extent)
            pixels *= extent
        return 1 - real / pixels


@dataclass(frozen=True, init=False)
class Conv(Layer):
    """An ordinary convolution; arguments as `TransposedConv` has them, without output padding.

    Inputs are ``[batch, in_channels, *input_size]``, weights ``[out_channels, in_channels /
    groups, *kernel_size]``, outputs ``[batch, out_channels, *output_size]``; `padding` adds zeros
    around the input. A fully connected layer is one with one axis, `input_size` 1 and
    `kernel_size` 1.

    Raises:
        InputError: A value that is not legal; names the argument, the value and what is legal.

    >>> Conv(3, 64, (224, 224), 7, stride=2, padding=3).output_size
    (112, 112)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: PerAxis,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        batch: int = 1,
        input_bits: int = 8,
        weight_bits: int = 8,
        name: str | None = None,
    ) -> None:
        _set_channels(self, in_channels, out_channels, groups)
        _set_geometry(self, input_size, kernel_size, stride, padding, dilation)
        _set_rest(self, batch, input_bits, weight_bits, name)

    @property
    def transposed(self) -> bool:
        """False: an ordinary convolution."""
        return False

    @property
    def output_size(self) -> tuple[int, ...]:
        """Output pixels per axis."""
        return tuple(
            (size + before + after - d * (taps - 1) - 1) // s + 1
            for size, taps, s, d, (before, after) in self._axes
        )

    @property
    def zero_redundancy(self) -> float:
        """Share of zeros in the part of the padded input that the kernel passes over, 0 to 1."""
        real, pixels = 1, 1
        for (size, taps, s, d, (before, _)), out in zip(self._axes, self.output_size, strict=True):
            extent = (out - 1) * s + d * (taps - 1) + 1
            real *= max(0, min(size, extent - before))
            pixels *= extent
        return 1 - real / pixels


def _landing(step: int, shift: int, count: int, end: int) -> int:
    """How many x in [0, count) have ``0 <= step * x + shift < end``."""
    first = max(0, -(shift // step))  # ceil(-shift / step)
    last = min(count - 1, (end - 1 - shift) // step)
    return max(0, last - first + 1)


def _set(layer: Layer, **values: object) -> None:
    for key, value in values.items():
        object.__setattr__(layer, key, value)  # the dataclass is frozen; this is its construction


def _set_channels(layer: Layer, in_channels: object, out_channels: object, groups: object) -> None:
    count = integer(groups, "groups", 1)
    channels = {"in_channels": in_channels, "out_channels": out_channels}
    for key, value in channels.items():
        number = integer(value, key, 1)
        if number % count:
            raise InputError(
                f"{number} is not divisible by groups = {count}", key=key, legal=f"k * {count}"
            )
        _set(layer, **{key: number})
    _set(layer, groups=count)


def _set_geometry(
    layer: Layer,
    input_size: object,
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object,
) -> None:
    sizes = spatial_sizes(input_size, (kernel_size, stride, dilation))
    ndim = len(sizes)
    _set(
        layer,
        input_size=sizes,
        kernel_size=per_axis(kernel_size, ndim, "kernel_size", 1),
        stride=per_axis(stride, ndim, "stride", 1),
        padding=pairs(padding, ndim),
        dilation=per_axis(dilation, ndim, "dilation", 1),
    )


def _set_output_padding(layer: TransposedConv, output_padding: object) -> None:
    extra = per_axis(output_padding, layer.ndim, "output_padding", 0)
    for axis, value in enumerate(extra):
        limit = max(layer.stride[axis], layer.dilation[axis])
        if value >= limit:
            raise InputError(
                f"{value} on axis {axis} is not less than max(stride, dilation) = {limit}",
                key="output_padding",
                legal=f"0 to {limit - 1}",
            )
    _set(layer, output_padding=extra)


def _set_rest(
    layer: Layer, batch: object, input_bits: object, weight_bits: object, name: object
) -> None:
    _set(layer, batch=integer(batch, "batch", 1))
    for key, value in {"input_bits": input_bits, "weight_bits": weight_bits}.items():
        bits = integer(value, key, 1)
        if bits > _MAX_BITS:
            raise InputError(f"{bits} bits are too many", key=key, legal=f"1 to {_MAX_BITS}")
        _set(layer, **{key: bits})
    if name is not None and not isinstance(name, str):
        raise InputError(f"{name!r} is not text", key="name", legal="text")
    _set(layer, name=name)
    _require_output(layer)


def _require_output(layer: Layer) -> None:
    """Refuse a layer without output pixels, naming the argument to blame and its legal values."""
    for axis, out in enumerate(layer.output_size):
        if out >= 1:
            continue
        before, after = layer.padding[axis]
        size, span = layer.input_size[axis], layer.dilation[axis] * (layer.kernel_size[axis] - 1)
        if layer.transposed:
            raise InputError(
                f"{before} + {after} on axis {axis} crops the output to {out} pixels",
                key="padding",
                legal=f"before + after at most {before + after + out - 1} there",
            )
        raise InputError(
            f"the kernel spans {span + 1} pixels on axis {axis}, but the padded input has "
            f"{size + before + after}: the output size is {out}",
            key="kernel_size",
            legal="dilation * (kernel_size - 1) + 1 at most the padded input size",
        )
