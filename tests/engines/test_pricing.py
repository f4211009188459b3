"""Who prices an architecture without tables, and what is said about it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from close import near
from places import DATA

import red_timeloop
from red_timeloop import resources
from red_timeloop.components.estimators import Builtin, Estimate
from red_timeloop.components.standard import ATTRIBUTES, standard
from red_timeloop.components.tables import price
from red_timeloop.engines.pricing import price_specification, priced
from red_timeloop.errors import InputError
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.reader import read_art_file, read_ert_file, read_specification

COMPOUND = DATA / "compound"

SPEC = """
architecture:
  version: 0.4
  nodes:
  - !Component {name: dram, class: DRAM, attributes: {type: "LPDDR4", width: 64, datawidth: 8}}
  - !Component
    name: buffer
    class: smartbuffer_SRAM
    attributes: {width: 64, depth: 1024, datawidth: 8, technology: "45nm"}
  - !Component
    name: mac
    class: CLASS
    attributes: {multiplier_width: 8, adder_width: 16, technology: "45nm"}
variables: {version: 0.4, global_cycle_seconds: 1.0e-9}
problem:
  version: 0.4
  shape:
    name: p
    dimensions: [C, M]
    data_spaces:
    - {name: Inputs, projection: [[[C]]]}
    - {name: Weights, projection: [[[C]], [[M]]]}
    - {name: Outputs, projection: [[[M]]], read_write: True}
  instance: {C: 4, M: 4}
mapping:
- {target: dram, type: temporal, factors: [C=1, M=4], permutation: [C, M]}
- {target: buffer, type: temporal, factors: [C=4, M=1], permutation: [C, M]}
"""


class Formula:
    """The formula by which Accelergy priced what is recorded (a plug-in of its own there)."""

    def price(self, attributes: dict[str, float], text: str) -> float:
        value = len(text) * 1e-12
        for key in ("width", "depth", "bits", "gain"):
            value *= 1 + attributes.get(key, 0) / 7
        return value

    def energy(self, kind: str, attributes: dict, action: str, arguments: dict) -> Estimate:
        value = self.price(attributes, kind + action)
        for key in ("width", "gain", "delta", "global_cycle_seconds"):
            value *= 1 + arguments.get(key, 0) / 3
        return Estimate(value, "formula")

    def area(self, kind: str, attributes: dict) -> Estimate:
        return Estimate(self.price(attributes, kind), "formula")


def test_compound_components_are_those_of_the_real_accelergy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Recorded with accelergy 0.4 (6911d15) behind timeloopfe, at 17 digits."""
    monkeypatch.setattr("red_timeloop.engines.pricing._asked", lambda *_: (("formula", Formula()),))
    found = price_specification(read_specification(COMPOUND / "spec.yaml"))
    energies = read_ert_file(COMPOUND / "ERT.yaml").energies
    areas = read_art_file(COMPOUND / "ART.yaml").areas
    assert {name: set(each) for name, each in energies.items()} == {
        name: set(found.ert.energies[name]) for name in energies
    }
    for name, actions in energies.items():
        assert found.ert.energies[name] == pytest.approx(actions, rel=1e-12, abs=0)
        assert found.art.areas[name] == pytest.approx(areas[name], rel=1e-12, abs=0)


def test_every_way_to_call_an_action_is_priced() -> None:
    """Arguments are ranges: `delta` of 0..3 and `other` of 1..2 make eight ways."""
    from red_timeloop.spec.compound import resolve

    specification = read_specification(COMPOUND / "spec.yaml")
    level = specification.architecture.level("buffer")
    attributes = specification.architecture.component_attributes(level)
    found = resolve("buffer", "smart", attributes, specification.components)
    energies = [
        sum(
            each.times
            * Formula().energy(each.part.component_class, each.part.attributes, each.action,
                               each.arguments).value
            for each in way
        )
        for way in found.actions["sweep"]
    ]  # fmt: skip
    tables = load_file(COMPOUND / "ERT.yaml")["ERT"]["tables"]
    recorded = [
        action["energy"] * 1e-12
        for table in tables
        for action in table["actions"]
        if action["name"] == "sweep"
    ]
    scale = level.energy_scale
    assert sorted(scale * each for each in energies) == pytest.approx(
        sorted(recorded), rel=1e-12, abs=0
    )


@pytest.mark.parametrize("name", ["red", "eyeriss"])
def test_our_own_components_cost_what_designs_pay(name: str) -> None:
    specification = read_specification(resources.path(f"arch/{name}.yaml"))
    found = price_specification(specification)
    ert, art = price(specification.architecture)
    assert found.ert.energies == ert.energies
    assert found.art.areas == art.areas
    assert {*found.ert.priced_by.values()} == {*ert.priced_by.values()}


def test_a_result_says_who_priced_what(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("CLASS", "intmac"))
    found = red_timeloop.model(tmp_path / "spec.yaml")
    assert found["priced_by"] == {
        "dram": "red_timeloop DRAM LPDDR4",
        "buffer": "red_timeloop SRAM + address adders at 45 nm",
        "mac": "red_timeloop integer multiply-accumulate at 45 nm",
    }
    assert found["energy_J"] > 0
    assert found["area_m2"] > 0
    command = [sys.executable, "-m", "red_timeloop.cli.main", "model", str(tmp_path / "spec.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "dram priced by red_timeloop DRAM LPDDR4" in done.stdout
    unknown = red_timeloop.model(tmp_path / "spec.yaml", estimator="none")
    assert unknown["priced_by"] is None
    assert unknown["cycles"] == found["cycles"]
    assert {unknown["energy_J"], unknown["levels"]["dram"]["energy_J"]} == {None}


def test_a_component_that_nobody_prices_is_named(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("CLASS", "abacus_compute"))
    with pytest.raises(InputError) as caught:
        red_timeloop.model(tmp_path / "spec.yaml")
    text = str(caught.value)
    assert text.startswith("mac: nobody prices compute of abacus_compute with {'adder_width': 16")
    for way_out in ("--ert", "components:", "--estimator hwcomponents or accelergy"):
        assert way_out in text
    with pytest.raises(InputError, match="nobody prices"):
        red_timeloop.search(tmp_path / "spec.yaml", "energy")
    text = (tmp_path / "spec.yaml").read_text()
    (tmp_path / "free.yaml").write_text(text[: text.index("mapping:")])
    _, found = red_timeloop.search(tmp_path / "free.yaml", "delay")
    assert found["cycles"] == 16
    assert found["energy_J"] is None
    noted = priced(read_specification(tmp_path / "free.yaml"), needed=False).notes
    assert "without prices: mac: nobody prices" in noted[-1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("width: width, depth: rows", "width: wide, depth: rows"), "wide"),
        (
            ("- name: plain\n      class: latch", "- name: plain\n      class: smart"),
            "holds itself",
        ),
        (("name: storage[2..2]", "name: store[2..2]"), "no subcomponent 'store'"),
        (("[{name: read, repeat: 2}]", "[{name: recall}]"), "has no action 'recall'"),
        (("storage[1..banks]\n      class", "storage[9..banks]\n      class"), "stands for -4"),
        (("{delta: 0..banks-1, other: 1..2}", "{delta: 0..99999}"), "ranges of the arguments"),
        (("{multiplier_width: 8, adder_width: 16}", "{adder_width: 16}"), "needs this attribute"),
        (("required_actions: [search]", "required_actions: [seek]"), "no action 'seek'"),
        (("- name: smart\n", "- name: smart\n    primitive_type: SRAM\n"), "unknown key"),
    ],
)
def test_bad_compound_classes_are_refused(
    change: tuple[str, str], told: str, tmp_path: Path
) -> None:
    text = (COMPOUND / "spec.yaml").read_text()
    assert change[0] in text
    (tmp_path / "spec.yaml").write_text(text.replace(*change))
    with pytest.raises(InputError, match=told):
        price_specification(read_specification(tmp_path / "spec.yaml"))


def energy(kind: str, action: str, **attributes: object) -> float:
    return Builtin().energy(kind, attributes, action, {"global_cycle_seconds": 1e-9}).value


@pytest.mark.parametrize(
    ("found", "published"),
    [  # J: Horowitz, ISSCC 2014, figure 1.1.9, at its own node and supply (45 nm, 0.9 V)
        (("intadder", "add", {"width": 8}), 0.03e-12),
        (("intadder", "add", {"width": 32}), 0.1e-12),
        (("intmultiplier", "multiply", {"width": 8}), 0.2e-12),
        (("intmultiplier", "multiply", {"width_a": 32, "width_b": 32}), 3.1e-12),
        (("fpadder", "add", {"width": 16}), 0.4e-12),
        (("fpmac", "compute", {"exponent": 8, "mantissa": 23}), 4.6e-12),
        (("SRAM", "read", {"width": 64, "depth": 1024}), 10e-12),
    ],
)
def test_standard_classes_are_their_sources(
    found: tuple[str, str, dict[str, object]], published: float
) -> None:
    kind, action, attributes = found
    value = energy(kind, action, technology="45nm", **attributes)
    assert value == pytest.approx(published, rel=0.01, abs=0)


@pytest.mark.parametrize(
    ("kind", "sizes", "energy_pJ", "area_um2"),
    [  # of Aladdin's tables at 40 nm: a bit's register, a counter and a comparator of 32 bits
        ("register", {"width": 5}, 5 * 0.009, 5 * 5.98),
        ("counter", {}, 0.25074, 495.5),
        ("counter", {"width": 8}, 0.25074 / 4, 495.5 / 4),
        ("comparator", {"width": 64}, 2 * 0.02947, 2 * 71),
        # An access goes to 16 of 128 bits, and 8 entries compare 3 bits of an address each.
        ("regfile", {"width": 16, "depth": 8}, 0.144 + 0.75 * 0.02947, 128 * 5.98 + 0.75 * 71),
        ("regfile", {"width": 16, "depth": 1}, 0.144 + 0.02947 / 32, 16 * 5.98 + 71 / 32),
    ],
)
def test_standard_classes_of_aladdin(
    kind: str, sizes: dict[str, object], energy_pJ: float, area_um2: float
) -> None:
    supply = standard("register", {"width": 1, "technology": "40nm"}).energies["read"] / 0.009e-12
    found = standard(kind, {**sizes, "technology": "40nm"})
    assert found.energies["read"] == near(energy_pJ * 1e-12 * supply)
    assert found.area == near(area_um2 * 1e-12)


def test_standard_classes_cost_something_in_every_action() -> None:
    sizes = {"width": 16, "depth": 128, "length": 1e-3, "technology": "45nm"}
    for kind in ATTRIBUTES:
        made = standard(kind, sizes)
        assert min(made.energies.values()) > 0, kind
        assert made.area > 0 or kind in ("dram", "wire")
    # What has no bits costs nothing: counters of no metadata, a metadata store without entries.
    assert energy("IntAdder", "add", width=0) == 0
    assert energy("SRAM", "read", width=64, depth=0) == 0


@pytest.mark.parametrize(
    ("kind", "action", "attributes", "told"),
    [
        ("DRAM", "read", {"type": "DDR9", "width": 64}, "unknown type 'DDR9'"),
        ("SRAM", "read", {"width": 64}, "needs this attribute"),
        ("SRAM", "read", {"width": 64, "depth": -1}, "got -1"),
        ("intmac", "write", {"width": 8}, "has no action 'write'"),
        ("intadder", "add", {"width": 8, "technology": "7nm"}, "unknown technology"),
        ("reram_cell", "write", {"parameters": "nobody"}, "no such parameter set"),
    ],
)
def test_what_a_standard_class_cannot_be_is_said(
    kind: str, action: str, attributes: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        energy(kind, action, **attributes)


def test_placeholders_are_said_to_be_placeholders(tmp_path: Path) -> None:
    text = SPEC.replace("CLASS", "abacus_compute").replace('technology: "45nm"', "technology: -1")
    (tmp_path / "spec.yaml").write_text(text)
    found = price_specification(read_specification(tmp_path / "spec.yaml"))
    assert found.ert.energies["mac"] == {"compute": 1e-12, "leak": 0.0}
    assert found.ert.priced_by["mac"] == "placeholder of 1 pJ (technology: -1)"


def test_json_has_no_prices_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("CLASS", "intmac"))
    command = [sys.executable, "-m", "red_timeloop.cli.main", "model", str(tmp_path / "spec.yaml")]
    done = subprocess.run(
        [*command, "--estimator", "none", "--format", "json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["energy_J"] is None
