"""The Accelergy plug-in: found in every way, the same numbers as the embedded tables."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from close import near
from places import ROOT

from red_timeloop import resources
from red_timeloop.circuit import Circuit
from red_timeloop.components import accelergy as plug_in
from red_timeloop.components import build, names
from red_timeloop.components.tables import price
from red_timeloop.engines.timeloop import tools
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Architecture, Level

ARCHITECTURES = resources.names("arch")


def components(name: str) -> Iterator[tuple[Architecture, Level]]:
    architecture = read_specification(resources.path(f"arch/{name}.yaml")).architecture
    for level in architecture.levels:
        if level.kind != "spatial":
            yield architecture, level


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_variables_do_not_change_what_a_component_costs(name: str) -> None:
    """Accelergy hands every variable to every component as if it were an attribute."""
    for architecture, level in components(name):
        ert, art = price(architecture)
        seen = build(str(level.subclass), architecture.component_attributes(level), strict=False)
        for action in seen.actions:
            expected = near(ert.energies[level.name][action], rel=1e-12)
            assert seen.energy(action) == expected, f"{level.name} {action}"
        assert seen.area == near(art.areas[level.name], rel=1e-12), level.name


def test_importing_works_without_accelergy_and_does_not_import_it() -> None:
    program = "import red_timeloop.components.accelergy, sys; print('accelergy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
    if importlib.util.find_spec("accelergy") is None:
        assert plug_in.estimators("anything") == {}


class StandIn:
    """What an estimator needs of Accelergy's base class."""

    def __init__(self, name: str | None = None) -> None:
        self.logger = name


@pytest.fixture
def estimators(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The estimator classes over a stand-in for Accelergy's base class."""
    interface = ModuleType("accelergy.plug_in_interface.estimator")
    interface.Estimator = StandIn  # type: ignore[attr-defined]

    def action(function: Any) -> Any:
        function._is_accelergy_action = True
        return function

    interface.actionDynamicEnergy = action  # type: ignore[attr-defined]
    for name in ("accelergy", "accelergy.plug_in_interface"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    return plug_in.estimators("somewhere")


def test_there_is_one_for_every_component(estimators: dict[str, Any]) -> None:
    assert {each.name for each in estimators.values()} == set(names())
    for name, each in estimators.items():
        assert each.__module__ == "somewhere", name
        assert 0 < each.percent_accuracy_0_to_100 <= 100


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_numbers_are_those_of_the_tables(name: str, estimators: dict[str, Any]) -> None:
    by_subclass = {each.name: each for each in estimators.values()}
    for architecture, level in components(name):
        ert, art = price(architecture)
        estimator = by_subclass[level.subclass]
        attributes = architecture.component_attributes(level)
        taken = {f.name for f in dataclasses.fields(estimator)} & set(attributes)
        made = estimator(**{key: attributes[key] for key in taken})
        for action, energy in ert.energies[level.name].items():
            if action == "leak":
                found = made.leak(architecture.variables["global_cycle_seconds"])
            else:
                found = getattr(made, action)()
                assert getattr(made, action)._is_accelergy_action
            assert found == near(energy, rel=1e-12), f"{level.name} {action}"
        assert made.get_area() == near(art.areas[level.name], rel=1e-12)


def test_arguments_are_named_as_accelergy_wants(estimators: dict[str, Any]) -> None:
    """It reads the names of the arguments of `__init__`; those without default are required."""
    adc = estimators["RedTimeloopAdc"].__init__
    names = adc.__code__.co_varnames[1 : adc.__code__.co_argcount]
    required = names[: len(names) - len(adc.__defaults__)]
    assert "resolution" in names
    assert set(Circuit.names()) <= set(names)
    assert "parameters" in required  # other plug-ins have an adc, too
    cell = estimators["RedTimeloopReramCell"].__init__
    required = cell.__code__.co_argcount - 1 - len(cell.__defaults__)
    assert "parameters" not in cell.__code__.co_varnames[1 : 1 + required]


def test_a_value_out_of_range_is_declined_with_the_range(estimators: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"resolution: out of range: 99 \(legal: 1 \.\. 16\)"):
        estimators["RedTimeloopAdc"](parameters="isaac_32nm", resolution=99)
    with pytest.raises(InputError, match="technology"):
        estimators["RedTimeloopReramCell"](technology="2um")


ARCHITECTURE = """\
architecture:
  version: 0.4
  subtree:
  - name: chip
    attributes: {technology: "32nm", global_cycle_seconds: 1e-9, parameters: "isaac_32nm"}
    local:
    - name: cell[1..2]
      class: storage
      subclass: reram_cell
      attributes: {weight_slices: 4, input_slices: 8, cell_bits: 2, dac_bits: 1}
      required_actions: [read, write, update, leak]
"""
SHARE = ROOT / "share" / "accelergy"


@pytest.mark.timeloop
@pytest.mark.parametrize("way", ["specification", "configuration", "share"])
def test_accelergy_finds_it(way: str, tmp_path: Path) -> None:
    found = tools.find_tools()
    if found.accelergy is None:
        pytest.skip("accelergy is not on PATH")
    (tmp_path / "home" / ".config" / "accelergy").mkdir(parents=True)
    plug_ins = {"python_plug_ins": "[]", "estimator_plug_ins": "[]"}
    head = ""
    if way == "specification":
        head = f"globals: {{version: 0.4, accelergy_plug_ins: [{plug_in.PLUG_IN_PATH}]}}\n"
    elif way == "configuration":
        plug_ins["python_plug_ins"] = f"[{plug_in.PLUG_IN_PATH}]"
    # Accelergy 0.4 reads Python plug-ins only after a classic one: its own dummy table
    own = found.accelergy.parents[1] / "share" / "accelergy" / "estimation_plug_ins"
    shared = [str(own / "dummy_tables")]
    if way == "share":
        shared.append(str(SHARE / "estimation_plug_ins"))
    plug_ins["estimator_plug_ins"] = "[" + ", ".join(shared) + "]"
    config = "version: '0.4'\nprimitive_components: []\ncompound_components: []\n"
    config += "math_functions: []\ntable_plug_ins: {roots: []}\n"
    config += "".join(f"{key}: {value}\n" for key, value in plug_ins.items())
    (tmp_path / "home/.config/accelergy/accelergy_config.yaml").write_text(config)
    (tmp_path / "arch.yaml").write_text(head + ARCHITECTURE)
    done = subprocess.run(
        [str(found.accelergy), "arch.yaml", "-o", "out"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(SHARE.parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    summary = tmp_path / "out" / "ERT_summary.yaml"
    assert summary.is_file(), (done.stdout + done.stderr)[-2000:]
    assert "estimator: RedTimeloopReramCell" in summary.read_text()
