"""Computation modes of a transposed convolution: which taps make which output pixels.

Along one axis, tap k of input pixel i lands on output pixel ``o = i * s + k * d - before``. So the
output pixels with the same phase ``b = o mod s`` use the same taps, those with
``(k * d) mod s == (b + before) mod s``, and no others: each phase is a small ordinary convolution
over the real input pixels, and a computation mode is one phase per axis. In step j every mode makes
its j-th output pixel ``o = s * j + b``, and tap k reads input pixel ``j + offset`` with
``offset = (b + before - k * d) / s``, an integer by the choice of the taps.

The idea is RED's zero-skipping data flow (Fan et al., DATE 2019, arXiv 1907.02987); the arithmetic
with dilation, cropping and output padding follows from the formula above.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import gcd, prod
from typing import TYPE_CHECKING, Any

from red_timeloop.errors import InputError
from red_timeloop.layer import Layer, TransposedConv

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AxisMode", "Decomposition", "Mode", "ModeGroup", "decompose"]


@dataclass(frozen=True)
class AxisMode:
    """One phase along one axis: its taps, the input offset of each, and its output pixels."""

    phase: int
    taps: tuple[int, ...]
    offsets: tuple[int, ...]
    outputs: range

    @property
    def empty(self) -> bool:
        """True when it has no taps or no output pixels: no sub-crossbar and no step."""
        return not self.taps or not self.outputs


@dataclass(frozen=True)
class Mode:
    """A computation mode: one phase per axis.

    Attributes:
        phase: Output pixel modulo stride, per axis.
        taps: Kernel pixels per axis; the sub-kernel is their product.
        offsets: Per axis and tap, the input pixel it reads in step j is
            ``input_stride * j + offset``; outside the input it reads zero.
        outputs: Output pixels per axis, the j-th made in step j.
        input_stride: Input pixels between steps: 1, or a Conv's stride.
    """

    phase: tuple[int, ...]
    taps: tuple[tuple[int, ...], ...]
    offsets: tuple[tuple[int, ...], ...]
    outputs: tuple[range, ...]
    input_stride: tuple[int, ...]

    @property
    def sub_kernel_shape(self) -> tuple[int, ...]:
        """Taps per axis."""
        return tuple(map(len, self.taps))

    @property
    def output_count(self) -> tuple[int, ...]:
        """Output pixels per axis."""
        return tuple(map(len, self.outputs))

    @property
    def empty(self) -> bool:
        """True when an axis has no taps (the output pixels are zero) or no output pixels."""
        return not all(self.sub_kernel_shape) or not all(self.output_count)


@dataclass(frozen=True)
class ModeGroup:
    """Non-empty modes with the same number of taps, offsets and output count on every axis.

    A group is a product over the axes, so it is one loop nest with its modes as loops.

    Attributes:
        modes: The modes, in the order of their phases.
        taps_per_axis: Taps of each mode, per axis.
        tap_stride_per_axis: Input pixels between neighbouring taps, per axis (1 unless dilated).
        offsets_per_axis: Input offsets of the taps, per axis, ascending.
        output_count_per_axis: Output pixels of each mode, per axis: its steps.
        modes_per_axis: Phases per axis; their product is the number of modes.
    """

    modes: tuple[Mode, ...]
    taps_per_axis: tuple[int, ...]
    tap_stride_per_axis: tuple[int, ...]
    offsets_per_axis: tuple[tuple[int, ...], ...]
    output_count_per_axis: tuple[int, ...]
    modes_per_axis: tuple[int, ...]


@dataclass(frozen=True)
class Decomposition:
    """The computation modes of a layer; an ordinary convolution is one mode.

    >>> from red_timeloop import TransposedConv, decompose
    >>> parts = decompose(TransposedConv(512, 256, (4, 4), 5, stride=2, padding=2,
    ...                                  output_padding=1))
    >>> [mode.sub_kernel_shape for mode in parts.modes]
    [(3, 3), (3, 2), (2, 3), (2, 2)]
    >>> parts.sub_crossbars, parts.steps, parts.window
    (25, 16, (3, 3))
    """

    layer: Layer

    @cached_property
    def axes(self) -> tuple[tuple[AxisMode, ...], ...]:
        """The phases of each axis, empty ones too."""
        return tuple(_axis_modes(self.layer, axis) for axis in range(self.layer.ndim))

    @cached_property
    def modes(self) -> tuple[Mode, ...]:
        """All modes, the product of the stride, empty ones too; together they hold every output."""
        return tuple(self._mode(phases) for phases in product(*self.axes))

    @cached_property
    def groups(self) -> tuple[ModeGroup, ...]:
        """The non-empty modes, gathered into products over the axes."""
        alike: list[list[list[AxisMode]]] = []
        for phases in self.axes:
            classes: dict[tuple[tuple[int, ...], int], list[AxisMode]] = {}
            for mode in phases:
                if not mode.empty:
                    key = (tuple(sorted(mode.offsets)), len(mode.outputs))
                    classes.setdefault(key, []).append(mode)
            alike.append(list(classes.values()))
        return tuple(self._group(choice) for choice in product(*alike))

    @cached_property
    def window(self) -> tuple[int, ...]:
        """Distinct input pixels per axis that one step reads for all modes together."""
        return tuple(len(offsets) for offsets in self.window_offsets)

    @cached_property
    def window_offsets(self) -> tuple[tuple[int, ...], ...]:
        """The offsets behind `window`, per axis, ascending."""
        return tuple(
            tuple(sorted({offset for mode in phases if not mode.empty for offset in mode.offsets}))
            for phases in self.axes
        )

    @cached_property
    def sub_crossbars(self) -> int:
        """Kernel pixels in non-empty modes; each has its own sub-crossbar."""
        return prod(sum(len(m.taps) for m in phases if not m.empty) for phases in self.axes)

    @cached_property
    def steps(self) -> int:
        """Steps per image with all modes side by side: the longest non-empty mode of each axis."""
        return prod(
            max((len(m.outputs) for m in phases if not m.empty), default=0) for phases in self.axes
        )

    def apply(self, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """Run the modes' sub-convolutions and interleave their output pixels.

        Args:
            inputs: ``[N, C_in, *input_size]``, any numeric dtype and any batch N.
            weights: ``[C_in, C_out / groups, *kernel_size]``, for a Conv ``[C_out, C_in / groups,
                *kernel_size]``.

        Returns:
            ``[N, C_out, *output_size]``. Integers (and bools) are exact: the result is int64, or
            an object array of Python integers where int64 could overflow (the largest magnitudes
            of inputs and weights, times the products summed, reach 2**63). Floating point keeps
            NumPy's result type; float16 is summed in float32.

        Raises:
            InputError: Shapes that do not fit the layer, or values that are not numbers.
        """
        from red_timeloop._subconvolution import apply

        return apply(self, inputs, weights)

    def _mode(self, phases: tuple[AxisMode, ...]) -> Mode:
        return Mode(
            phase=tuple(mode.phase for mode in phases),
            taps=tuple(mode.taps for mode in phases),
            offsets=tuple(mode.offsets for mode in phases),
            outputs=tuple(mode.outputs for mode in phases),
            input_stride=_input_stride(self.layer),
        )

    def _group(self, choice: tuple[list[AxisMode], ...]) -> ModeGroup:
        layer = self.layer
        return ModeGroup(
            modes=tuple(self._mode(phases) for phases in product(*choice)),
            taps_per_axis=tuple(len(alike[0].taps) for alike in choice),
            tap_stride_per_axis=tuple(
                d // gcd(s, d) if layer.transposed else d
                for s, d in zip(layer.stride, layer.dilation, strict=True)
            ),
            offsets_per_axis=tuple(tuple(sorted(alike[0].offsets)) for alike in choice),
            output_count_per_axis=tuple(len(alike[0].outputs) for alike in choice),
            modes_per_axis=tuple(map(len, choice)),
        )


def decompose(layer: Layer) -> Decomposition:
    """Return the computation modes of `layer`.

    Raises:
        InputError: `layer` is not a TransposedConv or a Conv.
    """
    if not isinstance(layer, Layer):
        raise InputError(f"{layer!r} is not a layer", key="layer", legal="TransposedConv, Conv")
    return _decomposed(layer)


@lru_cache(maxsize=32)  # every design of a layer asks, and each of its parts
def _decomposed(layer: Layer) -> Decomposition:
    return Decomposition(layer)


def _input_stride(layer: Layer) -> tuple[int, ...]:
    return (1,) * layer.ndim if layer.transposed else layer.stride


def _axis_modes(layer: Layer, axis: int) -> tuple[AxisMode, ...]:
    taps, stride = layer.kernel_size[axis], layer.stride[axis]
    dilation, (before, _) = layer.dilation[axis], layer.padding[axis]
    out = layer.output_size[axis]
    if not isinstance(layer, TransposedConv):
        offsets = tuple(k * dilation - before for k in range(taps))
        return (AxisMode(0, tuple(range(taps)), offsets, range(out)),)
    by_residue: dict[int, list[int]] = {}
    for k in range(taps):
        by_residue.setdefault(k * dilation % stride, []).append(k)
    return tuple(
        AxisMode(
            phase=phase,
            taps=tuple(own := by_residue.get((phase + before) % stride, [])),
            offsets=tuple((phase + before - k * dilation) // stride for k in own),
            outputs=range(phase, out, stride),
        )
        for phase in range(stride)
    )
