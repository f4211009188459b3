"""Small ONNX models for the tests of the front end."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


def make_info(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def make_tensor(name, array):
    return onnx.numpy_helper.from_array(np.asarray(array), name)


def make_model(nodes, inputs, constants=(), outputs=("y",), opset=21, **more):
    graph = helper.make_graph(nodes, "g", inputs, [make_info(o, None) for o in outputs], constants)
    opsets = [helper.make_opsetid("", opset), *more.pop("opsets", [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, **more)


def make_network():
    """One operator of every kind: imported, free, not modelled."""
    constants = [
        make_tensor("w1", np.ones((8, 3, 3, 3), "float32")),
        make_tensor("w2", np.ones((8, 4, 4, 4), "float32")),
        make_tensor("w3", np.ones((10, 4 * 16 * 16), "float32")),
        make_tensor("w4", np.ones((10, 6), "float32")),
        make_tensor("flat", np.array([2, -1])),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("ConvTranspose", ["b", "w2"], ["c"], "up", strides=[2, 2], pads=[1] * 4),
        helper.make_node("Reshape", ["c", "flat"], ["d"], "reshape"),
        helper.make_node("Gemm", ["d", "w3"], ["e"], "fc", transB=1),
        helper.make_node("MatMul", ["e", "w4"], ["f"], "mm"),
        helper.make_node("Transpose", ["f"], ["g"], "t", perm=[1, 0]),
        helper.make_node("MatMul", ["f", "g"], ["h"], "attention"),
        helper.make_node("Magic", ["h"], ["y"], "magic", domain="example.org"),
    ]
    return make_model(
        nodes,
        [make_info("x", [2, 3, 8, 8])],
        constants,
        opsets=[helper.make_opsetid("example.org", 1)],
    )


def make_open_model():
    node = helper.make_node("Conv", ["x", "w"], ["y"], "n")
    weights = [make_tensor("w", np.ones((2, 3, 3, 3), "float32"))]
    return make_model([node], [make_info("x", ["batch", 3, "height", None])], weights)
