"""Energy and area tables of an architecture."""

from __future__ import annotations

from pathlib import Path

import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components import build
from red_timeloop.components.tables import price
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Architecture

TEXT = """
variables: {version: 0.4, technology: "TECHNOLOGY", global_cycle_seconds: 1e-6, bits: 7}
architecture:
  version: 0.4
  nodes:
  - !Container {name: chip}
  - !Component
    name: buffer
    class: storage
    subclass: edram
    attributes: {depth: 2048, width: 256, datawidth: 8, n_banks: 1, EXTRA}
  - !Container {name: column, spatial: {meshX: 4}}
  - !Component
    name: converter
    class: storage
    subclass: adc
    energy_scale: 2.0
    attributes: {depth: 1, width: 24, datawidth: 24, resolution: bits}
  - !Component {name: mac, class: compute, subclass: COMPUTE}
"""


def architecture(tmp_path: Path, **changes: str) -> Architecture:
    words = {"TECHNOLOGY": "32nm", "EXTRA": "read_bandwidth: 8", "COMPUTE": "reram_mac"} | changes
    text = TEXT
    for word, value in words.items():
        text = text.replace(word, value)
    file = tmp_path / "chip.yaml"
    file.write_text(text)
    return read_specification(file).architecture


def test_every_level_is_priced(tmp_path: Path) -> None:
    machine = architecture(tmp_path)
    ert, art = price(machine)
    assert set(ert.energies) == set(art.areas) == set(machine.names)
    # A memory's energy is that of one access of `width` bits, not of one word.
    assert ert.energy("buffer", "read") == near(20.45e-12)
    assert art.areas["buffer"] == near(83000e-12)
    # Leakage is that of one cycle: 2048 rows of 20.45 pJ rewritten every 40 us.
    assert ert.energy("buffer", "leak") == near(2048 * 20.45e-12 / 40e-6 * 1e-6)
    # An attribute may be an expression over variables, and Timeloop's scales apply.
    plain = build("adc", {"resolution": 7}).energy("update")
    assert ert.energy("converter", "update") == near(2 * plain)
    assert ert.energy("mac", "compute") == 0
    assert ert.energies["inter_column_spatial"]["read"] == 0


def test_a_set_may_be_given_instead_of_named(tmp_path: Path) -> None:
    circuit = Circuit.load("isaac_32nm")
    dearer = circuit.replace(edram_energy_j=2 * circuit.edram_energy_j)
    ert, _ = price(architecture(tmp_path), dearer)
    assert ert.energy("buffer", "read") == near(2 * 20.45e-12)
    # An explicit attribute goes before both.
    ert, _ = price(architecture(tmp_path, EXTRA="edram_energy_j: 1e-11"), dearer)
    assert ert.energy("buffer", "read") == near(1e-11)


def test_technology_is_a_variable(tmp_path: Path) -> None:
    _, art = price(architecture(tmp_path, TECHNOLOGY="65nm"))
    assert art.areas["buffer"] == near(83000e-12 * (65 / 32) ** 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"EXTRA": "banks: 1"}, r"buffer\.banks: unknown attribute of edram"),
        ({"EXTRA": "parameters: 'isac'"}, r"buffer\.parameters: .*no such parameter set"),
        ({"COMPUTE": "intmac"}, r"mac\.subclass: there is no model of 'intmac'.*ERT"),
        ({"TECHNOLOGY": "3nm"}, r"buffer\.technology: unknown technology: '3nm'"),
    ],
)
def test_errors_name_the_component(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        price(architecture(tmp_path, **changes))
