"""Energy and area tables of an architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components import build
from red_timeloop.components.tables import components_of, price, stage
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


def test_scales_cycles_and_components_that_are_known(tmp_path: Path) -> None:
    machine = architecture(tmp_path)
    energies, areas = price(machine)
    levels = [
        replace(each, area_scale=3.0, energy_scale=0.5) if each.name == "buffer" else each
        for each in machine.levels
    ]
    scaled = replace(machine, levels=tuple(levels))
    ert, art = price(scaled, cycle_seconds=5e-7)
    assert art.areas["buffer"] == near(3 * areas.areas["buffer"])
    assert ert.energy("buffer", "read") == near(energies.energy("buffer", "read") / 2)
    assert ert.energy("buffer", "leak") == near(energies.energy("buffer", "leak") / 4)
    assert areas.areas["inter_column_spatial"] == 0.0
    assert energies.energies["inter_column_spatial"]
    assert not any(energies.energies["inter_column_spatial"].values())
    # What is known is not built again.
    known = components_of(machine)
    known["buffer"] = replace(known["buffer"], depth=4096)
    assert price(machine, components=known)[1].areas["buffer"] == near(2 * areas.areas["buffer"])
    assert energies.priced_by == {
        "buffer": "red_timeloop Edram",
        "converter": "red_timeloop Adc",
        "mac": "red_timeloop ReramMac",
    }


def test_what_the_energy_of_a_level_is_spent_on(tmp_path: Path) -> None:
    """What its model says; of one without, what kind of level it is."""
    found = {each.name: stage(each) for each in architecture(tmp_path).levels}
    assert (found["buffer"], found["converter"], found["mac"]) == ("store", "convert", "compute")
    for level in architecture(tmp_path).levels:
        if level.kind != "spatial":
            unknown = replace(level, subclass=None, component_class="nothing")
            assert stage(unknown) == ("compute" if level.kind == "compute" else "store")


def test_what_a_level_gates_has_a_price_where_something_is_gated(tmp_path: Path) -> None:
    machine = architecture(tmp_path, COMPUTE="mac")
    assert "compute_gated" not in price(machine)[0].energies["mac"]
    levels = tuple(replace(each, sparse=("something",)) for each in machine.levels)
    gated = price(replace(machine, levels=levels))[0].energies["mac"]
    assert gated["compute_gated"] == 0.0 < gated["compute"]
