"""Workloads from ONNX files.

Weights are never read: sizes are enough. Files of external data are not opened either, but a path
that points outside the model's folder is refused, since whatever reads the model next may follow
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from red_timeloop.errors import InputError, shown
from red_timeloop.frontends._onnx_attributes import Attributes
from red_timeloop.frontends._onnx_file import check, parse, parse_file
from red_timeloop.frontends._onnx_functions import inline
from red_timeloop.frontends._onnx_geometry import conv_arguments, transposed_arguments
from red_timeloop.frontends._onnx_operators import FREE, macs_of
from red_timeloop.frontends._onnx_shapes import open_batches, prepare, shapes_of
from red_timeloop.frontends.accounting import Collector, Imported, framework
from red_timeloop.layer import Conv, TransposedConv

__all__ = ["load"]

# operator -> positions of its activation and weight inputs
_CONVOLUTIONS = {
    "Conv": (0, 1),
    "ConvTranspose": (0, 1),
    "ConvInteger": (0, 1),
    "QLinearConv": (0, 3),
}
_PRODUCTS = {"Gemm": (0, 1), "MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3)}
# operators that pass the bits of their first input on
_TRANSPARENT = {
    "Identity", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Relu", "MaxPool",
}  # fmt: skip


def load(
    model: Any,
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    name: str | None = None,
    input_bits: int | None = None,
    weight_bits: int | None = None,
    batch: int | None = None,
) -> Imported:
    """Read an ONNX model as a workload.

    Args:
        model: The path of a file, or an ``onnx.ModelProto``.
        shapes: Shapes of inputs whose sizes the model leaves open, by name; also of inner values
            that shape inference cannot find.
        name: The workload's name; the file's or the graph's by default.
        input_bits: Bits of every layer's inputs. By default those of the quantised tensors, and 8
            where the model is not quantised.
        weight_bits: Likewise of the weights.
        batch: Size of the first axis of inputs that leave nothing but it open; the workload notes
            it. None: they must be in `shapes`.

    Raises:
        InputError: The file is not an ONNX model, refers to data outside its folder, or leaves
            sizes open; or ``onnx`` is not installed.
    """
    onnx = framework("onnx", "onnx")
    if isinstance(model, onnx.ModelProto):
        proto, source, folder = parse(onnx, model.SerializeToString()), None, None
    else:
        source, folder = Path(model), Path(model).parent
        proto = parse_file(onnx, source)
    try:
        check(onnx, proto, folder)
        assumed = open_batches(proto.graph, batch) if batch else {}
        graph = _Graph(onnx, *prepare(onnx, inline(onnx, proto), assumed | dict(shapes or {})))
        label = name or (source.stem if source else proto.graph.name) or "onnx_model"
        origin = f"ONNX model {source.name if source else label}"
        collector = Collector(origin, input_bits, weight_bits)
        collector.assume_batch(batch, assumed.keys() - (shapes or {}).keys())
        for index, node in enumerate(graph.nodes):
            _account(graph, node, node.name or f"{node.op_type}_{index}", collector)
        return collector.finish(label, f"Imported from {origin}")
    except InputError as error:
        raise error.located(file=source) from None


class _Graph:
    """A prepared graph: shapes, element types, producers, and which values are constants."""

    def __init__(self, onnx: Any, proto: Any, nodes: list[Any], computed: set[str]) -> None:
        graph = proto.graph
        self._onnx = onnx
        self.nodes = nodes
        self.shapes = shapes_of(graph)
        self._types: dict[str, int] = {}
        self.producer = {output: node for node in self.nodes for output in node.output if output}
        for value in (*graph.value_info, *graph.input, *graph.output):
            self._types[value.name] = value.type.tensor_type.elem_type
        for tensor in graph.initializer:
            self._types[tensor.name] = tensor.data_type
        for sparse in graph.sparse_initializer:
            self._types[sparse.values.name] = sparse.values.data_type
        self._constants = computed | {tensor.name for tensor in graph.initializer}
        self._constants |= {sparse.values.name for sparse in graph.sparse_initializer}
        for node in self.nodes:  # in topological order, as ONNX demands
            if all(not name or name in self._constants for name in node.input) and not any(
                attribute.HasField("g") for attribute in node.attribute
            ):
                self._constants.update(node.output)

    def constant(self, name: str) -> bool:
        """True when the value does not depend on the model's inputs."""
        return name in self._constants

    def shape(self, name: str, operator: str) -> tuple[int, ...]:
        """The shape of a value; asks for it when shape inference did not find it."""
        shape = self.shapes.get(name)
        if shape is None or None in shape:
            raise InputError(
                f"the shape of {name!r}, which {operator} reads, cannot be inferred",
                key="shape",
                legal=f"--shape {name}=1x64x32x32",
            )
        return tuple(size for size in shape if size is not None)

    def attributes(self, node: Any) -> Attributes:
        """The attributes of a node, to be read by type."""
        return Attributes(self._onnx, node)

    def bits(self, name: str) -> int | None:
        """Bits of a quantised value: an integer tensor, or one just dequantised."""
        for _ in range(32):
            node = self.producer.get(name)
            if node is not None and node.op_type == "DequantizeLinear":
                name = node.input[0]
                break
            if node is None or node.op_type not in _TRANSPARENT or not node.input:
                break
            name = node.input[0]
        kinds = self._onnx.TensorProto.DataType
        kind = self._types.get(name, 0)
        label = kinds.Name(kind) if kind in kinds.values() else ""
        match = re.match(r"U?INT(\d+)$|FLOAT([48])E", label)
        return int(match[1] or match[2]) if match else None


def _account(graph: _Graph, node: Any, name: str, collector: Collector) -> None:
    kind = node.op_type
    standard = node.domain in ("", "ai.onnx")
    if node.output and all(graph.constant(output) for output in node.output if output):
        collector.free(name, kind)  # computed once, from constants alone
    elif standard and kind in _CONVOLUTIONS:
        _convolution(graph, node, name, collector)
    elif standard and kind in _PRODUCTS:
        _product(graph, node, name, collector)
    elif standard and kind in FREE:
        collector.free(name, kind)
    else:
        label = kind if standard else f"{node.domain}.{kind}"
        macs, reason = None, ""
        if standard:
            with _naming(node, name):
                macs, reason = macs_of(node, graph.shapes, graph.attributes(node))
        collector.not_modelled(name, label, reason or "unknown operator", macs)


def _convolution(graph: _Graph, node: Any, name: str, collector: Collector) -> None:
    data, weights = (_input(node, position, name) for position in _CONVOLUTIONS[node.op_type])
    transposed = node.op_type == "ConvTranspose"
    geometry = transposed_arguments if transposed else conv_arguments
    layer_type: type[TransposedConv] | type[Conv] = TransposedConv if transposed else Conv
    sizes = graph.shape(data, name), graph.shape(weights, name)
    with _naming(node, name):
        arguments = geometry(graph.attributes(node), *sizes)
    if len(arguments["input_size"]) > 3:
        collector.not_modelled(name, node.op_type, "more than three spatial axes")
        return
    if not graph.constant(weights):
        with _naming(node, name):
            macs = layer_type(**arguments).macs
        collector.not_modelled(name, node.op_type, "its weights depend on the inputs", macs)
        return
    bits = {"input_bits": graph.bits(data), "weight_bits": graph.bits(weights)}
    collector.layer(name, node.op_type, layer_type, {**arguments, **bits}, f"{weights}")


def _product(graph: _Graph, node: Any, name: str, collector: Collector) -> None:
    first, second = (_input(node, position, name) for position in _PRODUCTS[node.op_type])
    left, right = list(graph.shape(first, name)), list(graph.shape(second, name))
    if node.op_type == "Gemm":
        with _naming(node, name):
            attributes = graph.attributes(node)
            left = left[::-1] if attributes.integer("transA", 0) else left
            right = right[::-1] if attributes.integer("transB", 0) else right
    left = [1, *left] if len(left) == 1 else left
    right = [*right, 1] if len(right) == 1 else right
    if not left or not right[1:] or left[-1] != right[-2]:
        raise InputError(
            f"{node.op_type} {name!r}: {left} and {right} cannot be multiplied", key="shape"
        )
    inner = left[-1]
    if graph.constant(first) and not graph.constant(second):  # (A x)' = x' A'
        first, second = second, first
        left, right = [*right[:-2], right[-1], inner], [*left[:-2], inner, left[-2]]
    rows, columns = prod(left[:-1]), right[-1]
    if not graph.constant(second):
        images = max(prod(left[:-2]), prod(right[:-2]))
        reason = "both factors depend on the inputs"
        collector.not_modelled(name, node.op_type, reason, images * left[-2] * inner * columns)
    elif prod(right[:-2]) > 1:
        images = max(prod(left[:-2]), prod(right[:-2]))
        reason = "a stack of constant matrices"
        collector.not_modelled(name, node.op_type, reason, images * left[-2] * inner * columns)
    else:
        bits = {"input_bits": graph.bits(first), "weight_bits": graph.bits(second)}
        collector.matrix_product(name, node.op_type, rows, inner, columns, bits, second)


@contextmanager
def _naming(node: Any, name: str) -> Iterator[None]:
    """Say which node an error is about."""
    try:
        yield
    except InputError as error:
        raise InputError(
            f"{node.op_type} {shown(name)}: {error.message}", key=error.key, legal=error.legal
        ) from None


def _input(node: Any, position: int, name: str) -> str:
    if position >= len(node.input) or not node.input[position]:
        raise InputError(f"{node.op_type} {name!r} lacks input {position}", key="model")
    return str(node.input[position])
