"""Files that were made to hang or break a reader end in one message, soon."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from red_timeloop import TransposedConv, compare, decompose
from red_timeloop.circuit import Circuit
from red_timeloop.cli.options import load_hardware
from red_timeloop.errors import InputError, shown
from red_timeloop.hardware import Hardware
from red_timeloop.workload import Workload, WorkloadLayer, load_workload

LETTERS = "abcdefghijkl"


def _lists(head: str) -> str:
    """Lists of lists through aliases, 9 ** 12 values when written out."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join(['*' + inner] * 9)}]" for inner, name in pairwise(LETTERS)
    ]
    return "\n".join(lines) + f"\n{head}: *l\n"


def _merges() -> str:
    """Merges of merges, 9 ** 12 pairs when each is written out."""
    lines = ["a: &a {x: 1}"]
    lines += [
        f"{name}: &{name} {{<<: [{', '.join(['*' + inner] * 9)}]}}"
        for inner, name in pairwise(LETTERS)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [_lists("name"), _lists("rows"), _lists("circuit"), _merges()])
@pytest.mark.parametrize("read", [load_workload, Hardware.load, Circuit.load])
def test_alias_bombs_end_soon(tmp_path: Path, text: str, read) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"bomb\.yaml") as caught:
        read(path)
    assert len(str(caught.value)) < 4000
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("read", [load_workload, Hardware.load, Circuit.load])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x01\x02\xff\xfe", "not a text file"),
        (b"? [a]\n: 3", "a key must be one word"),
        (b"[" * 5_000, "nested too deeply"),
        (b"a: !!bool x", "'x' is no !!bool"),
        (b"a: &a [*b]", "no anchor is called 'b'"),
        (b"a: 1\na: 2", "a: key given twice, first in line 1"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, message: str, read) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.yaml.*: .*" + message.replace("(", r"\(")):
        read(path)


def test_merge_keys_take_the_nearest_value(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(
        "name: w\nsource: s\nlayers:\n"
        "- &base {name: a, type: conv, in_channels: 2, out_channels: 3, input_size: [4],"
        " kernel_size: 1, stride: 2}\n"
        "- {<<: *base, name: b, stride: 1}\n"
    )
    layers = [entry.layer for entry in load_workload(path).layers]
    assert [(layer.name, layer.stride, layer.out_channels) for layer in layers] == [
        ("a", (2,), 3),
        ("b", (1,), 3),
    ]


def test_parameter_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("rows: 64")
    assert Hardware.load(path).rows == 64
    path.write_text("rows: 256\ncell_bits: 1")
    assert Hardware.load(path).rows == 256


def test_values_too_large_to_look_at_are_refused() -> None:
    for key, value in {"stride": 10**8, "kernel_size": 10**6, "batch": 10**20}.items():
        with pytest.raises(InputError, match=f"^{key}: {value} is too large"):
            TransposedConv(2, 2, **{"input_size": (4,), "kernel_size": 4, key: value})
    with pytest.raises(InputError, match="is not an integer"):
        TransposedConv(2, 2, input_size=(4,), kernel_size="x" * 10**6)


def test_values_of_the_wrong_type() -> None:
    for sizes in ({3: 4, 5: 6}, {3, 4}, frozenset([3])):
        with pytest.raises(InputError, match=r"^input_size: .* is not an integer"):
            TransposedConv(2, 2, sizes, 2)
    with pytest.raises(InputError, match=r"^design: int is no design: it has no name"):
        compare(designs=[3])
    with pytest.raises(InputError, match=r"^hardware: no parameter set '3' "):
        compare(hardware=3)
    parts = decompose(TransposedConv(1, 1, (2,), 2))
    with pytest.raises(InputError, match=r"^inputs: not an array "):
        parts.apply([[[1, 2], [1]]], [[[1, 2]]])
    assert parts.apply(np.zeros((0, 1, 2)), np.zeros((1, 1, 2))).shape == (0, 1, 3)


def test_names_no_file_can_have() -> None:
    for name in ("x" * 5000, "a\0b", ""):
        with pytest.raises(InputError, match="no workload or file") as caught:
            load_workload(name)
        assert len(str(caught.value)) < 1000


def test_text_that_looks_like_markup_is_printed_as_it_is(capsys) -> None:
    from red_timeloop.views.comparison_table import print_comparison

    layer = TransposedConv(2, 2, (2, 2), 2, stride=2, name="a")
    entry = WorkloadLayer(layer, "s", unconfirmed=("[/b] [red]size",))
    print_comparison(compare(Workload("w", "", (entry,)), ["red"]))
    assert "a: unconfirmed: [/b] [red]size" in capsys.readouterr().out


def test_a_design_given_twice_runs_once() -> None:
    once = compare(designs=["red"], layers=["GAN_Deconv3"])
    twice = compare(designs=["red", "red"], layers=["GAN_Deconv3"])
    assert twice.as_dict() == once.as_dict()
    assert compare(designs="red", layers="GAN_Deconv3").as_dict() == once.as_dict()


def test_shown_values_are_short() -> None:
    nested: list[object] = ["x"] * 9
    for _ in range(12):
        nested = [nested] * 9
    assert len(shown(nested)) <= 200
    assert len(shown({"a": "x" * 1000})) <= 200
    assert shown(10**5000)
    assert shown((1, 1.5, None, True)) == "(1, 1.5, None, True)"


def test_settings_that_cannot_be_read() -> None:
    for setting in ("fold=" + "[" * 5000, "fold=[1", "fold", "=1", "fold=\0"):
        with pytest.raises(InputError, match=r"^--set: ") as caught:
            load_hardware("isaac_32nm", [setting])
        assert len(str(caught.value)) < 300


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_ends_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "red_timeloop.cli.main", "compare", "--layer", "FCN_Deconv1"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert run.returncode == 2
    assert "Error: the output: No space left on device" in run.stderr
    assert "Traceback" not in run.stderr
