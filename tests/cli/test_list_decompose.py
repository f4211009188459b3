"""`red-timeloop list` and `decompose` as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys

from red_timeloop import designs
from red_timeloop.workload import load_workload, workload_names


def _run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "red_timeloop.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_list_names_every_workload():
    run = _run("list")
    assert run.returncode == 0, run.stderr
    for name in workload_names():
        assert f"  {name} " in run.stdout


def test_list_workloads_shows_sizes():
    run = _run("list", "--workloads")
    row = next(line for line in run.stdout.splitlines() if line.startswith("red_date2019"))
    assert row.split()[1:4] == ["2-D", "6", "6"]
    assert row.endswith("81.3-98.6 %")


def test_list_names_every_design():
    names = json.loads(_run("list", "--format", "json").stdout)["designs"]
    assert names == list(designs.all_names())
    out = _run("list").stdout
    assert all(f"  {name}" in out for name in names)


def test_list_as_json():
    content = json.loads(_run("list", "--workloads", "--format", "json").stdout)
    assert content["schema"] == 1
    by_name = {entry["name"]: entry for entry in content["workloads"]}
    assert sorted(by_name) == workload_names()
    entry = by_name["red_date2019"]
    assert (entry["dimensions"], entry["layers"], entry["transposed_layers"]) == (2, 6, 6)
    assert entry["macs"] == load_workload("red_date2019").macs
    assert 0.8 < entry["zero_redundancy"][0] < entry["zero_redundancy"][1] < 1


def test_decompose_draws_the_kernel():
    run = _run("decompose", "red_date2019:GAN_Deconv2")
    assert run.returncode == 0, run.stderr
    assert "4 computation modes, 25 sub-crossbars, 16 steps" in run.stdout
    picture = [line.strip() for line in run.stdout.splitlines()]
    start = picture.index("kernel pixels by mode:") + 1
    odd, even = "0 1 0 1 0", "2 3 2 3 2"
    assert picture[start : start + 5] == [odd, even, odd, even, odd]


def test_decompose_as_json():
    content = json.loads(_run("decompose", "red_date2019", "--format", "json").stdout)
    sub_crossbars = [layer["sub_crossbars"] for layer in content["layers"]]
    assert sub_crossbars == [25, 25, 16, 16, 16, 256]
    assert [layer["steps"] for layer in content["layers"]] == [64, 16, 16, 36, 289, 5041]
    assert [len(layer["modes"]) for layer in content["layers"]] == [4, 4, 4, 4, 4, 64]


def test_decompose_of_other_dimensions(tmp_path):
    text = "name: n\nsource: s\nlayers:\n"
    for name, size, kernel, stride in (("a", [9], 40, 4), ("b", [3, 3, 3], 3, 2), ("c", [3], 2, 3)):
        text += (
            f"  - {{name: {name}, type: transposed_conv, in_channels: 1, out_channels: 1,"
            f" input_size: {size}, kernel_size: {kernel}, stride: {stride}}}\n"
        )
    path = tmp_path / "n.yaml"
    path.write_text(text)
    run = _run("decompose", str(path))
    assert run.returncode == 0, run.stderr
    assert "a kernel of 40 is too wide to draw" in run.stdout
    assert "plane 2:" in run.stdout
    assert "2 computation modes (and 1 without taps, whose outputs are zero)" in run.stdout


def test_bad_input_is_one_message_and_exit_code_2(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text("name: w\nlayers: [")
    for arguments, message in (
        (("decompose", "nope"), "no workload or file 'nope'"),
        (("decompose", "dcgan:nope"), "legal: project, conv1, conv2, conv3, conv4"),
        (("decompose", str(path)), "w.yaml:2: not valid YAML"),
        (("list", "--format", "xml"), "'xml' is not one of 'table', 'json'"),
    ):
        run = _run(*arguments)
        assert run.returncode == 2
        assert message in run.stderr
        assert "Traceback" not in run.stderr
        assert run.stdout == ""
