"""A layer mapped on a design, its tensors checked and encoded: what an execution starts from."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.bank import Programmer
from red_timeloop.dataflow.encoding import (
    InputCode,
    WeightCode,
    input_code,
    narrow,
    require_width,
)
from red_timeloop.dataflow.nonideal import Nonidealities
from red_timeloop.designs import Design, find
from red_timeloop.designs.lanes import Lane
from red_timeloop.designs.plan import Plan
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["Mapped", "map_layer"]


@dataclass(frozen=True)
class Mapped:
    """A layer on a design.

    Attributes:
        design: The design.
        hardware: The parameter set.
        plan: Its plan.
        lanes: What executes the plan; () where the design has no crossbars.
        inputs: ``[batch, C_in, *input_size]``, int64.
        weights: As `simulate` takes them, int64.
        input_code: How inputs are driven.
        programmer: What writes the weights into the crossbars, lane by lane.
    """

    design: Design
    hardware: Hardware
    plan: Plan
    lanes: tuple[Lane, ...]
    inputs: NDArray[np.int64]
    weights: NDArray[np.int64]
    input_code: InputCode
    programmer: Programmer

    @property
    def padded(self) -> NDArray[Any]:
        """``[batch, C_in, *(size + 1)]``: the inputs, with a zero behind the last pixel of each
        axis, which stands for whatever is no pixel.
        """
        layer = self.plan.layer
        behind = [(0, 0)] * 2 + [(0, 1)] * layer.ndim
        return narrow(np.pad(self.inputs, behind), layer.input_bits)


def map_layer(
    layer: Layer,
    design: str | Design,
    inputs: NDArray[Any],
    weights: NDArray[Any],
    hardware: Hardware | None,
    nonidealities: Nonidealities,
) -> Mapped:
    """Check and encode what `simulate` takes; its arguments and errors are described there."""
    if not isinstance(layer, Layer):
        raise InputError(f"{layer!r} is not a layer", key="layer", legal="TransposedConv, Conv")
    hardware = Hardware.load() if hardware is None else hardware
    chosen = find(design, code=True)
    plan = chosen.plan(layer, hardware)
    hardware = plan.hardware  # a design may have numbers of its own
    weight_code = WeightCode(layer.weight_bits, hardware.cell_bits, hardware.weight_encoding)
    inputs, weights = _checked(layer, inputs, weights)
    weight_code.check(weights)
    pulses = input_code(inputs, layer.input_bits, hardware.dac_bits)
    products = layer.in_channels // layer.groups * prod(layer.kernel_size)
    require_width(hardware, layer.input_bits, layer.weight_bits, products)
    programmer = Programmer(
        layer=layer,
        weights=narrow(_by_group(layer, weights), layer.weight_bits),
        code=weight_code,
        nonidealities=nonidealities,
        random=np.random.default_rng(nonidealities.seed),
    )
    lanes = chosen.lanes(plan)
    return Mapped(chosen, hardware, plan, lanes, inputs, weights, pulses, programmer)


def _by_group(layer: Layer, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return weights as ``[groups, C_in / groups, C_out / groups, *kernel]``."""
    split = weights.reshape(layer.groups, -1, *weights.shape[1:])
    return split if layer.transposed else split.swapaxes(1, 2)


def _checked(
    layer: Layer, inputs: NDArray[Any], weights: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both as int64, or refuse them."""
    wanted = {"inputs": (inputs, layer.input_shape), "weights": (weights, layer.weight_shape)}
    found: list[NDArray[np.int64]] = []
    for key, (given, shape) in wanted.items():
        array = np.asarray(given)
        if array.dtype.kind not in "biu":
            raise InputError(f"dtype {array.dtype} is not an integer's", key=key, legal="integers")
        if array.shape != shape:
            raise InputError(
                f"shape {list(array.shape)} does not fit the layer", key=key, legal=f"{list(shape)}"
            )
        if array.size and int(array.max()) >= 1 << 63:
            raise InputError(f"the value {int(array.max())} is too large", key=key, legal="int64")
        found.append(array.astype(np.int64))
    return found[0], found[1]
