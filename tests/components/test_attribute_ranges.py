"""The ranges and defaults of all attributes: shares are shares, bits what hardware has."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Optional

import pytest
from places import ROOT

from red_timeloop.components.attributes import attributes_of, one_of
from red_timeloop.components.base import Component
from red_timeloop.components.registry import find, names
from red_timeloop.errors import InputError
from red_timeloop.spec.loader import load_file

SHARE, COUNT, CONVERTER, CELL = (0, 1), (0, 1e9), (1, 16), (1, 8)
RANGES = {  # what is not here may be 1 to 1e18
    **dict.fromkeys(("read_share", "write_share", "compute_share", "stored_share"), SHARE),
    **dict.fromkeys(("real_share", "line_share", "global_cycle_seconds"), SHARE),
    **dict.fromkeys(("served_arrays", "reached_arrays"), COUNT),
    **dict.fromkeys(("cell_bits", "dac_bits"), CELL),
    "update_share": (0, 1e6),  # updates of one access may be many
    "resolution": CONVERTER,
}
OTHERS = {("sense_amplifier", "resolution"): (1, 1), ("survey_adc", "resolution"): (4, 16)}
DEFAULTS = {
    **{name: 1.0 for name in RANGES if name.endswith("_share")},
    **dict.fromkeys(("cell_bits", "dac_bits", "reached_arrays"), 1),
    "global_cycle_seconds": 1e-9,
    "served_arrays": 0,
    "resolution": 8,
}


def attributes() -> list[tuple[str, Any]]:
    kinds = {name: find(name) for name in names()}
    return [(name, each) for name, kind in kinds.items() for each in attributes_of(kind).values()]


def test_defaults_are_those_that_accelergy_gets() -> None:
    library = ROOT / "share/accelergy/primitive_component_libs/red_timeloop.lib.yaml"
    shipped = {each["name"]: each["attributes"] for each in load_file(library)["classes"]}
    assert set(shipped) <= set(names())
    for name, attribute in attributes():
        if attribute.name in shipped.get(name, {}):
            written = shipped[name][attribute.name]
            assert written == ("must_specify" if attribute.needed else attribute.default)


@pytest.mark.parametrize(
    ("name", "attribute"), attributes(), ids=lambda each: getattr(each, "name", each)
)
def test_the_range_and_the_default(name: str, attribute: Any) -> None:
    low, high = OTHERS.get((name, attribute.name), RANGES.get(attribute.name, (1, 1e18)))
    if attribute.name in DEFAULTS and not attribute.needed:
        assert attribute.default == DEFAULTS[attribute.name]
    if attribute.kind is str:
        return
    for value in (low, high):
        assert attribute.convert(value) == value
    refused = re.escape(f"{attribute.name}: out of range: ") + ".*" + re.escape(attribute.legal)
    assert attribute.legal == f"{low:g} .. {high:g}"
    for value in (low - 1, high * 1.001 + 1):
        with pytest.raises(InputError, match=refused):
            attribute.convert(value)
    if attribute.kind is int and low != high:
        with pytest.raises(InputError, match=f"{attribute.name}: not a whole number"):
            attribute.convert(low + 0.5)


@dataclass(frozen=True)
class Kinds(Component):
    """One attribute of each kind that a field can be."""

    needed: int
    made: int = field(default_factory=lambda: 3)
    either: Optional[float] = None  # noqa: UP045 - as it is written for older interpreters
    union: int | None = None
    word: str = field(default="one", metadata=one_of("one", "two"))
    text: str = ""
    derived: int = field(default=7, init=False)


def test_attributes_are_the_fields_that_can_be_given() -> None:
    own = attributes_of(Kinds)
    assert "circuit" not in own
    assert "derived" not in own
    found = {name: (each.kind, each.needed, each.legal) for name, each in own.items()}
    assert found["needed"] == (int, True, "1 .. 1e+18")
    assert found["made"] == (int, False, "1 .. 1e+18")
    assert found["either"] == (float, False, "1 .. 1e+18")
    assert found["union"] == (int, False, "1 .. 1e+18")
    assert found["word"] == (str, False, "one, two")
    assert found["text"] == (str, False, "text")
    assert (own["made"].default, own["either"].default) == (3, None)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("needed", "12", 12),
        ("needed", 4.0, 4),
        ("either", 2, 2.0),
        ("either", "2.5", 2.5),
        ("word", "two", "two"),
        ("text", 5, "5"),
        ("needed", True, "out of range: True"),
        ("needed", 4.5, "not a whole number: 4.5"),
        ("needed", "x", "not a number: 'x'"),
        ("needed", None, "not a number: None"),
        ("either", float("nan"), "out of range: nan"),
        ("word", "three", "unknown value 'three'"),
    ],
)
def test_values_become_an_attribute_s_own_kind(name: str, value: Any, found: Any) -> None:
    attribute = attributes_of(Kinds)[name]
    if isinstance(found, str) and found not in ("two", "5"):
        with pytest.raises(
            InputError, match=re.escape(f"{name}: {found} (legal: {attribute.legal})")
        ):
            attribute.convert(value)
        return
    made = attribute.convert(value)
    assert (made, type(made)) == (found, type(found))
