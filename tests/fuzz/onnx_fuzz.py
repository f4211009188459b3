"""Mutated ONNX models given to the front end: `python tests/fuzz/onnx_fuzz.py N [SEED]`."""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import harness
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from red_timeloop.frontends import onnx as frontend

TEXTS = (
    "",
    "x",
    "w",
    "y",
    "ab",
    "a\nb",
    "../x",
    "/etc/passwd",
    "w\0",
    "n" * 300,
    "ä",
    "NOTSET",
    "f",
)
NUMBERS = (0, 1, 2, 3, -1, 7, 64, 255, 2**16, 2**31 - 1, 2**31, 2**40, 2**63 - 1, -(2**63))
OPERATORS = (
    "Conv", "ConvTranspose", "Gemm", "MatMul", "Shape", "ConstantOfShape", "Reshape", "Pad",
    "Concat", "Einsum", "LSTM", "DeformConv", "QLinearConv", "Expand", "Tile", "Range", "Slice",
    "If", "f",
)  # fmt: skip


def _info(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def _ones(name: str, *shape: int, kind: str = "float32") -> Any:
    return numpy_helper.from_array(np.ones(shape, kind), name)


def _integers(name: str, *values: int) -> Any:
    return numpy_helper.from_array(np.array(values, "int64"), name)


def _model(nodes: list[Any], inputs: list[Any], constants: list[Any], **more: Any) -> bytes:
    graph = helper.make_graph(nodes, "g", inputs, [_info("y", [])], constants)
    graph.output[0].type.tensor_type.ClearField("shape")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9, **more)
    data = made.SerializeToString(deterministic=True)
    assert isinstance(data, bytes)
    return data


@lru_cache(maxsize=1)
def seeds() -> list[bytes]:
    """Return small models with what the front end knows how to read."""
    node = helper.make_node
    up = node(
        "ConvTranspose", ["x", "w"], ["u"], "up", strides=[2, 2], pads=[1, 1, 1, 1],
        dilations=[1, 1], kernel_shape=[4, 4], group=1, output_padding=[0, 0],
    )  # fmt: skip
    same = node("Conv", ["u", "v"], ["y"], "same", auto_pad="SAME_UPPER", strides=[2, 2])
    image = [_info("x", [1, 2, 5, 5])]
    weights = [_ones("w", 2, 3, 4, 4), _ones("v", 4, 3, 3, 3)]
    chain = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "two"], ["n"], axis=0),
        node("Sub", ["n", "two"], ["d"]),
        node("ConstantOfShape", ["d"], ["z"], value=_integers("value", 0)),
        node("Concat", ["z", "d", "zero", "z", "d", "zero"], ["p"], axis=0),
        node("Slice", ["p", "zero", "eight"], ["pads"]),
        node("Pad", ["x", "pads"], ["u"]),
        same,
    ]
    numbers = [_integers("two", 2), _integers("zero", 0), _integers("eight", 8)]
    body = helper.make_function(
        "own", "f", ["a"], ["b"], [node("Relu", ["a"], ["b"])],
        [helper.make_opsetid("", 17)], attributes=["alpha"],
    )  # fmt: skip
    branch = helper.make_graph([node("Relu", ["x"], ["b"])], "b", [], [_info("b", [1, 2, 5, 5])])
    outside = _ones("w", 2, 3, 4, 4)
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="w.bin")
    quantised = [
        node("DequantizeLinear", ["q", "scale"], ["w"]),
        node("ConvTranspose", ["x", "w"], ["u"], output_shape=[8, 8]),
        node("MatMulInteger", ["a", "c"], ["y"]),
    ]
    return [
        _model([up, same], image, weights),
        _model([node("Relu", ["x"], ["u"]), same], [_info("x", [1, 3, "h", 9])], weights),
        _model(chain, [_info("x", [1, 3, 4, 4])], [*weights, *numbers]),
        _model([node("f", ["x"], ["m"], domain="own"), up, same], image, weights, functions=[body]),
        _model([node("If", ["c"], ["m"], then_branch=branch, else_branch=branch), up, same],
               [*image, _info("c", [], TensorProto.BOOL)], weights),
        _model([up, same], image, [outside, weights[1]]),
        _model(quantised, [*image, _info("a", [2, 3], TensorProto.UINT8)],
               [_ones("q", 2, 3, 4, 4, kind="int8"), _ones("scale"),
                _ones("c", 3, 4, kind="int8")]),
        _model([node("Gemm", ["x", "w"], ["u"], transB=1), node("MatMul", ["u", "v"], ["y"])],
               [_info("x", [5, 3])], [_ones("w", 4, 3), _ones("v", 4, 2)]),
        _model([node("Einsum", ["x", "w"], ["u"], equation="bij,jk->bik"),
                node("LSTM", ["u", "v", "r"], ["y"], hidden_size=2),
                node("MatMul", ["x", "w"], ["q"])],
               [_info("x", [1, 2, 3])],
               [_ones("w", 3, 4), _ones("v", 1, 8, 4), _ones("r", 1, 8, 2)]),
    ]  # fmt: skip


def mutated_nodes(data: bytes, chance: random.Random) -> bytes:
    """Return a model with some fields of some messages changed."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        _mutate(chance.choice(list(_messages(model))), chance)
    changed = model.SerializeToString(deterministic=True)
    assert isinstance(changed, bytes)
    return changed


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _messages(part)


def _mutate(message: Any, chance: random.Random) -> None:
    """Clear, set, double or take away a field of a message; attributes often change their type."""
    field = chance.choice(message.DESCRIPTOR.fields)
    if isinstance(message, onnx.AttributeProto) and chance.random() < 0.5:
        field = message.DESCRIPTOR.fields_by_name[
            chance.choice(("type", "i", "s", "ints", "f", "name", "ref_attr_name"))
        ]
    if isinstance(message, onnx.NodeProto) and chance.random() < 0.2:
        message.op_type = chance.choice(OPERATORS)
        return
    current = getattr(message, field.name)
    if not hasattr(current, "append") and not hasattr(current, "add"):  # one value
        if field.message_type is not None or chance.random() < 0.2:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, _value(field, chance))
        return
    how = chance.randrange(3)
    if how == 0 and len(current):
        del current[chance.randrange(len(current))]
    elif field.message_type is None:
        if how == 1 and len(current):
            current[chance.randrange(len(current))] = _value(field, chance)
        else:
            current.append(_value(field, chance))
    elif len(current):
        current.add().CopyFrom(chance.choice(list(current)))


def _value(field: Any, chance: random.Random) -> Any:
    if field.enum_type is not None:
        return chance.choice(field.enum_type.values).number
    if field.type == field.TYPE_STRING:
        return chance.choice(TEXTS)
    if field.type == field.TYPE_BYTES:
        return chance.choice((b"", b"ab", b"\xff\xfe", b"VALID", bytes(100)))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return chance.choice((0.0, 1.0, -1.0, float("inf"), float("nan")))
    wide = field.type in (field.TYPE_INT64, field.TYPE_UINT64)
    least = 0 if field.type == field.TYPE_UINT64 else -(2**63) if wide else -(2**31)
    most = 2**63 - 1 if wide else 2**31 - 1
    return chance.choice([number for number in NUMBERS if least <= number <= most])


def make(chance: random.Random) -> bytes:
    """Return a mutated model."""
    data = chance.choice(seeds())
    if chance.random() < 0.4:
        return harness.mutated_bytes(data, chance, seeds())
    data = mutated_nodes(data, chance)
    return harness.mutated_bytes(data, chance, seeds()) if chance.random() < 0.1 else data


def read(data: bytes) -> None:
    """Import a model from a file, as the command does; open sizes are given."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "model.onnx")
        path.write_bytes(data)
        shapes = {"x": (1, 3, 9, 9)} if b"\x12\x01h" in data else {}
        frontend.load(path, shapes=shapes)


if __name__ == "__main__":
    sys.exit(harness.main(make, read, ".onnx"))
