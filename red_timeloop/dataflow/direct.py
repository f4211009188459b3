"""The exact result, straight from the definition: no modes, no crossbars.

It is what simulations are held against, so it shares nothing with the decomposition.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.layer import Layer

__all__ = ["convolve"]


def convolve(layer: Layer, inputs: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.int64]:
    """Return the integer (transposed) convolution, ``[N, C_out, *output_size]``.

    Every kernel pixel multiplies all input pixels at once, and its product is added where it
    belongs. Arguments have the shapes that `Decomposition.apply` takes; their sums must fit 53
    bits (`simulate` refuses others).
    """
    images, groups = inputs.shape[0], layer.groups
    pixels = inputs.astype(np.float64).reshape(images, groups, -1, *layer.input_size)
    kernel = weights.astype(np.float64).reshape(groups, -1, *weights.shape[1:])
    if not layer.transposed:
        kernel = kernel.swapaxes(1, 2)
    made = layer.out_channels // groups
    run = _scatter if layer.transposed else _gather
    canvas = run(layer, pixels, kernel, made)
    result: NDArray[np.int64] = canvas.reshape(images, layer.out_channels, *layer.output_size)
    return result


def _scatter(
    layer: Layer, pixels: NDArray[Any], kernel: NDArray[Any], made: int
) -> NDArray[np.int64]:
    """Add the product of each kernel pixel to a map large enough for all, then crop it."""
    axes = range(layer.ndim)
    whole = [
        max(
            (layer.input_size[a] - 1) * layer.stride[a]
            + layer.dilation[a] * (layer.kernel_size[a] - 1)
            + 1,
            layer.padding[a][0] + layer.output_size[a],
        )
        for a in axes
    ]
    canvas = np.zeros((*pixels.shape[:2], made, *whole), np.int64)
    for tap in product(*map(range, layer.kernel_size)):
        places = [
            _every(tap[a] * layer.dilation[a], layer.input_size[a], layer.stride[a]) for a in axes
        ]
        place: Any = (..., *places)
        canvas[place] += _product(_at(kernel, tap), pixels)
    crop: Any = (..., *(_every(layer.padding[a][0], layer.output_size[a], 1) for a in axes))
    cropped: NDArray[np.int64] = canvas[crop]
    return cropped


def _gather(
    layer: Layer, pixels: NDArray[Any], kernel: NDArray[Any], made: int
) -> NDArray[np.int64]:
    """Pad the input with zeros and add the product of each kernel pixel over all outputs."""
    axes = range(layer.ndim)
    padded = np.pad(pixels, [(0, 0)] * 3 + list(layer.padding))
    canvas = np.zeros((*pixels.shape[:2], made, *layer.output_size), np.int64)
    for tap in product(*map(range, layer.kernel_size)):
        places = [
            _every(tap[a] * layer.dilation[a], layer.output_size[a], layer.stride[a]) for a in axes
        ]
        read: Any = (..., *places)
        canvas += _product(_at(kernel, tap), padded[read])
    return canvas


def _every(first: int, count: int, step: int) -> slice:
    return slice(first, first + (count - 1) * step + 1, step)


def _at(kernel: NDArray[Any], tap: tuple[int, ...]) -> NDArray[Any]:
    place: Any = (..., *tap)
    found: NDArray[Any] = kernel[place]
    return found


def _product(weights: NDArray[Any], pixels: NDArray[Any]) -> NDArray[np.int64]:
    """Multiply ``[G, C, M]`` with ``[N, G, C, *pixels]`` over C; exact while it fits 53 bits."""
    flat = pixels.reshape(*pixels.shape[:3], prod(pixels.shape[3:]))
    summed = weights.swapaxes(-1, -2) @ flat
    shaped: NDArray[Any] = summed.reshape(*summed.shape[:3], *pixels.shape[3:])
    return shaped.astype(np.int64)
