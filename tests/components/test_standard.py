"""The standard classes: which spelling counts, what is assumed, and the least that is legal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components.standard import ATTRIBUTES, standard
from red_timeloop.errors import InputError

FLOAT = ("width", "datawidth", "multiplier_width")
SPELLINGS = {  # of one attribute, the first that is given counts; what else the class needs
    "dram": (("width", "datawidth"), {}),
    "sram": (("width", "datawidth"), {"depth": 512}),
    "buffer": (("depth", "entries"), {"width": 8}),
    "storage": (("depth", "entries"), {"width": 8}),
    "smartbufferrf": (("depth", "size"), {"width": 8}),
    "register": (("width", "datawidth"), {}),
    "adder": (("width", "datawidth", "n_bits", "precision", "adder_width"), {}),
    "multiplier": (("width", "datawidth", "multiplier_width"), {}),
    "intmultiplier": (("width_a", "datawidth_a", "width"), {"width_b": 8}),
    "aladdinmultiplier": (("width_b", "datawidth_b", "datawidth"), {"width_a": 8}),
    "comparator": (("width", "datawidth"), {}),
    "counter": (("width", "datawidth"), {}),
    "intmac": (("multiplier_width", "width", "datawidth"), {"adder_width": 9}),
    "fpmac": (FLOAT, {}),
    "fpadder": (FLOAT, {}),
    "fpmultiplier": (FLOAT, {}),
    "wire": (("width", "datawidth"), {"length": 1e-3}),
}


@pytest.mark.parametrize("kind", SPELLINGS)
def test_of_several_spellings_the_first_counts(kind: str) -> None:
    names, others = SPELLINGS[kind]
    for number, (name, later) in enumerate(pairwise(names)):
        alone = standard(kind, {name: 32, **others})
        assert standard(kind, {name: 32, later: 96, **others}) == alone
        if number or kind != "smartbufferrf":
            assert standard(kind, {later: 32, **others}) == alone
        assert standard(kind, {name: 96, later: 32, **others}) != alone


ACCESSES = {"read", "write", "update"}
MAC = {"compute", "mac", "mac_random", "multiply", "read"}


@pytest.mark.parametrize(
    ("kinds", "actions"),
    [
        (("dram", "sram", "storage", "regfile", "smartbuffer_SRAM", "reg"), ACCESSES),
        (("IntAdder", "fpadder"), {"add", "subtract", "read", "compute"}),
        (("multiplier",), {"multiply", "mult", "read", "compute"}),
        (("fpmultiplier",), {"multiply", "read", "compute"}),
        (("comparator",), {"compare", "read"}),
        (("counter",), {"count", "read"}),
        (("mac", "compute", "fpmac"), MAC),
        (("wire",), {"transfer", "transfer_random"} | ACCESSES),
    ],
)
def test_every_action_of_a_class_costs_the_same(kinds: tuple[str, ...], actions: set[str]) -> None:
    for kind in kinds:
        found = standard(kind, {"width": 16, "depth": 128, "length": 1e-3})
        assert set(found.energies) == actions
        assert len(set(found.energies.values())) == 1
        assert (found.leakage_power > 0) == (kind not in ("dram", "wire"))


@pytest.mark.parametrize(
    ("kind", "given", "same"),
    [
        ("aladdinadder", {}, {"width": 32}),
        ("aladdinmultiplier", {}, {"width_a": 32, "width_b": 32}),
        ("register", {}, {"width": 1}),
        ("comparator", {}, {"width": 32}),
        ("counter", {}, {"width": 32}),
        ("wire", {"length": 1e-3}, {"length": 1e-3, "width": 1}),
        ("mac", {"width": 8}, {"width": 8, "adder_width": 16}),
        ("sram", {"width": 8, "depth": 100}, {"width": 8, "size": 800, "n_banks": 1}),
        ("dram", {"width": 8}, {"width": 8, "type": "lpddr4"}),
        ("fpmac", {"exponent": 5, "mantissa": 10}, {"width": 16}),
        ("multiplier", {"width": 6}, {"width_a": 4, "width_b": 9}),
    ],
)
def test_what_is_not_given_is_assumed(kind: str, given: Any, same: Any) -> None:
    found = standard(kind, given)
    assert found == standard(kind, same)
    assert found.energies == standard(kind, {**given, "technology": "45nm"}).energies
    at = "" if kind == "dram" else " at 45 nm (no technology is given)"
    assert found.model.endswith(at)
    assert standard(kind, {**given, "technology": "SET ME"}) == found
    assert "no technology" not in standard(kind, {**given, "technology": "45nm"}).model


@pytest.mark.parametrize(
    ("kind", "key", "least", "others"),
    [
        ("dram", "width", 1, {}),
        ("sram", "n_banks", 1, {"width": 8, "depth": 64}),
        ("sram", "size", 8, {"width": 8}),
        ("multiplier", "width_a", 1, {"width_b": 8}),
        ("multiplier", "width_b", 1, {"width_a": 8}),
        ("intmac", "width", 1, {}),
        ("intmac", "adder_width", 1, {"width": 8}),
        ("fpmac", "exponent", 1, {"mantissa": 8}),
        ("fpmac", "mantissa", 1, {"exponent": 8}),
        ("fpadder", "width", 4, {}),
        ("wire", "width", 1, {"length": 1e-3}),
        ("wire", "length", 0, {}),
        ("adder", "width", 0, {}),
        ("register", "width", 0, {}),
        ("comparator", "width", 0, {}),
    ],
)
def test_the_least_that_is_legal(kind: str, key: str, least: float, others: Any) -> None:
    standard(kind, {key: least, **others})
    for wrong in (least - 0.5, True, "8"):
        with pytest.raises(InputError, match=rf"{key}: got .* \(legal: {least:g} or more\)"):
            standard(kind, {key: wrong, **others})


def test_what_must_be_given_is_asked_for() -> None:
    for kind, message in (
        ("Multiplier", r"width, or width_a and width_b: multiplier needs this attribute"),
        ("intmac", "multiplier_width or width or datawidth: intmac needs this attribute"),
        ("wire", "length: wire needs this attribute"),
        ("fpadder", "width or datawidth or multiplier_width: fpadder needs this"),
    ):
        with pytest.raises(InputError, match=message):
            standard(kind, {})
    with pytest.raises(InputError, match="width or datawidth or multiplier_width: fpmac needs"):
        standard("fpmac", {"mantissa": 10})  # without an exponent the width decides
    with pytest.raises(InputError, match="'abacus' is not known") as caught:
        standard("abacus", {})
    assert all(kind in str(caught.value) for kind in ATTRIBUTES)


def test_small_storage_is_flip_flops() -> None:
    few, many = (standard("storage", {"width": 8, "depth": rows}) for rows in (63, 64))
    assert few == standard("regfile", {"width": 8, "depth": 63})
    assert many == standard("sram", {"width": 8, "depth": 64})
    # A bank is no smaller than an access.
    banks = [standard("sram", {"width": 8, "depth": 64, "n_banks": n}) for n in (64, 65, 32)]
    assert banks[0].energies == banks[1].energies
    assert banks[0].energies["read"] <= banks[2].energies["read"]


@pytest.mark.parametrize(("rows", "bits"), [(1024, 10), (1025, 11), (2, 1), (1, 1), (0, 1)])
@pytest.mark.parametrize(
    ("smart", "plain"), [("smartbuffer", "sram"), ("smartbufferRF", "regfile")]
)
def test_smart_memories_have_two_address_adders_and_use_one(
    smart: str, plain: str, rows: int, bits: int
) -> None:
    sizes = {"width": 16, "depth": rows, "technology": "32nm"}
    found, inner = standard(smart, sizes), standard(plain, sizes)
    adder = standard("adder", {"width": bits, "technology": "32nm"})
    assert found.energies["write"] == near(inner.energies["write"] + adder.energies["add"])
    assert found.area == near(inner.area + 2 * adder.area)
    assert found.leakage_power == near(inner.leakage_power + 2 * adder.leakage_power)
    assert found.model == f"{inner.model.removesuffix(' at 32 nm')} + address adders at 32 nm"


ANCHORS = [  # class, bits, pJ and um^2: Horowitz and figure 1.13 at 45 nm, Aladdin's at 40 nm
    ("intadder", 8, 0.03, 36, 45e-9),
    ("intadder", 32, 0.1, 137, 45e-9),
    ("intmultiplier", 8, 0.2, 282, 45e-9),
    ("intmultiplier", 32, 3.1, 3495, 45e-9),
    ("fpadder", 16, 0.4, 1360, 45e-9),
    ("fpadder", 32, 0.9, 4184, 45e-9),
    ("fpmultiplier", 16, 1.1, 1640, 45e-9),
    ("fpmultiplier", 32, 3.7, 7700, 45e-9),
    ("fpmac", 16, 1.5, 3000, 45e-9),
    ("fpadder", 64, 0.9 * 9 / 4, 4184 * 4184 / 1360, 45e-9),  # as much again
    ("register", 3, 0.027, 17.94, 40e-9),
    ("comparator", 32, 0.02947, 71, 40e-9),
    ("counter", 32, 0.25074, 495.5, 40e-9),
]


@pytest.mark.parametrize(("kind", "bits", "picojoules", "area", "node"), ANCHORS)
def test_prices_at_the_sources_node_and_at_twice_it(
    kind: str, bits: int, picojoules: float, area: float, node: float
) -> None:
    """Of 0.9 V there; energy goes with the node and the supply squared, area with the node's."""
    volts = Circuit.load().at_node(45e-9).supply_voltage_v / 0.9
    for times in (1, 2):
        there = f"{times * node * 1e9:g}nm"
        found = standard(kind, {"width": bits, "technology": there})
        supply = Circuit.load().at_node(times * node).supply_voltage_v / volts / 0.9
        (energy,) = set(found.energies.values())
        exact = 1e-9 if node < 45e-9 or kind.startswith("fp") else 0.01
        assert energy == near(picojoules * 1e-12 * times * supply**2, rel=exact)
        assert found.area == near(area * 1e-12 * times**2, rel=exact)
        gates = found.area / (350 * (times * node) ** 2)
        leaking = gates * 4 * 3 * times * node / 2 * Circuit.load().off_current_a_per_m
        assert found.leakage_power == near(leaking * supply * 0.9)


def test_wires_are_priced_by_their_length() -> None:
    """Of 3 mm and 16 bits a quarter rise; the stages before the load take a third of it more."""
    circuit = Circuit.load().at_node(65e-9)
    supply = circuit.supply_voltage_v * 0.9 / Circuit.load().at_node(45e-9).supply_voltage_v
    found = standard("wire", {"length": 3e-3, "width": 16, "technology": "65nm"})
    load = 3e-3 * circuit.wire_capacitance_f_per_m
    share = circuit.bit_toggle_share / 2 * circuit.stage_effort / (circuit.stage_effort - 1)
    assert found.energies["transfer"] == near(16 * load * share * supply**2)
    assert (found.area, found.leakage_power) == (0.0, 0.0)


def test_memories_by_hand() -> None:
    """10 pJ for 64 bits of 8 KB at 45 nm, with the root of a bank; DRAM by its bits."""
    sizes = {"width": 32, "depth": 2048, "n_banks": 4, "technology": "45nm"}
    found = standard("sram", sizes)
    assert found.energies["write"] == near(10e-12 / 2 * (32 * 2048 / 4 / 65536) ** 0.5)
    assert found.area == near(32 * 2048 * 1.28e-13 * (45 / 32) ** 2)
    assert standard("dram", {"width": 32, "type": "hbm2"}).energies["read"] == near(32 * 3.92e-12)
    assert standard("dram", {"width": 32, "type": "hbm2"}).model == "red_timeloop DRAM HBM2"


@pytest.mark.parametrize("kind", ["sram", "regfile", "storage"])
def test_a_memory_without_entries_costs_nothing(kind: str) -> None:
    found = standard(kind, {"width": 8, "depth": 0})
    assert set(found.energies.values()) == {0.0}
    assert (found.area, found.leakage_power) == (0.0, 0.0)
    adder = standard("adder", {"width": 0})
    assert (set(adder.energies.values()), adder.area) == ({0.0}, 0.0)
