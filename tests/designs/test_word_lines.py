"""Word lines that run through all modes, zeros that are driven, and what results say of both."""

from __future__ import annotations

import itertools
import json
from math import prod
from typing import Any

import pytest

from red_timeloop import designs
from red_timeloop.circuit import Circuit
from red_timeloop.comparison import Comparison, compare
from red_timeloop.components import build
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

WIDE = Hardware.load().replace(columns=None, word_lines="joined")
K4 = TransposedConv(512, 256, (4, 4), 4, stride=2, padding=1)
K5 = TransposedConv(512, 256, (8, 8), 5, stride=2, padding=2, output_padding=1)  # four groups
K16 = TransposedConv(21, 21, (70, 70), 16, stride=8)


@pytest.mark.parametrize(
    ("design", "layer", "fold", "outputs"),
    [
        ("red", K4, 1, 4 * 256),  # modes x output channels
        ("red", K5, 1, 4 * 256),
        ("red", K16, 1, 64 * 21),
        ("red", K16, 2, 64 * 21 / 2),
        ("split_kernel", K16, 1, 64 * 21),
        ("red_serial", K16, 1, 21),  # one mode at a time
        ("zero_padding", K16, 1, 21),
        ("padding_free", K16, 1, 256 * 21),  # kernel pixels x output channels
    ],
)
def test_a_line_runs_through_what_a_step_makes(
    design: str, layer: TransposedConv, fold: int, outputs: float
) -> None:
    for hardware, cells in (
        (WIDE.replace(fold=fold), 4 * outputs),  # four 2-bit cells a weight
        (WIDE.replace(fold=fold, word_lines="separate"), None),
    ):
        for part in designs.find(design).plan(layer, hardware).parts:
            sizes = part.sizes
            if cells is None:
                assert sizes.line_columns == sizes.crossbar_columns
            elif part.crossbars:
                assert sizes.line_columns == cells


def test_the_crossbars_on_a_line_share_one_driver() -> None:
    """Together they take and are what one driver of the whole line is; the line is the slower."""

    def driver(**attributes: float) -> Any:
        return build("row_driver", {"rows": 64, **attributes}, Circuit.load())

    whole, part, own = (
        driver(columns=512),
        driver(columns=128, line_columns=512, line_share=0.25),
        driver(columns=128),
    )
    assert 4 * part.energy("read") == pytest.approx(whole.energy("read"), rel=1e-12, abs=0)
    assert 4 * part.area == pytest.approx(whole.area, rel=1e-12, abs=0)
    assert part.latency == whole.latency > own.latency
    # One latch and one converter in place of four.
    assert part.energy("read") < own.energy("read")


def real_share(layer: TransposedConv) -> float:
    """Walk over all output and kernel pixels: how many meet an input pixel."""
    axes = []
    for axis in range(layer.ndim):
        s, before = layer.stride[axis], layer.padding[axis][0]
        pairs = itertools.product(range(layer.output_size[axis]), range(layer.kernel_size[axis]))
        met = [
            (o + before - k) % s == 0 and 0 <= (o + before - k) // s < layer.input_size[axis]
            for o, k in pairs
        ]
        axes.append(sum(met) / len(met))
    return prod(axes)


def test_driven_zeros_cost_what_data_cost() -> None:
    aware, blind = (
        compare_levels(Hardware.load().replace(zero_aware=value)) for value in (True, False)
    )
    assert aware["cell"] == pytest.approx(real_share(K4) * blind["cell"], rel=1e-9, abs=0)
    assert aware["row_driver"] < blind["row_driver"]
    assert {k: v for k, v in aware.items() if k not in ("cell", "row_driver")} == {
        k: v for k, v in blind.items() if k not in ("cell", "row_driver")
    }


def compare_levels(hardware: Hardware) -> dict[str, float]:
    done = run(["zero_padding"], hardware).results[0].design_result
    return {name: level.energy for name, level in done.levels.items()}


def run(names: list[str], hardware: Hardware) -> Comparison:
    return compare("red_date2019:GAN_Deconv3", names, "embedded", hardware=hardware)


def test_a_result_says_what_zeros_and_lines_do() -> None:
    default = run(["red"], Hardware.load())
    assert "Inserted zeros raise no pulse; they are made at the row drivers." in default.assumptions
    paper = run(["red"], Hardware.load("red_paper"))
    said = json.loads(json.dumps(paper.as_dict()))
    assert (said["zero_aware"], said["zeros_stored"]) == (False, True)
    assert (
        "Inserted zeros are driven and read like data; they are stored in the buffers."
        in (said["assumptions"])
    )
    assert "word lines through all modes" in said["assumptions"][0]


def test_a_result_says_why_a_rival_needs_less() -> None:
    names = ["red", "zero_padding", "split_kernel"]
    layers = ["FCN_Deconv1", "GAN_Deconv3"]
    found = compare("red_date2019", names, "embedded", layers=layers)
    # steps x crossbars x output channels x slices x pulses
    conversions = {"red": 17 * 17 * 16 * 21 * 32, "split_kernel": 17 * 17 * 4 * 21 * 32}
    for result in found.results:
        if result.layer == "FCN_Deconv1" and result.design in conversions:
            assert result.design_result.conversions == conversions[result.design]
            assert result.as_dict()["conversions"] == conversions[result.design]
    # it packs a mode's rows where RED leaves them empty, and ties where RED fills them
    tie, packed = sorted(found.reasons, key=lambda line: line.startswith("FCN"))
    assert packed.endswith("RED fills 21 of 128 rows of 16 crossbars and converts 3.11 M times.")
    assert "84 of 128 rows of 4 crossbars and converts 777 k times" in packed
    assert tie.startswith("GAN_Deconv3: split kernel ties with RED: the same rows used")
    assert any("LerGAN" in line for line in found.assumptions)
    assert compare("red_date2019", names[:1], "embedded", layers=layers).reasons == ()
