"""Networks from wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from red_timeloop import Conv, TransposedConv, compare
from red_timeloop.errors import InputError
from red_timeloop.frontends.read import read_workload
from red_timeloop.workload import load_workload

UP = TransposedConv(4, 2, (4, 4), 4, stride=2)


def test_layers_are_a_workload() -> None:
    both = read_workload([UP, Conv(2, 3, (10, 10), 3, name="conv")])
    assert [entry.name for entry in both.layers] == ["layer1", "conv"]
    assert both.layers[0].layer.output_size == UP.output_size
    assert read_workload(both) is both
    assert compare(UP, ["red"]).results[0].layer == "layer1"


def test_names_and_layers_are_those_of_files() -> None:
    assert read_workload("red_date2019") == load_workload("red_date2019")
    for asked in (
        read_workload("red_date2019:GAN_Deconv3"),
        read_workload("red_date2019", "GAN_Deconv3"),
        read_workload("red_date2019", ["GAN_Deconv3"]),
    ):
        assert [entry.name for entry in asked.layers] == ["GAN_Deconv3"]


def test_a_model_s_file_is_imported_and_what_it_leaves_out_is_said(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor("w", floats, [3, 2, 2, 2], [0.5] * 24)
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="up", strides=[2, 2]),
        helper.make_node("MatMul", ["y", "y"], ["z"], name="square"),
    ]
    inputs = [helper.make_tensor_value_info("x", floats, [1, 3, 4, 4])]
    outputs = [helper.make_tensor_value_info("z", floats, [1, 2, 8, 8])]
    graph = helper.make_graph(nodes, "net", inputs, outputs, [weights])
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
    workload = read_workload(tmp_path / "net.onnx")
    assert workload.layers[0].layer.output_size == (8, 8)
    assert "not modelled: MatMul" in workload.unconfirmed
    alone = read_workload(f"{tmp_path / 'net.onnx'}:up")
    assert [entry.name for entry in alone.layers] == ["up"]
    assert any("not modelled: MatMul" in line for line in compare(workload, ["red"]).assumptions)


def test_a_batch_that_a_model_leaves_open_is_one_and_said() -> None:
    pytest.importorskip("onnx")
    generator = read_workload(ROOT / "examples" / "digits_generator.onnx")
    assert {entry.layer.batch for entry in generator.layers} == {1}
    assert "batch: the model leaves it open, 1 is assumed" in generator.unconfirmed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "workload: got 3 \\(legal: a name, a file, a workload, a layer, or several"),
        ([], "workload: got \\[\\]"),
        ([UP, 3], "workload: got \\["),
        ([Conv(1, 1, (4,), 1, name="a")] * 2, "two layers are called 'a'"),
        ("red_date219", "no workload or file 'red_date219'; did you mean 'red_date2019'\\?"),
        ("red_date2019:GAN_Decnv3", "no layer 'GAN_Decnv3'; did you mean 'GAN_Deconv3'\\?"),
        ("missing.onnx", "missing.onnx"),
    ],
)
def test_what_is_no_network_is_named(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_workload(given)
