"""An independent oracle: convolutions written straight from their definitions, pixel by pixel."""

from __future__ import annotations

from itertools import product

import numpy as np


def output_size(layer):
    """PyTorch's formulas, axis by axis."""
    sizes = []
    for axis, size in enumerate(layer.input_size):
        span = layer.dilation[axis] * (layer.kernel_size[axis] - 1)
        before, after = layer.padding[axis]
        if layer.transposed:
            grown = (size - 1) * layer.stride[axis] + span + layer.output_padding[axis] + 1
            sizes.append(grown - before - after)
        else:
            sizes.append((size + before + after - span - 1) // layer.stride[axis] + 1)
    return tuple(sizes)


def transposed(layer, inputs, weights):
    """Every input pixel throws its kernel-sized patch onto the output; what falls outside is cut.

    Returns the outputs and how often a tap of a real pixel landed inside.
    """
    out = output_size(layer)
    per_group = layer.in_channels // layer.groups
    made = layer.out_channels // layer.groups
    outputs = np.zeros((inputs.shape[0], layer.out_channels, *out), np.result_type(inputs, weights))
    landed = 0
    for pixel in product(*map(range, layer.input_size)):
        for tap in product(*map(range, layer.kernel_size)):
            place = tuple(
                pixel[a] * layer.stride[a] + tap[a] * layer.dilation[a] - layer.padding[a][0]
                for a in range(len(out))
            )
            if not all(0 <= p < size for p, size in zip(place, out, strict=True)):
                continue
            landed += 1
            for group in range(layer.groups):
                reads = slice(group * per_group, (group + 1) * per_group)
                writes = slice(group * made, (group + 1) * made)
                patch = inputs[(slice(None), reads, *pixel)] @ weights[(reads, slice(None), *tap)]
                outputs[(slice(None), writes, *place)] += patch
    return outputs, landed


def ordinary(layer, inputs, weights):
    """Every output pixel gathers its kernel-sized patch; pixels outside count as zero."""
    out = output_size(layer)
    per_group = layer.in_channels // layer.groups
    made = layer.out_channels // layer.groups
    outputs = np.zeros((inputs.shape[0], layer.out_channels, *out), np.result_type(inputs, weights))
    landed = 0
    for place in product(*map(range, out)):
        for tap in product(*map(range, layer.kernel_size)):
            pixel = tuple(
                place[a] * layer.stride[a] + tap[a] * layer.dilation[a] - layer.padding[a][0]
                for a in range(len(out))
            )
            if not all(0 <= p < s for p, s in zip(pixel, layer.input_size, strict=True)):
                continue
            landed += 1
            for group in range(layer.groups):
                reads = slice(group * per_group, (group + 1) * per_group)
                writes = slice(group * made, (group + 1) * made)
                patch = (
                    inputs[(slice(None), reads, *pixel)] @ weights[(writes, slice(None), *tap)].T
                )
                outputs[(slice(None), writes, *place)] += patch
    return outputs, landed


def zero_inserted_map(layer):
    """The map (1 = real pixel, 0 = zero) over which a stride-1 convolution gives the same output.

    Built by writing the pixels stride apart into a canvas wide enough for any crop, with the
    full border of dilation * (kernel - 1), then cutting `before` and whatever is left after.
    """
    maps = []
    for axis, size in enumerate(layer.input_size):
        border = layer.dilation[axis] * (layer.kernel_size[axis] - 1)
        canvas = [0] * border
        for index in range(size):
            canvas.append(1)
            if index < size - 1:
                canvas += [0] * (layer.stride[axis] - 1)
        canvas += [0] * (border + layer.output_padding[axis])
        before, after = layer.padding[axis]
        maps.append(np.array(canvas[before : len(canvas) - after]))
    grid = maps[0]
    for row in maps[1:]:
        grid = np.multiply.outer(grid, row)
    return grid
