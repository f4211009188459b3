"""`red-timeloop import` as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from red_timeloop.workload import load_workload

onnx = pytest.importorskip("onnx")


def _run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "red_timeloop.cli.main", "import", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
    )


@pytest.fixture
def model(tmp_path):
    """A transposed convolution of an input with an open size, then an unknown operator."""
    helper = onnx.helper
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["a"], "up", strides=[2, 2]),
        helper.make_node("Magic", ["a"], ["y"], "magic", domain="example.org"),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, ["N", 4, 8, 8])],
        [helper.make_tensor_value_info("y", kind, None)],
        [onnx.numpy_helper.from_array(np.ones((4, 2, 4, 4), "float32"), "w")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("example.org", 1)]
    path = tmp_path / "net.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
    return path


def test_import_writes_a_workload_and_says_what_it_left_out(model, tmp_path):
    output = tmp_path / "net.yaml"
    run = _run(model, "--shape", "x=1x4x8x8", "-o", output)
    assert run.returncode == 0, run.stderr
    assert "2 operators: 1 imported as 1 layers, 0 free, 1 not modelled" in run.stdout
    assert "example.org.Magic" in run.stdout
    assert "unknown" in run.stdout
    (entry,) = load_workload(output).layers
    assert (entry.name, entry.layer.output_size) == ("up", (18, 18))


def test_import_prints_the_workload_without_an_output_file(model, tmp_path):
    run = _run(model, "--shape", "x=1,4,8,8", "--name", "mine", "--weight-bits", 4)
    path = tmp_path / "printed.yaml"
    path.write_text(run.stdout)
    workload = load_workload(path)
    assert workload.name == "mine"
    assert workload.layers[0].layer.weight_bits == 4
    assert "not modelled" in run.stderr


def test_import_as_json(model):
    content = json.loads(_run(model, "--shape", "x=1x4x8x8", "--format", "json").stdout)
    assert [op["status"] for op in content["operators"]] == ["imported", "not_modelled"]
    assert content["operators"][0]["share"] == 1
    assert content["operators"][1]["share"] is None


def test_bad_input_is_one_message_and_exit_code_2(model, tmp_path):
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(model.read_bytes()[:100])
    for arguments, message in (
        ((model,), "shape: the model leaves sizes of its inputs open: x [N, 4, 8, 8]"),
        ((model, "--shape", "x=1x4x8x8", "--strict"), "not modelled: example.org.Magic 'magic'"),
        ((model, "--shape", "x=1xx"), "--shape: 'x=1xx' is not a shape (legal: NAME=1x3x64x64)"),
        ((cut,), "cut.onnx: not an ONNX model, or truncated"),
        ((tmp_path / "model.pth",), "reading a PyTorch file may run code"),
        ((tmp_path / "model.h5",), "save it again as .keras"),
        (("model.txt",), "cannot tell what 'model.txt' is (legal: a file .onnx or .keras"),
        (("no_such_module:Net",), "No module named 'no_such_module'"),
    ):
        run = _run(*arguments)
        assert run.returncode == 2, run.stderr
        assert message in run.stderr
        assert "Traceback" not in run.stderr


def test_import_of_a_module_in_python(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "nets.py").write_text(
        "import torch\n"
        "def make():\n"
        "    return torch.nn.ConvTranspose1d(4, 2, 8, stride=4)\n"
        "number = 3\n"
    )
    run = _run("nets:make", "--shape", "input=1x4x10", "-o", "w.yaml", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    (entry,) = load_workload(tmp_path / "w.yaml").layers
    assert entry.layer.output_size == (44,)
    run = _run("nets:number", cwd=tmp_path)
    assert run.returncode == 2
    assert "3 is not a model" in run.stderr


def test_a_missing_framework_names_its_extra(tmp_path):
    """Each import runs where its framework cannot be found."""
    for name, suffix in (("onnx", ".onnx"), ("keras", ".keras")):
        code = (
            f"import sys; sys.modules[{name!r}] = None\n"
            "from red_timeloop.cli.main import main\n"
            f"main(['import', 'm{suffix}'])\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert run.returncode == 2
        assert f"pip install {name}" in run.stderr
