"""Designs with numbers of the parameter set that hold for them alone."""

from __future__ import annotations

import pytest
from places import ROOT

from red_timeloop import TransposedConv, compare, designs, simulate
from red_timeloop.dataflow.verification import random_tensors
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

LAYER = TransposedConv(16, 8, (4, 4), 4, stride=2, padding=1, name="up")


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("fold=2,merge=current", {"fold": 2, "merge": "current"}),
        ("adc_rate_hz=1.28GHz", {"adc_rate_hz": 1.28e9}),
        ("rows=64", {"rows": 64}),
    ],
)
def test_the_numbers_hold_for_the_design_alone(said: str, changes: dict[str, object]) -> None:
    both = compare(LAYER, ["red", f"red:{said}"])
    hardware = Hardware.load().replace(**changes)
    alone = compare(LAYER, ["red"], hardware=hardware)["up", "red"]
    own = both["up", f"red:{said}"]
    assert (own.energy, own.latency, own.area) == (alone.energy, alone.latency, alone.area)
    assert both["up", "red"].energy == compare(LAYER, ["red"])["up", "red"].energy
    assert both.baseline == compare(LAYER, ["red"]).baseline
    assert any(line.startswith(f"red:{said}: ") for line in both.assumptions)


def test_every_command_s_designs_take_them() -> None:
    inputs, weights = random_tensors(LAYER, 0)
    folded = simulate(LAYER, "red:fold=2,adc_bits=null", inputs, weights)
    assert folded.counts["steps"] == 2 * 16
    file = ROOT / "docs" / "examples" / "half_split.py"
    (own,) = designs.choose(f"{file}:HALF_SPLIT:fold=2")
    assert own.name == "half_split:fold=2"
    pair = designs.choose(f"{ROOT / 'arch' / 'eyeriss.yaml'}:rows=64")
    assert [each.name for each in pair] == ["eyeriss:rows=64", "eyeriss_split:rows=64"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("red:fodl=2", "fodl: unknown parameter; did you mean 'fold'"),
        ("red:fold=2.5", "fold: got 2.5"),
        ("red:fold=2,merge", "design: got 'merge' \\(legal: KEY=VALUE\\)"),
        ("rde:fold=2", "unknown design 'rde'; did you mean 'red'"),
        ("red:adc_rate_hz=3s", "adc_rate_hz: got '3s' .* MHz, GHz"),
    ],
)
def test_what_is_not_legal_is_named(reference: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        designs.find(reference)
