"""The standard classes: which spelling counts, what is assumed, and the least that is legal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from close import near

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
