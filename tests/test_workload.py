"""Workload files: what comes with the package, what is read back, what is refused."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.layers import ordinary_layers, transposed_layers

from red_timeloop import compare
from red_timeloop.errors import InputError
from red_timeloop.layer import TransposedConv
from red_timeloop.workload import (
    Workload,
    WorkloadLayer,
    dump_workload,
    load_workload,
    workload_names,
)

LAYER = """\
  - name: up
    type: transposed_conv
    in_channels: 4
    out_channels: 2
    input_size: [4, 4]
    kernel_size: 4
    stride: 2
    padding: [[1, 1], 1]
"""
HEAD = "name: mine\nsource: made up\nlayers:\n"


def _write(tmp_path, text):
    path = tmp_path / "w.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", workload_names())
def test_every_shipped_file_is_read_and_sourced(name):
    workload = load_workload(name)
    assert workload.name == name
    assert workload.description
    assert all(len(entry.source) > 20 for entry in workload.layers)


def test_the_benchmark_layers():
    sizes = {
        entry.name: (*entry.layer.input_size, *entry.layer.output_size)
        for entry in load_workload("red_date2019").layers
    }
    assert sizes == {
        "GAN_Deconv1": (8, 8, 16, 16),
        "GAN_Deconv2": (4, 4, 8, 8),
        "GAN_Deconv3": (4, 4, 8, 8),
        "GAN_Deconv4": (6, 6, 12, 12),
        "FCN_Deconv1": (16, 16, 34, 34),
        "FCN_Deconv2": (70, 70, 568, 568),
    }
    assert load_workload("red_date2019").layers[0].unconfirmed


def test_dcgan_chains_from_noise_to_image():
    layers = [entry.layer for entry in load_workload("dcgan").layers if entry.layer.transposed]
    for before, after in itertools.pairwise(layers):
        assert before.output_size == after.input_size
        assert before.out_channels == after.in_channels
    assert (layers[-1].output_size, layers[-1].out_channels) == ((64, 64), 3)


FINAL = {  # what the papers say comes out: pixels (voxels, samples) and channels
    "3dgan": ((64, 64, 64), 1),
    "cyclegan": ((256, 256), 3),
    "dcgan_torch": ((64, 64), 3),
    "discogan": ((64, 64), 3),
    "fcn32s": ((544, 544), 21),
    "fcn16s": ((560, 560), 21),
    "fcn8s": ((568, 568), 21),
    "fsrcnn_x2": ((720, 1280), 1),
    "fsrcnn_x4": ((720, 1280), 1),
    "gp_gan": ((64, 64), 3),
    "hifigan_v1": ((86 * 256,), 1),
    "encodec_24khz": ((24000,), 1),
    "improved_gan_cifar10": ((32, 32), 3),
    "nnunet_brats": ((128, 128, 128), 3),
    "pix2pix": ((256, 256), 3),
    "pose_resnet50": ((64, 48), 17),
    "sngan_cifar10": ((32, 32), 3),
    "sngan_stl10": ((48, 48), 3),
    "unet": ((388, 388), 2),
    "vae_mnist": ((28, 28), 1),
    "vnet": ((128, 128, 64), 2),
}


@pytest.mark.parametrize("name", FINAL)
def test_networks_end_in_what_they_make(name):
    layer = load_workload(name).layers[-1].layer
    assert (layer.output_size, layer.out_channels) == FINAL[name]


def test_the_zoo_is_broad():
    zoo = {name: load_workload(name) for name in workload_names()}
    assert len(zoo) >= 30
    assert {max(e.layer.ndim for e in w.layers) for w in zoo.values()} == {1, 2, 3}
    assert all(any(e.layer.transposed for e in w.layers) for w in zoo.values())
    assert all("arXiv" in entry.source or "DATE 2019" in entry.source
               for w in zoo.values() for entry in w.layers)  # fmt: skip
    (upsample,) = [e.layer for e in zoo["waveglow"].layers if e.layer.transposed]
    assert (upsample.kernel_size, upsample.stride) == ((1024,), (256,))
    grouped = [e.layer for e in zoo["centernet_dla34"].layers if e.layer.transposed]
    assert all(layer.groups == layer.in_channels for layer in grouped)


def test_keys_become_arguments(tmp_path):
    path = _write(tmp_path, HEAD + LAYER + "    repeat: 3\n    unconfirmed: [the stride]\n")
    workload = load_workload(path)
    (entry,) = workload.layers
    assert entry.layer == TransposedConv(4, 2, (4, 4), 4, 2, 1, name="up")
    assert (entry.repeat, entry.unconfirmed, entry.source) == (3, ("the stride",), "made up")
    assert workload.macs == 3 * entry.layer.macs
    assert load_workload(f"{path}:up").layers == workload.layers


@given(st.lists(st.one_of(transposed_layers(), ordinary_layers()), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_written_workloads_read_back_the_same(layers):
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    entries = tuple(
        WorkloadLayer(replace(layer, name=f"l{index}"), f"source: {index}", index + 1, ("a: b",))
        for index, layer in enumerate(layers)
    )
    workload = Workload("made.up", "with: colons # and é", entries, "source: 0", ("#x",))
    with TemporaryDirectory() as folder:
        path = f"{folder}/w.yaml"
        with open(path, "w", encoding="utf-8") as stream:  # noqa: PTH123
            stream.write(dump_workload(workload))
        assert load_workload(path) == workload


def _replaced(old, new):
    assert old in HEAD + LAYER
    return (HEAD + LAYER).replace(old, new)


BAD = [
    (_replaced("stride: 2", "stride: 0"), "w.yaml: layers[0].stride: 0 is too small (legal: an"),
    (_replaced("stride: 2", "stride: 1e3"), "layers[0].stride: 1000.0 is not an integer"),
    (_replaced("stride: 2", "strid: 2"), "layers[0].strid: unknown key; did you mean 'stride'?"),
    (_replaced("stride: 2", "stride: [2, 2, 2]"), "layers[0].stride: [2, 2, 2] has 3 values"),
    (
        _replaced("stride: 2", "stride: 2\n    stride: 3"),
        "w.yaml:11: stride: key given twice, first in",
    ),
    (_replaced("stride: 2", "output_padding: 1"), "layers[0].output_padding: 1 on axis 0 is not"),
    (_replaced("stride: 2", "groups: 4"), "layers[0].out_channels: 2 is not divisible"),
    (_replaced("stride: 2", "repeat: 0"), "layers[0].repeat: 0 cannot stand here (legal: an int"),
    (_replaced("stride: 2", "repeat: true"), "layers[0].repeat: True cannot stand here"),
    (_replaced("    in_channels: 4\n", ""), "layers[0].in_channels: this key is missing"),
    (_replaced("transposed_conv", "deconv"), "layers[0].type: 'deconv' cannot stand here (legal:"),
    (_replaced("name: up", "name: ../up"), "layers[0].name: '../up' cannot stand here (legal: let"),
    (_replaced("name: up", "name: 3"), "layers[0].name: 3 cannot stand here (legal: text)"),
    (_replaced("name: mine", "nom: mine"), "w.yaml: name: this key is missing"),
    (HEAD + LAYER + LAYER, "layers[1].name: 'up' is the name of an earlier layer"),
    ("schema: 2\n" + HEAD + LAYER, "w.yaml: schema: 2 cannot stand here (legal: 1)"),
    (HEAD + "  []\n", "layers: [] cannot stand here (legal: a list of at least one layer)"),
    (HEAD + "  - 3\n", "layers[0]: 3 is not a mapping"),
    ("- 1\n", "w.yaml: [1] is not a mapping (legal: key: value pairs)"),
    ("", "w.yaml: the file says nothing"),
    ("name: [1\nlayers: 3", "w.yaml:2: not valid YAML:"),
    ("name: !!python/object/apply:os.system [echo]", "w.yaml:1: unknown tag !!python/object/apply"),
    ("a: !!int x", "w.yaml:1: 'x' is no !!int"),
    ("&a [*a]", "w.yaml:1: an alias refers to itself"),
    ("[" * 100_000, "w.yaml:1: nested too deeply"),
    (
        _replaced("type: transposed_conv", "type: conv").replace("stride: 2", "output_padding: 0"),
        "layers[0].output_padding: an ordinary convolution has no output padding",
    ),
]


def test_a_workload_without_a_source_is_read_and_its_results_say_so(tmp_path):
    workload = load_workload(_write(tmp_path, _replaced("source: made up\n", "")))
    assert workload.layers[0].source == ""
    assert load_workload(_write(tmp_path, dump_workload(workload))) == workload
    assert "mine: no source is given for up" in compare(workload, ["red"]).assumptions


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_bad_files_are_named(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        load_workload(_write(tmp_path, text))
    assert message in str(caught.value)
    assert "w.yaml" in str(caught.value)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "w.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        load_workload(tmp_path / "w.yaml")


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match=r"no workload or file 'nope'.*red_date2019"):
        load_workload("nope")
    with pytest.raises(InputError, match=r"red_date2019 has no layer 'x'.*GAN_Deconv1"):
        load_workload("red_date2019:x")


def test_the_package_loads_without_the_heavy_libraries():
    code = (
        "import sys, red_timeloop.workload, red_timeloop.decomposition;"
        "print([m for m in ('pydantic', 'yaml', 'numpy', 'rich') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
