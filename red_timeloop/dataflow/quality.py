"""The signal to quantization noise ratio of layers on a design: its converters on random tensors.

It depends on the mapping and on the bits, not on circuit numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.circuit import Circuit
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.execution import execute
from red_timeloop.dataflow.trace import deviation
from red_timeloop.designs import Design
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["SAMPLE", "layer_sqnr", "sample_layer", "sample_tensors", "workload_sqnr"]

# What `layer_sqnr` runs, in words; `sample_layer` and `sample_tensors` make it.
SAMPLE = (
    "inputs uniform over all bits, weights normal with a third of their range as sigma, seed 2019, "
    "on a crop of each layer: all input channels of a group, the whole kernel, at most 32 output "
    "channels, away from the border the outputs of one stride in each direction, 4 images"
)
_OUTPUTS = 32  # the ratio varies from channel to channel, hardly from pixel to pixel
_IMAGES = 4
_SEED = 2019


def workload_sqnr(layers: Iterable[Layer], design: Design, hardware: Hardware) -> float | None:
    """Return the least signal to quantization noise ratio in dB over the layers.

    None when a layer cannot be executed; see `layer_sqnr`.
    """
    try:
        return min(layer_sqnr(layer, design, hardware) for layer in layers)
    except InputError:
        return None


def layer_sqnr(layer: Layer, design: Design, hardware: Hardware) -> float:
    """Return the signal to quantization noise ratio in dB of a layer on a design.

    Its crop, which has the rows and the kernel that decide the ratio, is executed on random
    tensors (`SAMPLE`), with ideal cells and the converters of the parameter set. Infinite when
    every output is exact, as on designs without crossbars, which are not executed.

    Raises:
        InputError: The layer cannot be executed there.
    """
    # What does not matter is left out, so that equal executions are run once.
    return _sqnr(sample_layer(layer), design, replace(hardware, name="", circuit=Circuit.load()))


def sample_layer(layer: Layer) -> Layer:
    """Return a layer with the same taps, strides and rows that makes outputs of one stride only.

    They lie where no tap meets the border, one of each phase.

    >>> from red_timeloop import TransposedConv
    >>> small = sample_layer(TransposedConv(64, 512, (16, 16), 5, stride=2, padding=2))
    >>> small.in_channels, small.out_channels, small.input_size, small.output_size
    (64, 32, (3, 3), (2, 2))
    """
    reach = [d * (k - 1) + 1 for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    size, padding = reach, [(0, 0)] * layer.ndim
    more: dict[str, Any] = {}
    if layer.transposed:
        more["output_padding"] = (0,) * layer.ndim
        size = [-(-r // s) for r, s in zip(reach, layer.stride, strict=True)]
        padding = [
            (max(0, r - s), (pixels - 1) * s)
            for r, s, pixels in zip(reach, layer.stride, size, strict=True)
        ]
    return replace(
        layer,
        in_channels=layer.in_channels // layer.groups,
        out_channels=min(_OUTPUTS, layer.out_channels // layer.groups),
        input_size=tuple(size),
        padding=tuple(padding),
        groups=1,
        batch=_IMAGES,
        name=None,
        **more,
    )


def sample_tensors(layer: Layer, seed: int = _SEED) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return inputs, uniform over their bits, and weights, normal with a third of their range.

    Weights beyond the largest, 2^(bits - 1) - 1, are cut to it.
    """
    random = np.random.default_rng(seed)
    inputs = random.integers(0, 1 << min(layer.input_bits, 62), layer.input_shape)
    largest = (1 << min(layer.weight_bits - 1, 62)) - 1
    drawn = random.normal(0, largest / 3, layer.weight_shape)
    return inputs, np.clip(np.rint(drawn), -largest, largest).astype(np.int64)


@lru_cache(maxsize=4096)
def _sqnr(layer: Layer, design: Any, hardware: Hardware) -> float:
    if not design.lanes(design.plan(layer, hardware)):
        return math.inf  # no crossbars: digital
    tensors = sample_tensors(layer)
    made = execute(layer, design, *tensors, hardware).outputs
    return deviation(made, convolve(layer, *tensors)).sqnr_db
