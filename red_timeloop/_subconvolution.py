"""Runs the computation modes of a layer on NumPy arrays."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from red_timeloop.errors import InputError

if TYPE_CHECKING:
    from red_timeloop.decomposition import Decomposition, Mode
    from red_timeloop.layer import Layer

__all__ = ["apply"]

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

_EXACT_IN_FLOAT64 = 2**53
_EXACT_IN_INT64 = 2**63


def apply(decomposition: Decomposition, inputs: Array, weights: Array) -> Array:
    """See `Decomposition.apply`."""
    layer = decomposition.layer
    inputs, weights = _array(inputs, "inputs"), _array(weights, "weights")
    _check_shapes(layer, inputs, weights)
    working, result = _dtypes(layer, inputs, weights)
    groups, images = layer.groups, inputs.shape[0]
    # [N, G, C_in / G, *input] and [G, C_out / G, C_in / G, *kernel], so that one matrix product
    # a tap does all groups
    channels = layer.in_channels // groups
    pixels = inputs.astype(working).reshape(images, groups, channels, *layer.input_size)
    kernel = weights.astype(working).reshape(groups, -1, *weights.shape[1:])
    if layer.transposed:
        kernel = kernel.swapaxes(1, 2)
    outputs = np.zeros((images, groups, kernel.shape[1], *layer.output_size), working)
    for mode in decomposition.modes:
        if not mode.empty:
            _run_mode(mode, pixels, kernel, outputs)
    merged = outputs.reshape(images, layer.out_channels, *layer.output_size)
    return merged.astype(result, copy=False)


def _run_mode(mode: Mode, pixels: Array, kernel: Array, outputs: Array) -> None:
    """Add the sub-convolution of `mode` to its own pixels of `outputs`."""
    ndim = len(mode.phase)
    phase: Any = (..., *(slice(r.start, r.stop, r.step) for r in mode.outputs))
    own = outputs[phase]
    for place in product(*(range(len(taps)) for taps in mode.taps)):
        reads: list[slice] = []
        writes: list[slice] = []
        for axis, index in enumerate(place):
            offset, step = mode.offsets[axis][index], mode.input_stride[axis]
            first = max(0, -(offset // step))
            stop = min(len(mode.outputs[axis]), (pixels.shape[3 + axis] - 1 - offset) // step + 1)
            reads.append(slice(first * step + offset, (stop - 1) * step + offset + 1, step))
            writes.append(slice(first, stop))
        if any(span.stop <= span.start for span in writes):
            continue  # this tap sees only the border
        source: Any = (..., *reads)
        target: Any = (..., *writes)
        tap: Any = (..., *(mode.taps[axis][index] for axis, index in enumerate(place)))
        read = pixels[source]
        made = kernel[tap] @ read.reshape(*read.shape[:3], prod(read.shape[3:]))
        own[target] += made.reshape(*made.shape[:3], *read.shape[-ndim:])


def _array(values: Any, key: str) -> Array:
    try:
        return np.asarray(values)
    except ValueError:  # lists of different lengths
        raise InputError("not an array", key=key, legal="an array of numbers") from None


def _dtypes(layer: Layer, inputs: Array, weights: Array) -> tuple[Any, Any]:
    """The dtype to sum in and that of the result."""
    for key, array in (("inputs", inputs), ("weights", weights)):
        if array.dtype.kind not in "biufcO":
            raise InputError(
                f"dtype {array.dtype} is not numeric",
                key=key,
                legal="integers, floating point, complex",
            )
    if "O" in (inputs.dtype.kind, weights.dtype.kind):
        return object, object
    if inputs.dtype.kind in "biu" and weights.dtype.kind in "biu":
        products = layer.in_channels // layer.groups * prod(layer.kernel_size)
        bound = _magnitude(inputs) * _magnitude(weights) * products
        if bound < _EXACT_IN_FLOAT64:
            return np.float64, np.int64  # every partial sum is exact, and BLAS is far faster
        kind: Any = np.int64 if bound < _EXACT_IN_INT64 else object
        return kind, kind
    result = np.result_type(inputs, weights)
    return np.result_type(result, np.float32), result


def _magnitude(array: Array) -> int:
    if not array.size:
        return 0
    return max(abs(int(array.min())), abs(int(array.max())))


def _check_shapes(layer: Layer, inputs: Array, weights: Array) -> None:
    shape = layer.input_shape[1:]
    if inputs.shape[1:] != shape:
        raise InputError(
            f"shape {inputs.shape} does not fit the layer",
            key="inputs",
            legal=f"[N, {', '.join(map(str, shape))}]",
        )
    if weights.shape != layer.weight_shape:
        raise InputError(
            f"shape {weights.shape} does not fit the layer",
            key="weights",
            legal=f"{layer.weight_shape}",
        )
