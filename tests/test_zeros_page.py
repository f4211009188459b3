"""The figures of `docs/zeros.md` against the layers that they are said to be of."""

from __future__ import annotations

import re
from itertools import islice
from types import ModuleType

import pytest
from places import ROOT, benchmark

from red_timeloop.layer import TransposedConv
from red_timeloop.workload import load_workload

PAGE = (ROOT / "docs" / "zeros.md").read_text()
ROW = re.compile(
    r"^\| (\w+) \| (\w+) \| ([a-z, ]+) \| ([\d,]*) \| (\S*) \| ([\d,]+) \| ([\d.]+)% \|$", re.M
)
FLAGS = re.compile(r"^\| (\w+) \| (\w+) \| ([\d,]+) \| (\S+) \| (\S+) \|$", re.M)
LAYERS = {
    entry.name: entry.layer
    for entry in load_workload("red_date2019").layers
    if isinstance(entry.layer, TransposedConv)
}


@pytest.fixture(scope="module")
def command() -> ModuleType:
    """The command that makes the page's figures."""
    return benchmark("zeros")


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_every_layer_is_there_and_its_figures_fit_together() -> None:
    """What is real of the computes, from the geometry of the layers; and what takes no time."""
    found: dict[tuple[str, str], dict[str, tuple[int, float, int]]] = {}
    for name, array, zeros, cycles, energy, computes, real in ROW.findall(PAGE):
        numbers = number(cycles or "0"), float(energy or "0"), number(computes)
        found.setdefault((name, array), {})[zeros] = numbers
        assert abs(float(real) - 100 * LAYERS[name].macs / numbers[2]) <= 0.05001
    assert list(found) == [(name, array) for name in LAYERS for array in ("eyeriss", "simba")]
    for (name, array), ways in found.items():
        layer = LAYERS[name]
        dense = layer.out_channels * layer.in_channels
        for out, kernel in zip(layer.output_size, layer.kernel_size, strict=True):
            dense *= out * kernel
        assert dense <= ways["computed"][2] <= 1.25 * dense  # padded at most
        assert ways["none inserted"][2] >= layer.macs == ways["counted"][2]
        skipped = ways["skipped, fixed structured"]
        share = skipped[2] / ways["computed"][2]
        assert abs(skipped[0] - ways["computed"][0] * share) <= 1 + 1e-4 * skipped[0]
        assert ways["skipped, with a bitmask"][::2] == skipped[::2]
        assert ways["skipped, with a bitmask"][1] < skipped[1] < ways["computed"][1]
        if array == "eyeriss":
            assert ways["gated"][1] < ways["computed"][1]
            assert ways["gated"][0] == pytest.approx(ways["computed"][0], rel=0.2)  # paddings


def test_flags_cost_and_save_what_the_rows_say() -> None:
    energies = {
        (name, array, zeros): float(e or "0") for name, array, zeros, _, e, *_ in ROW.findall(PAGE)
    }
    rows = FLAGS.findall(PAGE)
    assert [(name, array) for name, array, *_ in rows] == [
        (name, array) for name in LAYERS for array in ("eyeriss", "simba")
    ]
    for name, array, _, cost, saved in rows:
        without = energies[name, array, "skipped, fixed structured"]
        flagged = energies[name, array, "skipped, with a bitmask"]
        assert without - float(saved) + float(cost) == pytest.approx(flagged, rel=2e-3, abs=0)


@pytest.mark.parametrize("name", ["GAN_Deconv1", "GAN_Deconv3", "FCN_Deconv1"])
def test_a_walk_over_the_map_counts_what_is_real(command: ModuleType, name: str) -> None:
    layer = LAYERS[name]
    assert command.executed(layer) == layer.macs


def test_rows_made_anew_are_those_of_the_page(command: ModuleType) -> None:
    made = islice(command.rows("FCN_Deconv1", LAYERS["FCN_Deconv1"], "eyeriss"), 5)
    assert [line for line in map(str, made) if line not in PAGE] == []
