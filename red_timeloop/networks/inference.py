"""A network on its way from inputs to outputs: in floats, or its operators on integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.encoding import require_width
from red_timeloop.errors import InputError, shown
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.networks.graph import Network, Values, computed
from red_timeloop.networks.operators import Operator
from red_timeloop.networks.quantization import Scheme

__all__ = ["Multiply", "exact", "float_values", "infer"]

# (operator, its layer, integer inputs, integer weights) to the layer's sums
Multiply: TypeAlias = Callable[
    [Operator, Layer, NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]
]


def exact(
    operator: Operator, layer: Layer, inputs: NDArray[np.int64], weights: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Multiply as the ideal integer model does."""
    products = int(np.prod(weights.shape[1:])) if not layer.transposed else layer.in_channels
    require_width(Hardware.load(), layer.input_bits, layer.weight_bits, products)
    return convolve(layer, inputs, weights)


def infer(
    network: Network,
    schemes: Mapping[str, Scheme],
    inputs: Values,
    multiply: Multiply,
    watch: Callable[[Operator, NDArray[Any]], None] | None = None,
) -> Values:
    """Run the graph with its operators on integers; return its outputs.

    Args:
        network: The network.
        schemes: The integers of each operator, by name.
        inputs: What the user gives.
        multiply: Who multiplies.
        watch: Called with each operator and what it gives.

    Raises:
        InputError: A step cannot be computed on these inputs; names it.
    """
    values = {**network.constants, **inputs}
    last = {name: len(network.steps) for name in (*network.outputs, *network.constants)}
    for index, step in reversed(list(enumerate(network.steps))):
        for name in step.reads if isinstance(step, Operator) else step.inputs:
            last.setdefault(name, index)
    for index, step in enumerate(network.steps):
        if isinstance(step, Operator):
            made = _operate(step, schemes[step.name], values, multiply)
            values[step.output] = made
            if watch:
                watch(step, made)
        else:
            values |= step.run(network, values)
        for name in [name for name in values if last.get(name, -1) <= index]:
            del values[name]  # nobody reads it any more
    return {name: values[name] for name in network.outputs}


def _operate(
    operator: Operator, scheme: Scheme, values: Values, multiply: Multiply
) -> NDArray[np.float32]:
    given = values[operator.source]
    layer = operator.layer(given.shape, scheme.input_bits, scheme.weight_bits)
    integers = operator.arrange(scheme.integers(given))
    try:
        sums = multiply(operator, layer, integers, scheme.weights)
    except InputError as error:
        raise InputError(
            f"{operator.kind} {shown(operator.name)}: {error.message}",
            key=error.key,
            legal=error.legal,
        ) from None
    made = scheme.real(sums - scheme.offset(layer), operator)
    if operator.bias and not operator.product:
        made = made + values[operator.bias].astype(np.float32).reshape(-1, *[1] * layer.ndim)
    restored = operator.restore(made, given.shape)
    if operator.bias and operator.product:
        restored = restored + np.float32(operator.bias_factor) * values[operator.bias]
    return np.ascontiguousarray(restored, np.float32)


def float_values(network: Network, inputs: Values, names: Sequence[str]) -> Values:
    """Return values of the model as onnxruntime runs it, in floats.

    Args:
        network: The network.
        inputs: What the user gives.
        names: Which values, outputs or others.
    """
    found: Values = {name: inputs[name] for name in names if name in inputs}
    wanted = list(dict.fromkeys(name for name in names if name not in inputs))
    if not wanted:
        return found
    key = tuple(wanted)
    if key not in network.sessions:
        network.sessions[key] = network.session(network.nodes, inputs, inputs, wanted)
    made = computed(network.sessions[key], wanted, inputs)
    return found | dict(zip(wanted, made, strict=True))
