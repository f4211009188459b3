from pathlib import Path

import pytest

from red_timeloop.circuit import Circuit
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 0}, r"rows: got 0 \(legal: a whole number from 1 to 1048576, or null\)"),
        ({"cell_bits": True}, r"cell_bits: got True"),
        ({"merge": "sum"}, r"merge: got 'sum' \(legal: digital, current\)"),
        ({"clock": 3}, r"clock: unknown parameter \(legal: .*adc_bits"),
    ],
)
def test_bad_numbers_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Hardware.load().replace(**changes)


def test_unknown_set_lists_the_sets() -> None:
    with pytest.raises(InputError, match=r"no parameter set 'isac'.*isaac_32nm"):
        Hardware.load("isac")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a parameter set is a mapping"),
        ("rows: [", "not valid YAML: did not find expected node"),
        ("rowz: 3", r"rowz: unknown key"),
        ("rows: x", r"rows: got 'x'"),
        ("rows: 3\nrows: 4", "rows: key given twice, first in line 1"),
        ("zeros_stored: maybe", r"zeros_stored: got 'maybe' \(legal: true, false\)"),
        ("circuit: isaac_32nm", r"circuit: got 'isaac_32nm' \(legal: a mapping"),
        ("name: 3", "name: got 3"),
        ("base: isac", r"base: no parameter set 'isac' \(legal: isaac_32nm"),
        ("base: [1]", r"base: no parameter set \[1\]"),
        (
            "base: isaac_32nm\nword_lines: long",
            r"word_lines: got 'long' \(legal: separate, joined\)",
        ),
        ("base: isaac_32nm\nzero_aware: 1", r"zero_aware: got 1 \(legal: true, false\)"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"mine\.yaml.*: .*{message}"):
        Hardware.load(path)


def test_exact_resolution_tells_all_sums_apart() -> None:
    hardware = Hardware.load().replace(adc_bits=None)
    for rows in (1, 2, 21, 128, 1000):
        sums = rows * 3 + 1  # 2-bit cells, 1-bit pulses
        assert 2 ** hardware.resolution(rows) >= sums > 2 ** (hardware.resolution(rows) - 1)


def test_circuit_numbers_are_replaced_by_name() -> None:
    assert Hardware.load().replace(adc_rate_hz=1e9, fold=2).circuit.adc_rate_hz == 1e9


def test_a_set_says_only_what_differs_from_its_base(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "base: red_paper\nfold: 2\ncircuit:\n  adc_rate_hz: {value: 1.0e9, source: mine}\n"
    )
    mine, base = Hardware.load(path), Hardware.load("red_paper")
    assert mine == base.replace(name="mine", fold=2, adc_rate_hz=1e9)
    assert mine.circuit.sources["adc_rate_hz"] == "mine"
    assert mine.circuit.sources["read_pulse_s"] == base.circuit.sources["read_pulse_s"]
    assert Circuit.load(path) == mine.circuit
