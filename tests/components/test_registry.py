"""Component models that come from outside: registered late, or by an installed package."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components import (
    Component,
    build,
    find,
    names,
    one_of,
    register,
    within,
)
from red_timeloop.components import accelergy as plug_in
from red_timeloop.components.attributes import attributes_of
from red_timeloop.components.libraries import csv_library, primitive_library
from red_timeloop.components.registry import origin
from red_timeloop.components.tables import components_of, price, stage
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Architecture, ArtTable, ErtTable, Level


@dataclass(frozen=True)
class Comparator(Component):
    """A comparator of its own kind."""

    stage = "convert"

    inputs: int
    offset: float = field(default=0.5, metadata=within(0.25, 0.75))
    mode: str = field(default="clocked", metadata=one_of("clocked", "static"))
    trials: int | None = None

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update compares all inputs."""
        return self.inputs * self.offset * 1e-15 if action == "update" else self.idle(action)

    @property
    def area(self) -> Any:
        """Area [m^2]."""
        return self.inputs * 1e-12


CHIP = """
architecture:
  version: 0.4
  nodes:
  - !Component
    name: memory
    class: DRAM
    subclass: host
    attributes: {width: 8, depth: 99, datawidth: 8}
  - !Component
    name: compare
    class: storage
    subclass: SUBCLASS
    attributes: {depth: 4, width: 8, datawidth: 8, ATTRIBUTES}
  - !Component {name: mac, class: compute, subclass: reram_mac}
"""


def chip(tmp_path: Path, subclass: str, attributes: str = "inputs: 3") -> Any:
    file = tmp_path / "chip.yaml"
    file.write_text(CHIP.replace("SUBCLASS", subclass).replace("ATTRIBUTES", attributes))
    return read_specification(file).architecture


def test_a_component_registered_after_the_first_build_works_fully(tmp_path: Path) -> None:
    build("adc", {"resolution": 8, "offset_": 1}, strict=False)
    with pytest.raises(InputError, match="trials: unknown attribute of adc"):
        build("adc", {"resolution": 8, "trials": 2})
    assert register("comparator", Comparator) is Comparator
    assert find("comparator") is Comparator
    assert "comparator" in names()
    assert origin("comparator") == f"registered by {__name__}"
    one = build("comparator", {"inputs": 3, "offset": 0.25, "mode": "static"})
    assert one.energy("update") == near(0.75e-15)
    # Its attributes are now ones that a container may hand to every component.
    assert build("adc", {"resolution": 8, "trials": 2}) == build("adc", {"resolution": 8})
    architecture = chip(tmp_path, "comparator", "inputs: 3, offset: 0.25")
    ert, art = price(architecture)
    assert ert.energies["compare"]["update"] == one.energy("update")
    assert art.areas["compare"] == one.area
    assert components_of(architecture)["compare"].area == one.area
    assert [stage(level) for level in architecture.levels] == ["store", "convert", "compute"]
    listed = {each["name"]: each["attributes"] for each in primitive_library()["classes"]}
    assert listed["comparator"] | {"inputs": "must_specify", "offset": 0.5} == listed["comparator"]
    assert "COMPONENT: comparator" in csv_library(architecture, ert, art)


def test_a_library_has_a_row_for_each_action_and_each_section_once() -> None:
    sizes = {"resolution": 8.0, "technology": "32nm"}
    levels = [
        Level(name, "storage", subclass="adc", attributes=sizes | {"resolution": bits})
        for name, bits in (("one", 8.0), ("two", 8.0), ("three", 7.5))
    ]
    levels.insert(1, Level("inter_two_spatial", "spatial", "two", subclass="adc", mesh_x=2))
    levels.append(Level("mac", "compute", subclass="their_own"))
    architecture = Architecture(tuple(levels), "chip")
    ert = ErtTable({level.name: {"read": 1.5e-12, "compare": 2e-13} for level in levels})
    art = ArtTable({level.name: 2.5e-12 for level in levels})
    comments, *sections = csv_library(architecture, ert, art).split("\nCOMPONENT: ")
    assert comments.startswith("# ")
    assert len(sections) == 2
    for section, bits in zip(sections, ("8", "7.5"), strict=True):
        name, head, *rows = section.strip().splitlines()
        table = [dict(zip(head.split(","), row.split(","), strict=True)) for row in rows]
        assert (name, {row["resolution"] for row in table}) == ("adc", {bits})
        energies = {row["action"]: row["energy"] for row in table}
        assert energies == {
            "read": "1.5",
            "write": "0",
            "update": "0",
            "leak": "0",
            "compare": "0.2",
        }
        assert {(row["area"], row["unit"]) for row in table} == {("2.5", "pJ; um^2")}
    odd = Level("one", "storage", subclass="adc", attributes=sizes | {"technology": "3,2"})
    with pytest.raises(InputError, match=r"one.technology: '3,2' cannot stand in a CSV"):
        csv_library(Architecture((odd,), "chip"), ert, art)


def test_leakage_is_that_of_the_area_unless_a_part_says_less() -> None:
    @register("half_leaking")
    @dataclass(frozen=True)
    class HalfLeaking(Comparator):
        @property
        def leaking_area(self) -> Any:
            return self.area / 2

    register("comparator", Comparator)
    whole, half = (build(name, {"inputs": 8}) for name in ("comparator", "half_leaking"))
    assert 0 < half.leakage_power == near(whole.leakage_power / 2)
    double = Circuit.load().replace(off_current_a_per_m=1e-2)
    assert build("comparator", {"inputs": 8}, double).leakage_power == near(2 * whole.leakage_power)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "inputs: comparator needs this attribute"),
        ({"inputs": 0}, r"inputs: out of range: 0 \(legal: 1 .. 1e\+18\)"),
        ({"inputs": 2.5}, "inputs: not a whole number: 2.5"),
        ({"inputs": 2, "offset": 0.9}, r"offset: out of range: 0.9 \(legal: 0.25 .. 0.75\)"),
        ({"inputs": 2, "mode": "off"}, r"mode: unknown value 'off' \(legal: clocked, static\)"),
        ({"inputs": 2, "read_share": 2}, r"read_share: out of range: 2 \(legal: 0 .. 1\)"),
    ],
)
def test_a_component_says_its_own_ranges(attributes: dict[str, Any], message: str) -> None:
    register("comparator", Comparator)
    with pytest.raises(InputError, match=message):
        build("comparator", attributes)


class NotFrozen(Component):
    """Its fields are not made by the decorator."""

    inputs: int = 2


@dataclass(frozen=True)
class Untyped(Component):
    """An attribute without a type is none at all."""

    inputs = 2


@dataclass(frozen=True)
class Listed(Component):
    """No architecture can hold a list of anything."""

    inputs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Unresolved(Component):
    """A type that nobody knows."""

    inputs: Nowhere = 2  # type: ignore[name-defined]  # noqa: F821


@dataclass(frozen=True)
class Elsewhere(Component):
    """A stage that no step has."""

    stage: ClassVar[str] = "sample"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("adc", Comparator, "adc: the name is taken by red_timeloop.components.adc.Adc"),
        ("two words", Comparator, "name: got 'two words'"),
        ("comparator", int, "comparator: not a component: <class 'int'>.*frozen dataclass"),
        ("comparator", build, "comparator: not a component: <function build"),
        ("comparator", NotFrozen, "comparator: NotFrozen is not a frozen dataclass"),
        ("comparator", Untyped, "attribute 'inputs' has no type.*inputs: int = 2"),
        ("comparator", Listed, r"attribute 'inputs' has the type list\[int\].*int, float or str"),
        ("comparator", Unresolved, "comparator: Unresolved: a type is not known: .*Nowhere"),
        ("comparator", Elsewhere, "Elsewhere: unknown stage 'sample'.*drive, settle"),
    ],
)
def test_what_is_no_component_is_refused(name: str, kind: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        register(name, kind)
    assert "\n" not in str(caught.value)
    assert "comparator" not in names()


def test_a_name_is_given_once() -> None:
    register("comparator", Comparator)
    assert register("comparator", Comparator) is Comparator  # a file that runs again
    with pytest.raises(InputError, match=r"comparator: the name is taken by .*Comparator"):
        register("comparator", type("Other", (Comparator,), {}))


MODULE = """
from dataclasses import dataclass
from red_timeloop.components import Component

@dataclass(frozen=True)
class Latch(Component):
    '''A latch of another package.'''
    inputs: int
    strength: float = 1.0
    @property
    def area(self): return self.inputs * self.strength * 1e-12

class Wrong: pass
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Install a package `fake` whose entry points are the lines that the test gives."""

    def install(*lines: str, package: str = "fake") -> None:
        site = tmp_path / package
        folder = site / f"{package}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        section = "\n".join(["[red_timeloop.components]", *lines, ""])
        (folder / "entry_points.txt").write_text(section)
        (site / "fake_latches.py").write_text(MODULE)
        (site / "fake_broken.py").write_text("import no_such_module\n")
        monkeypatch.syspath_prepend(str(site))

    before = set(sys.modules)
    yield install
    for name in set(sys.modules) - before:
        if name.startswith("fake_"):
            del sys.modules[name]


def test_an_installed_package_is_found_when_it_is_asked_for(installed: Any, tmp_path: Path) -> None:
    installed("latch = fake_latches:Latch")
    assert "latch" in names()
    build("adc", {"resolution": 8})
    assert "fake_latches" not in sys.modules, "nobody has asked for it"
    one = build("latch", {"inputs": 4, "strength": 2})
    assert "fake_latches" in sys.modules
    assert one.area == near(8e-12)
    assert origin("latch") == "entry point latch = fake_latches:Latch of fake"
    assert build("adc", {"resolution": 8, "strength": 2}) == build("adc", {"resolution": 8})
    _, art = price(chip(tmp_path, "sram_buffer", "strength: 3"))
    assert art.areas["compare"] > 0


def test_a_package_may_register_what_it_also_announces(installed: Any, tmp_path: Path) -> None:
    installed("latch = fake_latches:Latch")
    module = tmp_path / "fake" / "fake_latches.py"
    decorated = MODULE.replace("@dataclass", "@register('latch')\n@dataclass")
    module.write_text("from red_timeloop.components import register\n" + decorated)
    assert build("latch", {"inputs": 4}).area == near(4e-12)
    assert names().count("latch") == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("latch = fake_broken:Latch", "cannot be loaded: ModuleNotFoundError: No module named"),
        ("latch = fake_latches:Lacht", "cannot be loaded: AttributeError: .*Lacht"),
        ("latch = fake_latches:Wrong", "not a component: <class 'fake_latches.Wrong'>"),
    ],
)
def test_a_broken_entry_point_is_named(
    line: str, message: str, installed: Any, tmp_path: Path
) -> None:
    installed(line)
    match = f"^entry point {line} of fake: {message}"
    with pytest.raises(InputError, match=match) as caught:
        build("latch", {})
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=rf"compare\.{match[1:]}"):
        price(chip(tmp_path, "latch"))
    # It takes nothing from who does not ask for it.
    assert "latch" in names()
    assert build("adc", {"resolution": 8}).area > 0
    with pytest.raises(InputError, match="resolutoin: unknown attribute of adc"):
        build("adc", {"resolution": 8, "resolutoin": 8})


def test_a_package_cannot_take_a_name(installed: Any) -> None:
    installed("adc = fake_latches:Latch")
    assert build("adc", {"resolution": 8}).area > 0
    message = "^entry point adc = fake_latches:Latch of fake: the name is taken by red_timeloop$"
    with pytest.raises(InputError, match=message):
        names()
    with pytest.raises(InputError, match=message):
        build("acd", {})


def test_neither_of_two_packages_is_chosen_in_silence(installed: Any) -> None:
    installed("latch = fake_latches:Latch")
    installed("latch = other:Latch", package="second")
    with pytest.raises(InputError, match=r"the name is taken by entry point latch = .* of "):
        build("latch", {"inputs": 1})


def test_a_registered_name_is_not_an_installed_ones(installed: Any) -> None:
    register("latch", Comparator)
    installed("latch = fake_latches:Latch")
    with pytest.raises(InputError, match=r"of fake: the name is taken by .*\.Comparator$"):
        names()


def test_accelergy_gets_the_others_when_one_is_broken(
    installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("latch = fake_latches:Latch", "lock = fake_broken:Lock")
    interface: Any = ModuleType("accelergy.plug_in_interface.estimator")
    interface.Estimator, interface.actionDynamicEnergy = object, lambda function: function
    for name in ("accelergy", "accelergy.plug_in_interface"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = plug_in.estimators("somewhere")
    assert [str(each.message).split(":")[0] for each in said] == ["entry point lock = fake_broken"]
    assert {"RedTimeloopLatch", "RedTimeloopAdc"} <= set(found)


def test_every_attribute_of_the_package_has_a_legal_default() -> None:
    for name in names():
        kind = find(name)
        assert kind is not None
        for attribute in attributes_of(kind).values():
            if not attribute.needed and attribute.default is not None:
                assert attribute.convert(attribute.default) == attribute.default
