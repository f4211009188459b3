"""Where time and energy go: the parts add up to the whole."""

from __future__ import annotations

import pytest
from close import near

from red_timeloop.comparison import compare
from red_timeloop.components import STAGES
from red_timeloop.hardware import Hardware


@pytest.mark.parametrize("pipeline", ["none", "unsampled", "two_stage", "full"])
def test_parts_add_up(pipeline: str) -> None:
    hardware = Hardware.load("monolithic_65nm").replace(pipeline=pipeline)
    layers = ["GAN_Deconv3", "FCN_Deconv1"]
    comparison = compare("red_date2019", None, "embedded", layers=layers, hardware=hardware)
    for summary in comparison.summary:
        mine = [r.design_result for r in comparison.results if r.design == summary.design]
        assert set(summary.time_by_stage) | set(summary.energy_by_stage) <= set(STAGES)
        time = sum(result.latency for result in mine)
        energy = sum(result.energy for result in mine)
        assert sum(summary.time_by_stage.values()) == near(time)
        assert sum(summary.energy_by_stage.values()) == near(energy)
        as_dict = summary.as_dict()
        assert as_dict["time_by_stage_s"] == summary.time_by_stage
        assert as_dict["energy_by_stage_J"] == summary.energy_by_stage


def test_a_longer_conversion_shows_where_it_is() -> None:
    """Ten times slower converters lengthen `convert` tenfold and nothing else."""
    hardware = Hardware.load("isaac_32nm").replace(pipeline="none")
    rate = hardware.circuit.adc_rate_hz
    fast, slow = (
        compare(
            "red_date2019",
            ["red"],
            "embedded",
            layers=["GAN_Deconv3"],
            hardware=hardware.replace(adc_rate_hz=value),
        )
        .summary[0]
        .time_by_stage
        for value in (rate, rate / 10)
    )
    assert slow["convert"] == near(10 * fast["convert"])
    for part in ("drive", "settle", "accumulate"):
        assert slow[part] == near(fast[part]) != 0
