"""Operators that stand on crossbars: (transposed) convolutions and products with a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError, shown
from red_timeloop.frontends._onnx_attributes import Attributes
from red_timeloop.frontends._onnx_geometry import conv_arguments, transposed_arguments
from red_timeloop.layer import Conv, Layer, TransposedConv

__all__ = ["Operator", "Quantized", "mapped_operator"]

_CONVOLUTIONS = ("Conv", "ConvTranspose")


@dataclass(frozen=True)
class Quantized:
    """Integers that the model itself says (QDQ).

    Attributes:
        source: Name of the integers that the operator's inputs are dequantised from.
        bits: Bits of one of them.
        scale: What one of them stands for.
        zero_point: The integer that stands for zero.
        weights: As `Operator.weights`, with their zero point taken off.
        weight_scales: ``[C_out]``.
    """

    source: str
    bits: int
    scale: np.float32
    zero_point: int
    weights: NDArray[np.int64]
    weight_scales: NDArray[np.float32]


@dataclass(frozen=True)
class Operator:
    """A (transposed) convolution, or a product with a constant matrix.

    Attributes:
        name: Name of the node.
        kind: Its ONNX operator.
        data: Name of its input.
        output: Name of its output.
        weights: As the layer takes them: ``[C_in, C_out / groups, *kernel]`` or, where it is not
            transposed, ``[C_out, C_in / groups, *kernel]``; a product has a kernel of one pixel.
        groups: Groups of channels.
        bias: Name of what is added, or empty.
        factor: What a product is multiplied with.
        bias_factor: What the bias is multiplied with.
        attributes: Of the node.
        quantized: The integers of a quantised model; None: they are to be found.
    """

    name: str
    kind: str
    data: str
    output: str
    weights: NDArray[np.float32]
    groups: int
    bias: str
    factor: float
    bias_factor: float
    attributes: Attributes
    quantized: Quantized | None

    @property
    def product(self) -> bool:
        """Whether it is a product with a matrix."""
        return self.kind not in _CONVOLUTIONS

    @property
    def source(self) -> str:
        """Name of what goes to the crossbars: the input, or the integers it stands for."""
        return self.quantized.source if self.quantized else self.data

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of what it reads."""
        return (self.source, *([self.bias] if self.bias else []))

    def layer(self, shape: tuple[int, ...], input_bits: int, weight_bits: int) -> Layer:
        """Return the layer for inputs of `shape`.

        Raises:
            InputError: The shape does not fit, or there are more than three spatial axes.
        """
        bits: dict[str, Any] = {
            "input_bits": input_bits,
            "weight_bits": weight_bits,
            "name": self.name,
        }
        try:
            if self.product:
                rows = self.weights.shape[1]
                if not shape or self._inner(shape) != rows:
                    raise InputError(
                        f"inputs {list(shape)} do not fit a matrix of {rows} rows", key="shape"
                    )
                pixels = int(np.prod(shape, dtype=np.int64)) // rows
                return Conv(rows, self.weights.shape[0], (pixels,), 1, **bits)
            transposed = self.kind == "ConvTranspose"
            geometry = transposed_arguments if transposed else conv_arguments
            arguments = geometry(self.attributes, shape, self.weights.shape)
            return (TransposedConv if transposed else Conv)(**arguments, **bits)
        except InputError as error:
            raise InputError(
                f"{self.kind} {shown(self.name)}: {error.message}", key=error.key, legal=error.legal
            ) from None

    def _inner(self, shape: tuple[int, ...]) -> int:
        return shape[0] if self._turned else shape[-1]

    @property
    def _turned(self) -> bool:
        return self.kind == "Gemm" and bool(self.attributes.integer("transA", 0))

    def arrange(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return inputs as the layer takes them."""
        if not self.product:
            return inputs
        rows = inputs if self._turned else inputs.reshape(-1, inputs.shape[-1]).T
        return np.ascontiguousarray(rows)[None]

    def restore(self, outputs: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return outputs of the layer as the operator gives them for inputs of `shape`."""
        if not self.product:
            return outputs
        rows = shape[1:] if self._turned else shape[:-1]
        return np.ascontiguousarray(outputs[0].T).reshape(*rows, -1)

    def by_channel(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return one value for each output channel so that it meets `weights`."""
        spatial = (1,) * (self.weights.ndim - 2)
        if self.kind == "ConvTranspose":
            rows = self.weights.shape[0] // self.groups
            return np.repeat(values.reshape(self.groups, -1), rows, axis=0).reshape(
                self.weights.shape[0], -1, *spatial
            )
        return values.reshape(-1, 1, *spatial)

    @property
    def largest(self) -> NDArray[np.float64]:
        """The largest magnitude among the weights of each output channel."""
        sizes = np.abs(self.weights.astype(np.float64))
        if self.kind == "ConvTranspose":
            by_group = sizes.reshape(self.groups, -1, *sizes.shape[1:])
            sizes = np.moveaxis(by_group, 2, 1)
            sizes = sizes.reshape(self.groups * sizes.shape[1], -1)
        largest: NDArray[np.float64] = sizes.reshape(len(sizes), -1).max(axis=1, initial=0)
        return largest


def mapped_operator(
    onnx: Any,
    node: Any,
    name: str,
    constants: Mapping[str, NDArray[Any]],
    producers: Mapping[str, Any],
    inputs: Mapping[str, Any],
) -> Operator | str | None:
    """Return a node as an operator on crossbars.

    Args:
        onnx: The module.
        node: The node.
        name: What it is called.
        constants: Values that depend on no input.
        producers: The node that gives each other value.
        inputs: The model's inputs.

    Returns:
        The operator; the reason why a multiplication is none; None for anything else.

    Raises:
        InputError: Its weights are not constant, or more than three axes are convolved.
    """
    if node.domain not in ("", "ai.onnx") or node.op_type not in (*_CONVOLUTIONS, "Gemm", "MatMul"):
        kinds = ("Einsum", "LSTM", "GRU", "RNN", "DeformConv", "If", "Loop", "Scan")
        return f"{node.op_type} is not mapped" if node.op_type in kinds else None
    data, weight, *rest = node.input
    if weight not in constants:
        if node.op_type == "MatMul":
            return "its second factor depends on the inputs"
        what = "are an input of the model" if weight in inputs else "depend on the inputs"
        raise InputError(
            f"{node.op_type} {shown(name)}: its weights {shown(weight)} {what}",
            key="model",
            legal="weights that are constants",
        )
    if data in constants:
        return "its first factor is constant"
    weights, attributes = constants[weight], Attributes(onnx, node)
    if node.op_type == "MatMul" and weights.ndim != 2:
        return f"its second factor has {weights.ndim} axes"
    if node.op_type in _CONVOLUTIONS and not 3 <= weights.ndim <= 5:
        raise InputError(
            f"{node.op_type} {shown(name)}: weights {list(weights.shape)}",
            key="model",
            legal="one to three spatial axes",
        )
    turned = node.op_type == "Gemm" and attributes.integer("transB", 0)
    matrix = node.op_type not in _CONVOLUTIONS

    def arranged(values: NDArray[Any]) -> NDArray[Any]:
        """Return weights ``[C_out, C_in, 1]`` of a product; those of a convolution as they are."""
        if not matrix:
            return values
        return np.ascontiguousarray(values if turned else values.T)[..., None]

    channel = (0 if turned else 1) if matrix else (1 if node.op_type == "ConvTranspose" else 0)
    groups = attributes.integer("group", 1, 1) if not matrix else 1
    found = _quantized(producers.get(data), producers.get(weight), constants, channel, groups)
    if found is not None:
        found = replace(found, weights=arranged(found.weights))
    return Operator(
        name=name,
        kind=node.op_type,
        data=data,
        output=node.output[0],
        weights=arranged(weights.astype(np.float32)),
        groups=groups,
        bias=rest[0] if rest else "",
        factor=_number(node, "alpha"),
        bias_factor=_number(node, "beta"),
        attributes=attributes,
        quantized=found,
    )


def _number(node: Any, key: str) -> float:
    return next((a.f for a in node.attribute if a.name == key), 1.0)


def _quantized(
    first: Any,
    second: Any,
    constants: Mapping[str, NDArray[Any]],
    axis: int,
    groups: int,
) -> Quantized | None:
    """Return the integers of a model in QDQ form.

    None where either factor is not dequantised, or not by one scale a tensor for the inputs and one
    a tensor or a channel for the weights: such integers are found by calibration.
    """
    if not all(node is not None and node.op_type == "DequantizeLinear" for node in (first, second)):
        return None
    scale, zero = _scale(first, constants)
    scales, zeros = _scale(second, constants)
    stored = constants.get(second.input[0])
    if scale is None or scale.size != 1 or scales is None or stored is None:
        return None
    along = next((a.i for a in second.attribute if a.name == "axis"), 1) % stored.ndim
    blocks = any(a.name == "block_size" and a.i for a in second.attribute)
    if blocks or (scales.size > 1 and (along != axis or scales.size != stored.shape[axis])):
        return None
    shape = [1] * stored.ndim
    shape[axis] = zeros.size
    channels = stored.shape[axis] * groups
    each = np.broadcast_to(np.tile(scales.reshape(-1), groups if scales.size > 1 else 1), channels)
    return Quantized(
        source=first.input[0],
        bits=8 * zero.dtype.itemsize,
        scale=np.float32(scale.reshape(-1)[0]),
        zero_point=int(zero.reshape(-1)[0]),
        weights=stored.astype(np.int64) - zeros.astype(np.int64).reshape(shape),
        weight_scales=each.astype(np.float32),
    )


def _scale(
    node: Any, constants: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    """Return scale and zero point of a DequantizeLinear."""
    given = len(node.input) > 2 and node.input[2]
    zero = constants.get(node.input[2]) if given else np.zeros(1, np.uint8)
    return (None if zero is None else constants.get(node.input[1])), np.asarray(zero)
