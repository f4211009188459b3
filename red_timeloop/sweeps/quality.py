"""The signal to quantization noise ratio of a point: its converters and cells on sampled data.

It depends on the mapping and on the bits, not on circuit numbers, so one value holds for a block.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from red_timeloop.designs import Design
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["sample_layer", "workload_sqnr"]

_OUTPUTS = 4  # output channels of a sample; they are alike
_SIZES = (2, 3, 4, 6, 8, 12, 16, 32)  # of a sample's map: every tap meets a pixel somewhere
_SEED = 2019


def workload_sqnr(layers: Iterable[Layer], design: Design, hardware: Hardware) -> float | None:
    """Return the least signal to quantization noise ratio in dB over the layers.

    Each layer is simulated on a small map with all its input channels: inputs are uniform over
    their range, weights normal with a third of theirs as sigma, both seeded. Infinite when every
    output is exact, as on digital designs; None when a layer cannot be simulated.
    """
    try:
        return min(_sqnr(sample_layer(layer), design, hardware) for layer in layers)
    except InputError:
        return None


def sample_layer(layer: Layer) -> Layer:
    """Return a layer with the same taps, strides and rows on a small map.

    >>> from red_timeloop import TransposedConv
    >>> small = sample_layer(TransposedConv(64, 512, (16, 16), 5, stride=2, padding=2))
    >>> small.in_channels, small.out_channels, small.input_size
    (64, 4, (2, 2))
    """
    samples = (_shrunk(layer, size) for size in _SIZES)
    return next((sample for sample in samples if sample is not None), layer)


def _shrunk(layer: Layer, size: int) -> Layer | None:
    try:
        return replace(
            layer,
            in_channels=layer.in_channels // layer.groups,
            out_channels=min(_OUTPUTS, layer.out_channels // layer.groups),
            input_size=tuple(min(size, own) for own in layer.input_size),
            groups=1,
            batch=1,
            name=None,
        )
    except InputError:  # so small a map has no output
        return None


@lru_cache(maxsize=4096)
def _sqnr(layer: Layer, design: Any, hardware: Hardware) -> float:
    from red_timeloop.dataflow import simulate

    if not design.lanes(design.plan(layer, hardware)):
        return math.inf  # digital
    random = np.random.default_rng(_SEED)
    inputs = random.integers(0, 2**layer.input_bits, layer.input_shape)
    largest = 2 ** (layer.weight_bits - 1) - 1
    drawn = random.normal(0, largest / 3, layer.weight_shape)
    weights = np.clip(np.rint(drawn), -largest, largest).astype(np.int64)
    return float(simulate(layer, design, inputs, weights, hardware).error.sqnr_db)
