"""The figures of `docs/zeros.md` against the layers that they are said to be of."""

from __future__ import annotations

import re

from places import ROOT

from red_timeloop.layer import TransposedConv
from red_timeloop.workload import load_workload

PAGE = ROOT / "docs" / "zeros.md"
ROW = re.compile(r"^\| (\w+) \| ([\w, ]+) \| ([\d,]+) \| (\S+) \| ([\d,]+) \| ([\d.]+)% \|$", re.M)


def test_every_layer_is_there_and_its_figures_fit_together() -> None:
    """What is real of the computes, from the geometry of the layers; and what takes no time."""
    found: dict[str, dict[str, tuple[int, float, int, float]]] = {}
    for name, zeros, cycles, energy, computes, real in ROW.findall(PAGE.read_text()):
        numbers = int(cycles.replace(",", "")), float(energy), int(computes.replace(",", ""))
        found.setdefault(name, {})[zeros] = (*numbers, float(real))
    layers = {entry.name: entry.layer for entry in load_workload("red_date2019").layers}
    assert list(found) == list(layers)
    for name, ways in found.items():
        layer = layers[name]
        assert isinstance(layer, TransposedConv)
        for _, _, computes, real in ways.values():
            assert abs(real - 100 * layer.macs / computes) <= 0.05001
        dense = layer.out_channels * layer.in_channels
        for out, kernel in zip(layer.output_size, layer.kernel_size, strict=True):
            dense *= out * kernel
        assert dense <= ways["computed"][2] <= 1.25 * dense  # padded at most
        assert ways["none inserted"][2] >= layer.macs
        assert ways["MACs gated"][1] < ways["computed"][1]
        assert ways["MACs gated"][0] == ways["computed"][0] > ways["skipped, hypergeometric"][0]
        skipped = ways["skipped, hypergeometric"][2]
        assert abs(ways["MACs gated"][2] - skipped) <= 1e-4 * skipped  # density to six decimals
