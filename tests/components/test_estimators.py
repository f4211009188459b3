"""What this package's own estimator and that of placeholders answer, and what they decline."""

from __future__ import annotations

from typing import Any

import pytest
from close import near

from red_timeloop.components import build
from red_timeloop.components.estimators import Builtin, Placeholder, own_model
from red_timeloop.components.memory import Dram
from red_timeloop.components.standard import standard
from red_timeloop.errors import InputError

OWN = Builtin()
ADC: dict[str, Any] = {"resolution": 8, "technology": "32nm", "parameters": "isaac_32nm"}
SRAM: dict[str, Any] = {"width": 64, "depth": 1024, "technology": "45nm"}
CYCLE = {"global_cycle_seconds": 2e-9}


def test_prices_of_a_model_of_this_package() -> None:
    model = build("adc", ADC)
    found = OWN.energy("adc", ADC, "update", {})
    assert (found.value, found.by) == (near(model.energy("update")), "red_timeloop Adc")
    assert OWN.area("adc", ADC).value == near(model.area)
    # What leaks does so for the cycle that is told, or for the one that it knows.
    told = OWN.energy("adc", ADC, "leak", CYCLE)
    assert (told.value, told.by) == (near(model.leakage_power * 2e-9), "red_timeloop Adc")
    for arguments in ({}, {"global_cycle_seconds": None}):
        known = OWN.energy("adc", {**ADC, "global_cycle_seconds": 5e-9}, "leak", arguments)
        assert known.value == near(model.leakage_power * 5e-9)
    with pytest.raises(InputError, match=r"adc has no 'compute' \(legal: read, write, update, le"):
        OWN.energy("adc", ADC, "compute", {})


def test_prices_of_a_standard_class() -> None:
    model = standard("SRAM", SRAM)
    found = OWN.energy("SRAM", SRAM, "read", {})
    assert (found.value, found.by) == (model.energies["read"], model.model)
    assert OWN.area("SRAM", SRAM) == type(found)(model.area, model.model)
    leak = OWN.energy("SRAM", SRAM, "leak", CYCLE)
    assert (leak.value, leak.by) == (near(model.leakage_power * 2e-9), model.model)
    with pytest.raises(InputError, match=r"SRAM has no action 'count' \(legal: read, .*, leak\)"):
        OWN.energy("SRAM", SRAM, "count", {})
    for wrong in (None, "fast"):
        with pytest.raises(InputError, match="global_cycle_seconds: a leak needs the length of a"):
            OWN.energy("SRAM", SRAM, "leak", {"global_cycle_seconds": wrong})


@pytest.mark.parametrize(
    ("name", "attributes", "model"),
    [
        ("dram", {}, None),  # a standard class of that name
        ("dram", {"parameters": None}, None),
        ("dram", {"parameters": "isaac_32nm"}, Dram),
        ("edram", {}, "Edram"),  # no standard class
        ("intadder", {"parameters": "isaac_32nm"}, None),  # no model
        ("adc", {}, "Adc"),  # others have it too, but the standard classes have not
    ],
)
def test_whose_model_is_meant(name: str, attributes: Any, model: Any) -> None:
    found = own_model(name, attributes)
    assert found is model or (found is not None and found.__name__ == model)


@pytest.mark.parametrize("technology", [-1, "-1"])
def test_a_placeholder_costs_a_picojoule(technology: Any) -> None:
    given = {"technology": technology}
    dummy = Placeholder()
    assert dummy.energy("any", given, "read", {}).value == 1e-12
    assert dummy.energy("any", given, "leak", CYCLE).value == 0.0
    assert dummy.area("any", given).value == 1e-12
    assert dummy.area("any", given).by == "placeholder of 1 pJ (technology: -1)"
    for other in ({}, {"technology": "45nm"}, {"technology": 1}):
        with pytest.raises(InputError, match=r"has a technology \(legal: -1 for placeholders"):
            dummy.energy("any", other, "read", {})
        with pytest.raises(InputError, match="has a technology"):
            dummy.area("any", other)
