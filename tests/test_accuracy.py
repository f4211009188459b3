"""Equal accuracy: the converters that are found against all that there are."""

from __future__ import annotations

import io
import json
import math
import random

import numpy as np
import pytest
from close import near
from places import ROOT
from rich.console import Console

from red_timeloop import TransposedConv, compare, designs
from red_timeloop.accuracy import (
    RandomTensors,
    accuracy_notes,
    cheapest_converters,
    parse_at_least,
)
from red_timeloop.cli.main import main
from red_timeloop.comparison import Comparison
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.execution import execute
from red_timeloop.dataflow.quality import (
    layer_sqnr,
    sample_layer,
    sample_tensors,
    workload_sqnr,
)
from red_timeloop.dataflow.trace import deviation
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Conv, Layer
from red_timeloop.units import area
from red_timeloop.views.comparison_table import print_comparison
from red_timeloop.workload import Workload, WorkloadLayer

BASE = Hardware.load()
UP = TransposedConv(40, 6, (3, 3), 4, stride=2, padding=1, name="up")
DOWN = Conv(6, 9, (6, 6), 3, padding=1, name="down")
NET = Workload("net", "", (WorkloadLayer(UP, "made up", 2), WorkloadLayer(DOWN, "made up")))


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(NET, ["red"], hardware=BASE.replace(rows=64), at_least="12dB")


def test_the_converters_found_are_the_cheapest_of_all(compared: Comparison) -> None:
    """Every number of bits with every number of rows, none left out."""
    layers = [entry.layer for entry in NET.layers]
    design, costs = designs.find("red"), {}
    for rows in (64, 32, 16):
        for bits in range(1, 10):
            tried = BASE.replace(rows=rows, adc_bits=bits)
            if (workload_sqnr(layers, design, tried) or 0) >= 12:
                evaluator = Evaluator(tried, engine("embedded"))
                runs = [(e.repeat, evaluator(e.layer, design)) for e in NET.layers]
                energy = sum(n * result.energy for n, result in runs)
                costs[rows, bits] = energy * sum(n * result.latency for n, result in runs)
    (found,) = (each for each in compared.converters if each.design == "red")
    assert costs[found.hardware.rows, found.hardware.adc_bits] == near(min(costs.values()))
    assert len(set(costs.values())) > 6
    results = compare(NET, ["red"], hardware=found.hardware).results
    mine = [r for r in compared.results if r.design == "red"]
    for alone, result in zip(results, mine, strict=True):
        assert result.design_result.energy == alone.design_result.energy
        assert result.sqnr_db == found.sqnr_db[result.layer] >= 12


def _drawn(seed: int) -> tuple[Layer, Hardware, str]:
    draw = random.Random(seed)
    layer = TransposedConv(
        draw.choice([3, 8, 21, 40, 64]),
        4,
        (2, 2),
        draw.choice([2, 3, 4]),
        stride=draw.choice([1, 2, 3]),
        input_bits=draw.choice([4, 8]),
        weight_bits=draw.choice([4, 8]),
    )
    hardware = BASE.replace(
        rows=draw.choice([16, 48, 128, 256]),
        cell_bits=draw.choice([1, 2, 4]),
        dac_bits=draw.choice([1, 2]),
        weight_encoding=draw.choice(["offset", "twos_complement"]),
        merge=draw.choice(["digital", "current"]),
    )
    return layer, hardware, draw.choice(designs.names())


@pytest.mark.parametrize("seed", range(12))
def test_more_bits_are_better_from_one_decibel_on(seed: int) -> None:
    """What bisection needs. Below, it is not so: outputs that are all 0 have 0 dB."""
    layer, hardware, name = _drawn(seed)
    design = designs.find(name)
    found = [layer_sqnr(layer, design, hardware.replace(adc_bits=b)) for b in range(1, 16)]
    for bits, ratio in enumerate(found):
        if ratio >= 1:
            assert found[bits:] == sorted(found[bits:])
            break
    assert found[-1] == math.inf


@pytest.mark.parametrize(
    "layer",
    [
        Conv(64, 32, (28, 28), 7, stride=2, groups=4),
        TransposedConv(64, 80, (9, 7), (5, 2), stride=(2, 3), dilation=(1, 2), output_padding=1),
    ],
)
def test_a_crop_has_the_taps_and_rows_of_the_layer(layer: Layer) -> None:
    small = sample_layer(layer)
    assert (small.in_channels, small.groups) == (layer.in_channels // layer.groups, 1)
    assert small.out_channels == min(32, layer.out_channels // layer.groups)
    assert (small.kernel_size, small.stride) == (layer.kernel_size, layer.stride)
    # Every output meets as many pixels as any: none is at the border.
    ones = np.ones(small.input_shape, np.int64), np.ones(small.weight_shape, np.int64)
    inner = np.ones(layer.input_shape, np.int64), np.ones(layer.weight_shape, np.int64)
    most = convolve(layer, *inner).max()
    met = convolve(small, *ones)
    assert met.max() == most
    if not layer.transposed:
        assert (met == most).all()
    assert small.output_size == (layer.stride if layer.transposed else (1, 1))


@pytest.mark.parametrize(("bits", "rows"), [(7, 128), (5, 32)])
def test_a_crop_is_as_accurate_as_the_layer(bits: int, rows: int) -> None:
    layer = TransposedConv(160, 32, (5, 5), 4, stride=2, padding=1)
    hardware = BASE.replace(adc_bits=bits, rows=rows)
    for name in ("red", "zero_padding"):
        tensors = sample_tensors(layer, 7)
        made = execute(layer, name, *tensors, hardware).outputs
        whole = deviation(made, convolve(layer, *tensors)).sqnr_db
        assert layer_sqnr(layer, designs.find(name), hardware) == pytest.approx(whole, abs=1.5)


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_weights_are_normal_and_cut_to_what_their_bits_hold(bits: int) -> None:
    layer = TransposedConv(64, 64, (16, 16), 4, input_bits=bits, weight_bits=bits)
    inputs, weights = sample_tensors(layer)
    assert 0 <= inputs.min() < 2**bits / 1000
    assert 0.999 * 2**bits - 1 < inputs.max() < 2**bits
    largest = 2 ** (bits - 1) - 1
    assert (weights.min(), weights.max()) == (-largest, largest)
    # beyond 3 standard deviations, or half a number less where numbers are few, lie so many
    cut = math.erfc(3 * (largest - 0.5) / largest / math.sqrt(2))
    assert np.mean(abs(weights) == largest) == pytest.approx(cut, rel=0.1)
    assert weights.mean() == pytest.approx(0, abs=0.01 * largest)


def test_results_say_what_was_reached_and_how(compared: Comparison) -> None:
    content = compared.as_dict()
    assert (content["accuracy"]["measure"], content["accuracy"]["at_least"]) == ("SQNR", 12)
    by_design = {each["design"]: each for each in content["accuracy"]["converters"]}
    for result in content["results"]:
        mine = by_design[result["design"]]
        assert result["sqnr_dB"] >= mine["sqnr_dB"] >= 12
        assert [result[key] for key in ("adc_bits", "rows")] == [mine["adc_bits"], mine["rows"]]
    assert any(
        "normal with a third of their range as sigma, seed 2019" in n
        for n in content["assumptions"]
    )
    # What all are compared with is zero padding with its own converters.
    base = {r.design_result.plan.hardware.adc_bits for r in compared.baseline}
    assert base == {by_design["zero_padding"]["adc_bits"]}


def test_designs_without_crossbars_are_exact() -> None:
    def never(hardware: Hardware) -> Evaluator:
        raise AssertionError(hardware)

    accuracy = RandomTensors(NET, 40)
    found = cheapest_converters(NET, designs.find("eyeriss"), never, BASE, accuracy)
    assert found.as_dict() == {
        "design": "eyeriss",
        "rows": None,
        "adc_bits": None,
        "reached": math.inf,
        "sqnr_dB": math.inf,
        "sqnr_layer": None,
    }
    assert "eyeriss: no crossbars to execute, digital sums are exact." in accuracy_notes(
        accuracy, [found]
    )


def test_a_design_of_a_user_and_arrays_as_large_as_the_matrix() -> None:
    """One that is not of the package is searched like the others; there are no rows to halve."""
    own = f"{ROOT / 'docs' / 'examples' / 'half_split.py'}:HALF_SPLIT"
    hardware = Hardware.load("monolithic_65nm")
    found = compare(NET, [own], hardware=hardware, at_least="lossless").converters
    layers = [entry.layer for entry in NET.layers]
    for each, name in zip(found, (own, "zero_padding"), strict=True):
        bits = each.hardware.adc_bits
        assert bits
        assert (each.hardware.rows, each.reached) == (None, math.inf)
        fewer = each.hardware.replace(adc_bits=bits - 1)
        assert (workload_sqnr(layers, designs.find(name, code=True), fewer) or 0) < math.inf


@pytest.mark.parametrize("text", ["0.5", "35W", "dB", "much", "nan", "-inf", "1.2.3dB"])
def test_what_is_no_ratio_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"at_least: got .*a ratio from 1dB, e.g. 35dB, or loss"):
        parse_at_least(text)


def test_the_command_shows_both(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", "--layer", "FCN_Deconv1", "--design", "red", "--at-least", "20 dB"]
    with pytest.raises(SystemExit):
        main([*arguments, "--format", "json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    with pytest.raises(SystemExit):
        main(arguments)
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("Converters for SQNR at least 20.0 dB")
    assert lines[start + 1].split()[:4] == ["design", "bits", "rows", "SQNR"]
    cells = lines[start + 2].split()
    assert cells[:3] == ["red", str(result["adc_bits"]), str(result["rows"])]
    assert float(cells[3]) == pytest.approx(result["sqnr_dB"], abs=0.051)
    with pytest.raises(SystemExit) as ended:
        main(["compare", "--all", "--at-least", "20dB"])
    assert ended.value.code == 2
    assert "--all: --at-least and --all exclude each other" in capsys.readouterr().err


def test_converters_stand_beside_the_totals_of_their_design() -> None:
    """An array that maps layers in turn is there once; RED that only says a size has no totals."""
    layers = [TransposedConv(4, 4, (4, 4), 4, stride=2), TransposedConv(8, 4, (4, 4), 4, stride=2)]
    found = compare(layers, ["eyeriss"], at_least="20dB", iso_area=True)
    stream = io.StringIO()
    print_comparison(found, Console(file=stream))
    lines = stream.getvalue().splitlines()
    start = lines.index("Converters for SQNR at least 20.0 dB")
    rows = {line.split()[0]: line for line in lines[start + 2 : start + 5]}
    (summary,) = found.summary
    assert area(summary.area) in rows["eyeriss"]
    assert summary.area == max(each.design_result.area for each in found.results)
    assert "mm2" not in rows["red"]
