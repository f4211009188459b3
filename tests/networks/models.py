"""Small ONNX models, and their integer execution without anything of the package."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def model(nodes, arrays, inputs, outputs=("y",), opset=17):
    """Return a model of nodes `(kind, inputs, outputs, attributes)` with float inputs by shape."""
    made = [helper.make_node(kind, i, o, name=o[0], **a) for kind, i, o, a in nodes]
    graph = helper.make_graph(
        made,
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def computed(kind, arrays, attributes, opset=17):
    """Return what onnxruntime makes of one node."""
    names = [f"i{index}" for index in range(len(arrays))]
    node = helper.make_node(kind, names, ["o"], **attributes)
    given = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in zip(names, arrays, strict=True)
    ]
    graph = helper.make_graph([node], "node", given, [onnx.ValueInfoProto(name="o")])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(zip(names, arrays, strict=True)))[0]


def integer_sums(kind, inputs, weights, attributes):
    """Return an integer (transposed) convolution or product, by onnxruntime.

    In ConvInteger where that takes it; else on whole numbers in single precision, exact as long as
    no sum can exceed 24 bits.
    """
    small = inputs.min() >= 0 and inputs.max() < 256 and np.abs(weights).max() < 128
    if kind == "Conv" and inputs.ndim == 4 and small:
        pair = [inputs.astype(np.uint8), weights.astype(np.int8)]
        return computed("ConvInteger", pair, attributes).astype(np.int64)
    if kind in ("Gemm", "MatMul"):
        return inputs @ weights
    pair = [inputs.astype(np.float32), weights.astype(np.float32)]
    assert computed(kind, [np.abs(each) for each in pair], attributes).max() < 1 << 23
    sums = computed(kind, pair, attributes)
    return sums.astype(np.int64)


def quantized(kind, x, weights, bias, attributes, seen, bits=8):
    """Return a node on integers of `bits`, as docs/running.md defines them."""
    signed = seen.min() < 0
    high = (1 << (bits - signed)) - 1
    scale = np.float32(np.abs(seen).max() / high)
    integers = np.clip(np.rint(x / scale), -high - 1 if signed else 0, high)
    top = (1 << (bits - 1)) - 1
    axis = {"Conv": 0, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}[kind]
    groups = attributes.get("group", 1)
    if kind == "ConvTranspose":  # [C, M / g, ...]: a channel is one of a group
        split = weights.reshape(groups, -1, *weights.shape[1:])
        largest = np.abs(split).max(axis=(1, *range(3, split.ndim)))
        by_weight = np.repeat(largest, weights.shape[0] // groups, axis=0)
        by_weight = by_weight.reshape(*weights.shape[:2], *[1] * (weights.ndim - 2))
    else:
        other = tuple(i for i in range(weights.ndim) if i != axis)
        by_weight = largest = np.abs(weights).max(axis=other, keepdims=True)
    unit = (by_weight.astype(np.float64) / top).astype(np.float32)
    held = np.rint(weights / unit).astype(np.int64)
    sums = integer_sums(kind, integers.astype(np.int64), held, attributes)
    scales = scale * (largest.reshape(-1).astype(np.float64) / top).astype(np.float32)
    shape = (1, -1, *[1] * (sums.ndim - 2)) if weights.ndim > 2 else (-1,)
    real = sums.astype(np.float32) * scales.reshape(shape)
    return real if bias is None else real + bias.reshape(shape)
