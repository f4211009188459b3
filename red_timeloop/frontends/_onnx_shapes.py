"""Shapes of everything in an ONNX model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from red_timeloop.errors import InputError, shown
from red_timeloop.frontends._onnx_attributes import Attributes

__all__ = ["prepare", "shape_of", "shapes_of"]

_KEPT_ELEMENTS = 4096  # of a tensor; larger ones hold weights, which shape inference does not read
# Elements of a computed value, by the kind of its dtype. Floats scale sizes, a few at a time.
_MOST_ELEMENTS = {"b": _KEPT_ELEMENTS, "i": _KEPT_ELEMENTS, "f": 16}
_MOST = 2**31 - 1  # of a size
_INFERENCE_BYTES = 2**30  # a model of 10 000 operators takes some 20 MB

# Operators whose output is no larger than their inputs together (or bounded by one of them), so
# that computing them on small values is safe whatever a file says.
_SMALL_OPERATORS = frozenset(
    """
    Constant Shape Size Identity Cast Mod Add Sub Mul Div Neg Abs Min Max Equal Less Greater Not And
    Or Where Slice Concat Gather Reshape Squeeze Unsqueeze Transpose ReduceProd ReduceSum ReduceMax
    ReduceMin Flatten Floor Ceil Round Sqrt Pow Sign Clip GreaterOrEqual LessOrEqual Xor GatherND
    GatherElements ScatterND ScatterElements
    """.split()  # noqa: SIM905 - a list of this length is read more easily so
)

# Operators whose output has as many elements as their inputs say: how many.
_BOUNDED: dict[str, Callable[..., float]] = {
    "ConstantOfShape": lambda shape: prod(shape.tolist()),
    "Expand": lambda data, shape: max(data.size, 1) * prod(max(1, n) for n in shape.tolist()),
    "Tile": lambda data, repeats: data.size * prod(repeats.tolist()),
    "Range": lambda start, end, step: abs((end.item() - start.item()) / step.item()),
}


def prepare(
    onnx: Any, proto: Any, shapes: Mapping[str, Sequence[int]]
) -> tuple[Any, list[Any], set[str]]:
    """Fill in sizes, infer shapes, and compute what only depends on shapes.

    Returns:
        The model with all shapes that can be known, its operators as they were, and the names of
        the values that were computed: constants, since all sizes are given.
    """
    for tensor in proto.graph.initializer:
        if prod(tensor.dims) > _KEPT_ELEMENTS:
            for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data"):
                tensor.ClearField(field)
    _fill_in(onnx, proto.graph, dict(shapes))
    operators = [type(node).FromString(node.SerializeToString()) for node in proto.graph.node]
    computed: set[str] = set()
    while True:
        inferred = _infer(onnx, proto)
        new = _fold(onnx, proto.graph, shapes_of(inferred.graph))
        if not new:
            return inferred, operators, computed
        computed |= new


def _infer(onnx: Any, proto: Any) -> Any:
    try:
        with _limited_memory(_INFERENCE_BYTES):
            return onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except Exception as error:  # of a kind of its own, from C++
        reason = f"shape inference failed: {error}"
        if isinstance(error, MemoryError) or "bad_alloc" in str(error):
            reason = f"shape inference takes over {_INFERENCE_BYTES} bytes: its sizes are too large"
        raise InputError(reason, key="model") from None


@contextmanager
def _limited_memory(more: int) -> Iterator[None]:
    """Let the process take `more` bytes meanwhile, where the system can limit it (not on Windows).

    A value that is used as a shape may have billions of elements, and onnx makes an axis of each.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + more
    limits = [limit, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def open_batches(graph: Any, batch: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of inputs of which only the first size is open, with `batch` there."""
    constants = {tensor.name for tensor in graph.initializer}
    found = {}
    for value in graph.input:
        first, *rest = shape_of(value) or (0,)
        known = tuple(size for size in rest if size is not None)
        if value.name not in constants and first is None and len(known) == len(rest) > 0:
            found[value.name] = (batch, *known)
    return found


def _fill_in(onnx: Any, graph: Any, given: dict[str, Sequence[int]]) -> None:
    """Give the inputs their sizes; ask for those that are missing."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    open_inputs = []
    for value in inputs:
        if value.name in given:
            _set_shape(value, given.pop(value.name))
        elif value.type.HasField("tensor_type"):
            shape = shape_of(value)
            if shape is None or None in shape:  # rank 0 is complete
                open_inputs.append(value)
    if open_inputs:
        raise _ask(open_inputs)
    made = {output for node in graph.node for output in node.output}
    for key, sizes in given.items():
        if key not in made:
            legal = [value.name for value in inputs]
            raise InputError(f"the model has no input {key!r}", key="shape", legal=legal)
        value = graph.value_info.add()
        value.name = key
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        _set_shape(value, sizes)


def _fold(onnx: Any, graph: Any, shapes: Mapping[str, tuple[int | None, ...] | None]) -> set[str]:
    """Replace operators on small known values by constants; return the names of their outputs.

    Exporters compute target shapes of Reshape with long chains of small integer operators, of
    which onnx's own propagation knows a few only.
    """
    values = {
        tensor.name: _array(onnx, tensor)
        for tensor in graph.initializer
        if prod(tensor.dims) <= _KEPT_ELEMENTS and _holds_data(onnx, tensor)
    }
    folded: set[str] = set()
    for node in graph.node:
        made = _value(onnx, node, values, shapes)
        if made is None:
            continue
        (output,) = node.output
        values[output] = made
        if node.op_type != "Constant":
            folded.add(output)
            constant = onnx.numpy_helper.from_array(made, output)
            node.CopyFrom(
                onnx.helper.make_node("Constant", [], [output], node.name, value=constant)
            )
    return folded


def _array(onnx: Any, tensor: Any) -> Any:
    try:
        return onnx.numpy_helper.to_array(tensor)
    except Exception as error:
        raise InputError(
            f"tensor {tensor.name!r} does not hold what its shape says: {error}", key="model"
        ) from error


def _holds_data(onnx: Any, tensor: Any) -> bool:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return False
    if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
        return bool(prod(tensor.dims) <= _MOST_ELEMENTS["f"])
    integers = (onnx.TensorProto.INT32, onnx.TensorProto.INT64, onnx.TensorProto.BOOL)
    return bool(tensor.data_type in integers)


def _value(
    onnx: Any,
    node: Any,
    values: Mapping[str, Any],
    shapes: Mapping[str, tuple[int | None, ...] | None],
) -> Any:
    """The value of a node's only output where it is small and known, else None."""
    if len(node.output) != 1 or node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type == "Shape":
        shape = shapes.get(node.input[0]) if node.input else None
        if shape is None:
            return None
        attributes = Attributes(onnx, node)
        part = slice(attributes.integer("start", 0), attributes.integer("end", len(shape)))
        return None if None in shape[part] else np.array(shape[part], np.int64)
    known = all(not name or name in values for name in node.input)
    if not known or node.op_type not in _SMALL_OPERATORS | _BOUNDED.keys():
        return None
    try:
        if node.op_type in _BOUNDED:
            made = _BOUNDED[node.op_type](*(values[name] for name in node.input))
            if not 0 <= made <= _KEPT_ELEMENTS:
                return None
        return _evaluate(onnx, node, values)
    except Exception:  # not a chain that the evaluator knows: the shape is asked for where needed
        return None


def _evaluate(onnx: Any, node: Any, values: Mapping[str, Any]) -> Any:
    from onnx.reference import ReferenceEvaluator

    names = list(dict.fromkeys(name for name in node.input if name))
    inputs = [onnx.helper.make_tensor_value_info(name, 0, None) for name in names]
    outputs = [onnx.helper.make_tensor_value_info(node.output[0], 0, None)]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "one", inputs, outputs))
    (made,) = ReferenceEvaluator(model).run(None, {name: values[name] for name in names})
    made = np.asarray(made)
    return made if made.size <= _MOST_ELEMENTS.get(made.dtype.kind, 0) else None


def _ask(values: Sequence[Any]) -> InputError:
    described = []
    for value in values:
        dims = value.type.tensor_type.shape.dim
        sizes = [
            d.dim_param or (str(d.dim_value) if d.HasField("dim_value") else "?") for d in dims
        ]
        described.append(f"{value.name} [{', '.join(sizes) or 'unknown'}]")
    known = shape_of(values[0]) or (None, None)  # of rank 0 nothing is open
    example = "x".join(str(size or (64 if axis else 1)) for axis, size in enumerate(known))
    return InputError(
        f"the model leaves sizes of its inputs open: {'; '.join(described)}",
        key="shape",
        legal=f"--shape {values[0].name}={example} (and so for each)",
    )


def _set_shape(value: Any, sizes: Sequence[int]) -> None:
    if not all(isinstance(size, int) and 1 <= size <= _MOST for size in sizes):
        raise InputError(
            f"{shown(value.name)} cannot be {shown(list(sizes))}",
            key="shape",
            legal=f"sizes from 1 to {_MOST}",
        )
    shape = value.type.tensor_type.shape
    if value.type.tensor_type.HasField("shape") and len(shape.dim) not in (0, len(sizes)):
        raise InputError(
            f"{value.name} has {len(shape.dim)} axes, not {len(sizes)}",
            key="shape",
            legal=f"{len(shape.dim)} sizes",
        )
    for dim, size in zip(shape.dim, sizes, strict=False):
        if dim.HasField("dim_value") and dim.dim_value not in (0, size):
            raise InputError(
                f"{value.name} has the size {dim.dim_value} there, not {size}", key="shape"
            )
    del shape.dim[:]
    for size in sizes:
        shape.dim.add().dim_value = size


def shape_of(value: Any) -> tuple[int | None, ...] | None:
    """The shape of a value; None for a size, or for the whole, that is not known."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None
        for d in tensor.shape.dim
    )


def shapes_of(graph: Any) -> dict[str, tuple[int | None, ...] | None]:
    """The shapes of all values and initializers of a graph, by name."""
    values = (*graph.value_info, *graph.input, *graph.output)
    found = {value.name: shape_of(value) for value in values}
    found.update({tensor.name: tuple(tensor.dims) for tensor in graph.initializer})
    found.update({part.values.name: tuple(part.dims) for part in graph.sparse_initializer})
    return found
