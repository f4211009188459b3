"""A layer as ordinary convolutions, against loops over every output pixel and kernel pixel."""

from __future__ import annotations

from itertools import product
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from oracle.layers import ordinary_layers, transposed_layers
from places import ROOT

from red_timeloop import Conv, TransposedConv, model
from red_timeloop.cli.main import main
from red_timeloop.designs.convolutions import Convolution, convolutions, plain_convolutions
from red_timeloop.engines.timeloop import tools
from red_timeloop.errors import InputError
from red_timeloop.layer import Layer
from red_timeloop.spec.reader import read_specification

ARRAY = ROOT / "docs/examples/small_array.yaml"


def products(layer: Layer) -> int:
    """Count the pairs of an output pixel and a kernel pixel that fall on the input's grid."""
    pairs = 1
    for out, kernel, stride, dilation, (before, _) in zip(
        layer.output_size,
        layer.kernel_size,
        layer.stride,
        layer.dilation,
        layer.padding,
        strict=True,
    ):
        places = product(range(out), range(kernel))
        pairs *= sum((o + before - k * dilation) % stride == 0 for o, k in places)
    return pairs * layer.batch * layer.in_channels * layer.out_channels // layer.groups


def computes(parts: tuple[Convolution, ...]) -> int:
    return sum(part.runs * part.problem.operations for part in parts)


@settings(max_examples=60, deadline=None)
@given(layer=transposed_layers())
def test_every_product_of_a_mode_is_in_one_run(layer: TransposedConv) -> None:
    if not products(layer):
        with pytest.raises(
            InputError, match="no kernel pixel of the layer reaches an output pixel"
        ):
            plain_convolutions(layer, split=True)
        assert convolutions(layer, split=True) == ()
        return
    for parts in (plain_convolutions(layer, split=True), convolutions(layer, split=True)):
        assert computes(parts) == products(layer) >= layer.macs
    dense = plain_convolutions(layer, split=False)
    assert computes(dense) == layer.zero_inserted_macs == computes(convolutions(layer, split=False))


@pytest.mark.parametrize(
    "layer",
    [
        TransposedConv(4, 6, (5, 5), 2, stride=2),
        TransposedConv(4, 6, (5, 5), 2, stride=3, output_padding=1),
        TransposedConv(4, 6, (6, 6), 4, stride=2, padding=3),
        TransposedConv(4, 6, (6,), 3, stride=2, padding=2, dilation=1, output_padding=0),
        TransposedConv(4, 6, (5, 7), 3, stride=2, padding=((4, 4), (4, 4)), dilation=2),
        TransposedConv(4, 6, (3, 3, 3), 2, stride=2, groups=2),
        Conv(4, 6, (7, 7), 3, stride=2),
    ],
    ids=["K=s", "K<s", "cropped", "1-D", "dilated", "3-D groups", "conv"],
)
def test_without_a_border_all_macs_are_useful(layer: Layer) -> None:
    assert computes(plain_convolutions(layer, split=True)) == layer.macs > 0


@settings(max_examples=60, deadline=None)
@given(layer=transposed_layers() | ordinary_layers())
def test_real_inputs_are_those_of_the_map(layer: Layer) -> None:
    """The zero-inserted map with its border, pixel by pixel."""
    (dense,) = convolutions(layer, split=False)
    maps = []
    for axis in range(layer.ndim):
        stride, dilation = layer.stride[axis], layer.dilation[axis]
        (before, _), out, kernel = (
            layer.padding[axis],
            layer.output_size[axis],
            layer.kernel_size[axis],
        )
        if layer.transposed:
            reads = [o + before - k * dilation for o in range(out) for k in range(kernel)]
            spacing = stride
        else:
            reads = [o * stride + k * dilation - before for o in range(out) for k in range(kernel)]
            spacing = 1
        line = np.arange(min(reads), max(reads) + 1)
        maps.append((line % spacing == 0) & (line >= 0) & (line < spacing * layer.input_size[axis]))
    channels = layer.batch * layer.in_channels
    assert dense.real_inputs == channels * prod(int(line.sum()) for line in maps)
    assert dense.input_points == channels * prod(map(len, maps))


@pytest.mark.parametrize("form", ["zero_inserted", "split"])
@pytest.mark.parametrize("axes", ["[9]", "[5, 4]"], ids=["1d", "2d"])
def test_the_files_are_plain_convolutions(form: str, axes: str, tmp_path: Path) -> None:
    workload = tmp_path / "layers.yaml"
    workload.write_text(
        "name: two\nsource: none\nlayers:\n"
        + "".join(
            f"- {{name: {name}, type: transposed_conv, in_channels: 4, out_channels: 6,"
            f" input_size: {axes}, kernel_size: 5, stride: 2, padding: 2, groups: {groups}}}\n"
            for name, groups in (("a", 1), ("b", 2))
        )
    )
    with pytest.raises(SystemExit) as ended:
        main(["problem", str(workload), "--form", form, "-o", str(tmp_path / "out")])
    assert ended.value.code == 0
    readme = (tmp_path / "out/README.md").read_text()
    for name, groups in (("a", 1), ("b", 2)):
        files = sorted((tmp_path / "out" / name).glob("*.yaml"))
        modes = {"[9]": 2, "[5, 4]": 4}[axes] if form == "split" else 1
        assert len(files) == modes
        for file in files:
            problem = read_specification([ARRAY, file]).problem
            assert problem is not None
            assert problem.dimensions == tuple("NCMRSPQ")
            assert (problem.sizes["C"], problem.sizes["M"]) == (4 // groups, 6 // groups)
            sizes = " | ".join(map(str, problem.sizes.values()))
            assert f"| {file.name} | {groups} | {sizes} | {problem.operations:,} |" in readme


@pytest.mark.timeloop
def test_real_timeloop_runs_the_files(tmp_path: Path) -> None:
    if missing := tools.find_tools().missing("model"):
        pytest.skip(missing)
    with pytest.raises(SystemExit):
        main(["problem", "red_date2019:FCN_Deconv1", "-o", str(tmp_path)])
    (file,) = tmp_path.glob("*.yaml")
    with pytest.raises(SystemExit):
        main(["map", str(ARRAY), str(file), "--budget", "300", "-o", str(tmp_path)])
    files, mapping = [ARRAY, file], tmp_path / "mapping.yaml"
    ours = model(files, mapping=mapping)
    real = model(files, mapping=mapping, engine="timeloop", estimator="builtin")
    assert real["cycles"] == ours["cycles"]
    assert real["computes"] == ours["computes"] == 21 * 21 * 4 * 17 * 17
