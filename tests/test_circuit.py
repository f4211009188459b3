"""The parameter sets: what is legal, and what each shipped number says of itself."""

from __future__ import annotations

import pytest
import yaml
from close import near

from red_timeloop import resources
from red_timeloop.circuit import Circuit
from red_timeloop.errors import InputError

SETS = resources.names("arch/parameters")


def entries(name: str = "isaac_32nm") -> dict[str, object]:
    text = resources.path(f"arch/parameters/{name}.yaml").read_text()
    return dict(yaml.safe_load(text)["circuit"])


@pytest.mark.parametrize("name", SETS)
def test_every_shipped_number_has_a_source_and_lies_in_its_spread(name: str) -> None:
    circuit = Circuit.load(name)
    for number in Circuit.names():
        assert len(circuit.sources[number]) > 5, number
    for number, (low, high) in circuit.spreads.items():
        assert low < high, number
        assert low <= getattr(circuit, number) <= high, number


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("adc_rate_hz", "1.28GHz", 1.28e9),
        ("on_resistance_ohm", "50 kohm", 5e4),
        ("technology_node_m", "65nm", 65e-9),
        ("dac_area_m2", "12um2", 12e-12),
        ("mean_input_share", "5%", 0.05),
        ("gate_capacitance_f_per_m", "1nF/m", 1e-9),
    ],
)
def test_numbers_are_said_with_units(name: str, text: str, value: float) -> None:
    given = Circuit.from_mapping(entries() | {name: {"value": text}})
    assert getattr(given, name) == near(value)
    assert getattr(Circuit.load().replace(**{name: text}), name) == near(value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on_resistence_ohm": 1e4}, "on_resistence_ohm: unknown circuit number"),
        ({"on_resistance_ohm": "high"}, r"got 'high' \(legal: 1000 .* with ohm"),
        ({"adc_rate_hz": "1.28ms"}, "adc_rate_hz: got '1.28ms' .* with MHz, GHz"),
        ({"on_resistance_ohm": True}, "on_resistance_ohm: not a number: True"),
        ({"on_resistance_ohm": float("nan")}, "on_resistance_ohm: out of range: nan"),
        ({"on_resistance_ohm": 1.0}, r"on_resistance_ohm: out of range: 1 \(legal: 1000 .. 1e\+08"),
        ({"on_resistance_ohm": 6e5}, "off_resistance_ohm: .*off would conduct more.* 600000"),
        ({"on_resistance_ohm": {"source": "x"}}, "on_resistance_ohm: has no value"),
        ({"on_resistance_ohm": {"value": 1e4, "unit": "kOhm"}}, "unknown key 'unit'"),
        ({"on_resistance_ohm": {"value": 1e4, "spread": 3}}, "spread is not a pair: 3"),
        ({"on_resistance_ohm": {"value": 1e4, "spread": [1, 1e5]}}, "out of range: 1 "),
    ],
)
def test_a_bad_entry_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Circuit.from_mapping(entries() | change)


def test_a_missing_number_is_named() -> None:
    rest = {key: value for key, value in entries().items() if key != "read_voltage_v"}
    with pytest.raises(InputError, match="read_voltage_v: circuit number is missing"):
        Circuit.from_mapping(rest)


def test_an_unknown_set_names_the_shipped_ones() -> None:
    with pytest.raises(InputError, match=r"no such parameter set or file: isac.*isaac_32nm"):
        Circuit.load("isac")


def test_a_number_written_without_a_dot_is_a_number() -> None:
    # YAML 1.1 reads 1e-9 as text.
    read = Circuit.from_mapping(entries() | {"read_pulse_s": "2e-8"})
    assert read.read_pulse_s == 2e-8


def test_the_supply_follows_the_node() -> None:
    circuit = Circuit.load("isaac_32nm")
    assert circuit.at_node(65e-9).supply_voltage_v == near(1.1)
    assert circuit.at_node(77.5e-9).supply_voltage_v == near(1.15)
    assert circuit.at_node(32e-9) is circuit
    with pytest.raises(InputError, match="technology_node_m: out of range"):
        circuit.at_node(7e-9)
