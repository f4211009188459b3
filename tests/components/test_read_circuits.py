"""Read circuits: against the published regression, a simulation of spikes, and in whole designs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.comparison import Comparison, compare
from red_timeloop.components import build, register, technology
from red_timeloop.components.adc import Adc
from red_timeloop.components.read_circuits import IntegrateAndFire
from red_timeloop.designs.specification import sizes_as_variables
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

ISAAC = Circuit.load("isaac_32nm")
CIRCUITS = {"adc": 8, "survey_adc": 8, "integrate_and_fire": 8, "sense_amplifier": 1}


@pytest.mark.parametrize(
    ("bits", "node", "rate", "energy", "area"),
    [  # what hwcomponents-adc 1.0.21 answers
        (4, 32e-9, 1.28e9, 9.23749333095e-13, 5.19024116703e-09),
        (8, 32e-9, 1.28e9, 1.92921164962e-12, 6.46926849068e-09),
        (10, 32e-9, 1.28e9, 1.64183405368e-11, 1.22751158267e-08),
        (8, 65e-9, 1e8, 6.49447940973e-12, 1.18617298815e-08),
        (12, 45e-9, 1e6, 1.36192105643e-11, 4.46982299317e-09),
        (6, 22e-9, 5e8, 5.2656768244e-13, 2.5513051041e-09),
    ],
)
def test_the_survey_is_the_published_regression(
    bits: int, node: float, rate: float, energy: float, area: float
) -> None:
    circuit = ISAAC.at_node(node).replace(adc_rate_hz=rate)
    one = build("survey_adc", {"resolution": bits}, circuit)
    assert one.conversion_energy == near(energy, rel=1e-6)
    assert one.converter_area == near(area, rel=1e-6)
    assert one.leakage_power == 0  # it is in the energy


def test_isaacs_converter_is_within_a_factor_of_the_survey_where_it_is_anchored() -> None:
    mine, survey = (build(name, {"resolution": 8}, ISAAC) for name in ("adc", "survey_adc"))
    assert 0.5 < mine.energy("update") / survey.energy("update") < 1
    # Beyond, the survey's converters cost more: what the model's text says.
    mine, survey = (build(name, {"resolution": 10}, ISAAC) for name in ("adc", "survey_adc"))
    assert survey.energy("update") > 4 * mine.energy("update")


@pytest.mark.parametrize(("bits", "rows"), [(4, 64), (6, 128), (8, 1024)])
def test_the_fullest_column_fires_as_often_as_the_counter_counts(bits: int, rows: int) -> None:
    """The capacitor's voltage step by step: up with the current, down when it fires."""
    one = build("integrate_and_fire", {"resolution": bits, "rows_used": rows}, ISAAC)
    assert isinstance(one, IntegrateAndFire)
    current = rows * ISAAC.read_voltage_v / ISAAC.on_resistance_ohm
    steps, voltage, spikes = 200_000, 0.0, 0
    for _ in range(steps):
        voltage += current * one.integration_seconds / steps / one.capacitance
        if voltage >= ISAAC.supply_voltage_v / 2 * (1 - 1e-9):
            voltage -= ISAAC.supply_voltage_v / 2
            spikes += 1
    assert spikes == 2**bits - 1


def test_a_spikes_energy_is_that_of_its_parts() -> None:
    flips = [(count ^ (count + 1)).bit_count() for count in range(4096)]
    assert np.mean(flips) == near(2, rel=1e-3)  # of a binary counter
    one = build("integrate_and_fire", {"resolution": 8}, ISAAC.replace(mean_input_share=1.0))
    none = build("integrate_and_fire", {"resolution": 8}, ISAAC.replace(mean_input_share=0.0))
    assert none.conversion_energy == near(technology.register_energy(8, ISAAC))
    # Mean weights draw 11 of 20 uS; the charge of a full column flows through the supply.
    full = 128 * 0.2 / 50e3 * one.integration_seconds * ISAAC.supply_voltage_v  # type: ignore[attr-defined]
    spent = one.conversion_energy - none.conversion_energy
    counted = (
        255
        * 0.55
        * (8 * technology.gate_energy(ISAAC) + 2 * technology.register_energy_per_bit(ISAAC))
    )
    assert spent == near(0.55 * full + counted)


def test_a_pass_gate_is_a_resistance_in_series_with_the_cell() -> None:
    """The shipped set of these cells has none."""
    gate = 9e3
    apart = ISAAC.replace(access_resistance_ohm=gate)
    joined = ISAAC.replace(
        on_resistance_ohm=ISAAC.on_resistance_ohm + gate,
        off_resistance_ohm=ISAAC.off_resistance_ohm + gate,
    )
    one, other = (build("integrate_and_fire", {"resolution": 8}, each) for each in (apart, joined))
    assert one.conversion_energy == near(other.conversion_energy)
    assert one.capacitance == near(other.capacitance)


def test_spikes_take_the_pulse_or_longer() -> None:
    spike = ISAAC.spike_fo4 * technology.fo4_delay(ISAAC)
    fast = build("integrate_and_fire", {"resolution": 4}, ISAAC)
    assert fast.latency == near(spike)  # all within the pulse, then the counter is read
    slow = build("integrate_and_fire", {"resolution": 10}, ISAAC)
    assert slow.latency == near(1023 * spike - ISAAC.read_pulse_s + spike)
    # Columns that share one are integrated one after the other.
    shape = {"resolution": 4, "columns": 128, "columns_used": 32, "weight_slices": 4}
    shared = build("integrate_and_fire", shape, ISAAC.replace(columns_per_adc=2))
    own = build("integrate_and_fire", shape, ISAAC.replace(columns_per_adc=1))
    assert own.latency == near(fast.latency)
    assert shared.latency == near(2 * spike + ISAAC.read_pulse_s)
    assert own.area == near(2 * shared.area)


@pytest.mark.parametrize(
    ("name", "bits", "legal"),
    [("survey_adc", 3, "4 .. 16"), ("sense_amplifier", 8, "1 .. 1"), ("adc", 17, "1 .. 16")],
)
def test_bits_that_a_circuit_cannot_read_are_refused(name: str, bits: int, legal: str) -> None:
    with pytest.raises(InputError, match=rf"resolution: out of range: {bits} \(legal: {legal}\)"):
        build(name, {"resolution": bits})


@pytest.mark.parametrize("name", CIRCUITS)
def test_more_bits_and_more_columns_cost_more(name: str) -> None:
    shape = {"resolution": CIRCUITS[name], "columns": 128, "columns_used": 32, "weight_slices": 4}
    few, many = (build(name, shape, ISAAC.replace(columns_per_adc=shared)) for shared in (128, 8))
    assert many.area == near(16 * few.area)
    assert many.latency < few.latency
    assert many.energy("update") == few.energy("update")
    if name != "sense_amplifier":
        more = build(name, {**shape, "resolution": 10}, ISAAC)
        assert more.energy("update") > few.energy("update")
        assert more.area > few.area


def run(hardware: Hardware, **changes: Any) -> Comparison:
    layers = ["GAN_Deconv3"]
    changed = hardware.replace(**changes)
    return compare("red_date2019", ["red"], "embedded", layers=layers, hardware=changed)


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_set_chooses_its_read_circuit(name: str) -> None:
    bits = CIRCUITS[name]
    hardware = Hardware.load().replace(read_circuit=name, adc_bits=bits, columns_per_adc=1)
    result = run(hardware).results[0].design_result
    variables = sizes_as_variables(result.plan.parts[0].sizes)
    shape = {
        "resolution": bits,
        "weight_slices": variables["weight_slices"],
        "input_slices": variables["input_slices"],
        "columns": variables["crossbar_columns"],
        "columns_used": variables["columns_used"],
        "rows_used": variables["rows_used"],
    }
    one = build(name, shape, hardware.circuit)
    level = result.levels["adc"]
    assert level.area == near(level.instances * one.area)
    assert level.stage == "convert"
    assert result.step_time.convert == near(one.latency)  # type: ignore[union-attr]
    assert (f"({name})" in run(hardware).assumptions[0]) == (name != "adc")


def test_stages_overlap_or_are_summed() -> None:
    spikes = Hardware.load().replace(read_circuit="integrate_and_fire", columns_per_adc=1)
    cycles = {
        pipeline: run(spikes, pipeline=pipeline).results[0].design_result.cycle_time
        for pipeline in ("none", "two_stage", "full")
    }
    assert cycles["none"] > cycles["two_stage"] > cycles["full"]


def test_a_read_circuit_of_ones_own() -> None:
    @register("free_converter")
    @dataclass(frozen=True)
    class FreeConverter(Adc):
        """Costs nothing."""

        @property
        def conversion_energy(self) -> Any:
            """Energy [J] of one conversion."""
            return 0.0

    result = run(Hardware.load().replace(read_circuit="free_converter")).results[0].design_result
    leakage = result.levels["adc"].energy
    assert 0 < leakage < 0.01 * run(Hardware.load()).results[0].design_result.levels["adc"].energy


@pytest.mark.parametrize("name", ["edram", "flash"])
def test_what_reads_no_columns_is_refused(name: str) -> None:
    message = rf"read_circuit: .*no read circuit '{name}' \(legal: adc, integrate_and_fire, sense"
    with pytest.raises(InputError, match=message):
        run(Hardware.load().replace(read_circuit=name))
    with pytest.raises(InputError, match=r"read_circuit: got 3 \(legal: text\)"):
        Hardware.load().replace(read_circuit=3)


def test_lines_that_lose_too_much_are_named() -> None:
    fine, lossy = (run(Hardware.load(), on_resistance_ohm=ohm).assumptions for ohm in (5e4, 1.4e3))
    assert not any("Bit lines lose" in line for line in fine)
    (said,) = [line for line in lossy if "Bit lines lose" in line]
    assert "of the read voltage (red on GAN_Deconv3)" in said
