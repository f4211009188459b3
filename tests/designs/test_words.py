"""What is said of results, sentence by sentence, from both sides of what decides."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from red_timeloop import TransposedConv, designs
from red_timeloop.designs.variants import copied, folded
from red_timeloop.designs.words import assumptions, dominated, reason, reasons
from red_timeloop.hardware import Hardware

OWN = Hardware.load()
LAYER = TransposedConv(32, 16, (4, 4), 4, stride=2, padding=1)


def result(name: str = "red", **values: Any) -> Any:
    """Return what the sentences read of a result."""
    hardware = values.pop("hardware", OWN)
    crossbars = values.pop("crossbars", 4)
    plan = SimpleNamespace(
        hardware=hardware,
        lost_bits=values.pop("lost_bits", 0),
        crossbars=crossbars,
        layer=LAYER,
    )
    usual = {"line_drop": 0.0, "energy": 1.0, "latency": 1.0, "rows": (84, 128), "conversions": 5e3}
    design = SimpleNamespace(name=name, label=name.upper())
    return SimpleNamespace(
        design=design,
        plan=plan,
        energy_by_stage=lambda: {"a": 0.2, "b": 0.8},
        **{**usual, **values},
    )


def said(results: list[tuple[str, Any]], hardware: Hardware = OWN, **options: bool) -> list[str]:
    return list(assumptions(hardware, "embedded", results, **options))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "128x128 crossbars, 2-bit cells, 8-bit converters, sums merged digitally, fold 1;"),
        ({"columns": None}, "crossbars of 128 rows, as wide as the logical matrix, 2-bit cells"),
        ({"rows": None}, "arrays as large as the logical matrix, 2-bit cells"),
        ({"rows": None, "columns": None}, "arrays as large as the logical matrix, 2-bit cells"),
        ({"adc_bits": None}, "2-bit cells, exact converters, sums"),
        ({"merge": "current", "fold": 2}, "8-bit converters, sums merged in current, fold 2;"),
        ({"word_lines": "joined"}, "converters, word lines through all modes, sums"),
    ],
)
def test_what_the_numbers_rest_on(changes: dict[str, Any], words: str) -> None:
    hardware = OWN.replace(**changes)
    first, zeros = said([("one", result(hardware=hardware))], hardware)
    assert words in first
    assert first.startswith("isaac_32nm: ")
    assert first.endswith(" embedded engine; weights resident, programming not counted.")
    assert zeros == "Inserted zeros raise no pulse; they are made at the row drivers."
    assert said([], hardware) == [first, zeros]
    driven = OWN.replace(zero_aware=False)
    assert "Inserted zeros are driven and read like data;" in said([], driven)[1]


def test_designs_that_chose_other_arrays_and_converters() -> None:
    used = [OWN.replace(rows=rows, adc_bits=bits) for rows, bits in ((64, 8), (256, 6), (128, 9))]
    first = said([(f"l{n}", result(hardware=each)) for n, each in enumerate(used)])[0]
    assert first.startswith("isaac_32nm: 64 to 256x128 crossbars, 2-bit cells, 6 to 9-bit conv")


def test_lost_bits_and_lost_volts() -> None:
    limit = OWN.circuit.line_drop_limit
    few = [("a", result(lost_bits=1, line_drop=limit)), ("b", result("other"))]
    assert said(few)[2:] == [
        "Converters have up to 1 bit fewer than exact sums take (red on a): designs are not "
        "compared at equal accuracy."
    ]
    assert said(few, equal_accuracy=True)[2:] == []
    most = [("a", result(lost_bits=1)), ("b", result("other", lost_bits=2, line_drop=0.5))]
    bits, volts = said(most)[2:]
    assert bits.startswith("Converters have up to 2 bits fewer than exact sums take (other on b):")
    assert volts.startswith("Bit lines lose up to 50.0 % of the read voltage (other on b): such")


def test_one_layer_that_takes_more_than_two_thirds_of_the_time() -> None:
    small = [("a", 2, result(latency=1.0, energy=3.0)), ("b", 1, result(latency=1.0, energy=2.0))]
    assert dominated(small) == ""
    assert dominated([]) == dominated(small[:1]) == ""
    large = [("a", 3, result(energy=2.0)), ("b", 1, result(energy=6.0))]
    assert dominated(large).startswith(
        "All layers: a alone takes 75.0 % of the baseline's time and 50.0 % of its energy, so"
    )


def test_why_a_rival_needs_less() -> None:
    mine = result(energy=1.0)
    found = reason("one", mine, result("less", energy=0.5, rows=(64, 64), crossbars=1))
    assert found == (
        "one: LESS takes 0.500x the energy of RED: it fills 64 of 64 rows of 1 crossbar and "
        "converts 5.00 k times; RED fills 84 of 128 rows of 4 crossbars and converts 5.00 k times."
    )
    found = reason("one", mine, result("cmos", energy=0.5, crossbars=0))
    assert found.endswith("the energy of RED: it has no crossbars, and RED spends 80.0 % in 'b'.")


@pytest.mark.parametrize(
    ("rival", "more", "expected"),
    [
        (0.99, {}, "takes"),  # less energy
        (1.004, {}, "ties with"),  # prints alike, and all counts are
        (0.996, {}, "ties with"),
        (0.994, {}, "takes"),
        (1.004, {"rows": (64, 128)}, "takes"),
        (1.004, {"crossbars": 0}, "takes"),
        (1.005, {}, "ties with"),
        (1.006, {}, None),
    ],
)
def test_rivals_that_need_no_more(rival: float, more: dict[str, Any], expected: str | None) -> None:
    mine = result()
    results = [("one", mine), ("one", result("best", energy=rival, **more))]
    results += [("one", result("worst", energy=3.0))]
    found = list(reasons("red", results))
    assert len(found) == (expected is not None)
    assert all(f"BEST {expected}" in each for each in found)
    assert not list(reasons("red", results[:1]))
    assert not list(reasons("red", [("one", result(energy=0.0)), *results[1:]]))


def test_less_by_just_what_is_printed_is_less() -> None:
    results = [("one", result(energy=1.005)), ("one", result("best", energy=1.0))]
    (found,) = reasons("red", results)
    assert "BEST takes" in found


def test_folds_and_copies_by_hand() -> None:
    """16 crossbars make 4 x 4 pixels of each mode in 16 steps; 4 kernel pixels of a mode fold."""
    red = designs.find("red")
    plans = list(folded(red, LAYER, OWN))
    assert [(each.crossbars, each.steps) for each in plans] == [(16, 16), (8, 32), (4, 64)]
    third = list(folded(red, LAYER, OWN.replace(fold=3)))
    assert [each.crossbars for each in third] == [8, 16, 8, 4]
    # The most copies that fit first; of equal numbers the one that cuts the first axis least.
    for crossbars, counts in (
        (16 * 16, [1, 16, 8, 4]),
        (16 * 16 - 1, [1, 8, 4, 2]),
        (32, [1, 2]),
        (31, [1]),
    ):
        found = list(copied(plans[0], crossbars))
        assert [each.crossbars // 16 for each in found] == counts
        assert [each.steps for each in found] == [16 // count for count in counts]
    loops = found[0].parts[0].loops
    eighth = list(copied(plans[0], 16 * 8))[1].parts[0].loops
    assert loops is not None
    assert eighth is not None
    assert "copy" not in loops
    assert dict(eighth["copy"].x) == {"P": 2, "Q": 4}
