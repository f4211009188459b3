"""What the CMOS designs ask the mapper for, by hand: no mapping is searched for here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from close import near
from places import ROOT

from red_timeloop import TransposedConv, designs
from red_timeloop.designs.cmos import CmosDesign
from red_timeloop.designs.plan import Part
from red_timeloop.designs.specification import assemble
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

ARRAY = ROOT / "docs/examples/small_array.yaml"
# 21 x 25 outputs; modes of 1 or 2 by 1 or 2 kernel pixels, 11 or 10 by 13 or 12 outputs.
LAYER = TransposedConv(16, 32, (11, 13), 3, stride=2, padding=1)
SPLIT = {(1, 1): (11, 13), (1, 2): (11, 12), (2, 1): (10, 13), (2, 2): (10, 12)}


def cmos(name: str) -> CmosDesign:
    design = designs.find(name)
    assert isinstance(design, CmosDesign)
    return design


def padded(part: Part) -> dict[str, int]:
    """The sizes that are rounded up, as the notes say them."""
    return {note.partition(":")[0]: int(note.split()[4]) for note in part.notes}


@pytest.mark.parametrize(("name", "modes"), [("eyeriss", 1), ("eyeriss_split", 4)])
def test_the_ways_to_say_a_part(name: str, modes: int) -> None:
    """Small prime factors alone, and 16 and 32 channels as multiples of 3 (of 12 rows) and 7."""
    plan = cmos(name).plan(LAYER, Hardware.load())
    sizes = {(3, 3): (21, 25)} if modes == 1 else SPLIT
    real = LAYER.macs / (LAYER.zero_inserted_macs if modes == 1 else LAYER.macs)
    assert len(plan.parts) == len(sizes)
    for part, (taps, (p, q)) in zip(plan.parts, sizes.items(), strict=True):
        smooth = {"P": {11: 12}.get(p, p), "Q": {13: 14}.get(q, q)}
        ways = [{}, smooth, {**smooth, "C": 18, "M": 35}]
        own = dict(zip("NCMRSPQ", (1, 16, 32, *taps, p, q), strict=True))
        more = [{key: size for key, size in way.items() if size != own[key]} for way in ways]
        expected = [way for number, way in enumerate(more) if way not in more[:number]]
        found = (part, *part.alternatives)
        assert [padded(each) for each in found] == expected
        for each in found:
            assert each.problem.sizes == {**own, **padded(each)}
            share = real * part.problem.operations / each.problem.operations
            assert each.sizes.active_share == near(share)
            assert (each.role, each.crossbars, each.loops) == ("all", 0, None)
    assert (plan.modes, plan.steps, plan.order) == (modes, None, "in_turn")
    assert (plan.crossbars, plan.searched, plan.estimator) == (0, True, None)
    assert plan.notes == ("eyeriss: 32.0nm, 406 MHz",)
    assert plan.clock == near(5e-9 * 32 / 65)


@pytest.mark.parametrize(
    ("bits", "operand", "total"),
    [
        ((8, 8), 8, 24),
        ((4, 8), 8, 24),
        ((8, 4), 8, 24),
        ((4, 4), 4, 16),
        ((8, 16), 16, 32),
        ((1, 8), 8, 24),
    ],
)
def test_bits_of_operands_and_of_whole_bytes_of_a_sum(
    bits: tuple[int, int], operand: int, total: int
) -> None:
    """Eight more than a product has, rounded up to bytes."""
    layer = replace(LAYER, input_bits=bits[0], weight_bits=bits[1])
    for name, share in (("eyeriss", True), ("simba", False)):
        sizes = cmos(name).plan(layer, Hardware.load()).parts[0].sizes
        assert (sizes.input_bits, sizes.accumulator_bits) == (operand, total)
        assert (sizes.active_share is not None) == share
        assert not {"input_bits", "accumulator_bits", "active_share"} & sizes.array.keys()


@pytest.mark.parametrize("name", ["eyeriss_gated", "eyeriss_skip"])
def test_what_gates_by_statistics_is_given_all_inputs(name: str) -> None:
    assert cmos(name).plan(LAYER, Hardware.load()).parts[0].sizes.active_share == 1.0


def test_an_array_that_says_neither_clock_nor_node(tmp_path: Path) -> None:
    """Its cycle is a nanosecond, its node that of the parameter set, and both are told."""
    text = ARRAY.read_text().replace('  technology: "45nm"\n', "")
    silent = tmp_path / "silent.yaml"
    silent.write_text(text.replace("  global_cycle_seconds: 2.0e-9\n", ""))
    dense, split = designs.choose([str(silent)])
    for design, modes in ((dense, 1), (split, 4)):
        plan = design.plan(LAYER, Hardware.load())
        assert (plan.clock, plan.modes, plan.estimator) == (1e-9, modes, "auto")
        assert plan.notes[:3] == (
            "silent: 1000 MHz",
            "no variable global_cycle_seconds in its files: 1e-09 where nothing else is said",
            "no variable technology in its files: 32.0nm where nothing else is said",
        )
        sizes = plan.parts[0].sizes
        assert (sizes.input_bits, sizes.accumulator_bits, sizes.active_share) == (None,) * 3
        assert sizes.array == {"global_cycle_seconds": 1e-9, "technology": "32.0nm"}
    own = designs.choose([str(ARRAY)])[1].plan(LAYER, Hardware.load())
    assert own.notes == ("small_array: 500 MHz",)
    assert (own.clock, own.parts[0].sizes.array["technology"]) == (2e-9, "45nm")


def test_an_array_of_one_s_own_that_gates_zeros(tmp_path: Path) -> None:
    file = tmp_path / "gated.yaml"
    file.write_text(ARRAY.read_text().replace("variables:", "variables:\n  active_share: 0.5"))
    sizes = designs.choose([str(file)])[0].plan(LAYER, Hardware.load()).parts[0].sizes
    assert sizes.active_share == near(LAYER.macs / LAYER.zero_inserted_macs)
    keep = "dataspace: {keep: [Inputs, Weights], bypass: [Outputs]}"
    skipping = "{type: skipping, options: [{target: Weights, condition_on: [Inputs]}]}"
    sparse = f"{keep}\n    sparse_optimizations: {{action_optimization: [{skipping}]}}"
    file.write_text(file.read_text().replace(keep, sparse))
    sizes = designs.choose([str(file)])[0].plan(LAYER, Hardware.load()).parts[0].sizes
    assert sizes.active_share == 1.0


def area_of(design: CmosDesign) -> float:
    plan = design.plan(LAYER, Hardware.load())
    machine = assemble(plan, plan.parts[0], plan.clock)
    assert machine.art is not None
    levels = machine.architecture.levels
    return sum(float(machine.art.areas[level.name]) * level.instances for level in levels)


@pytest.mark.parametrize(
    ("factor", "columns", "rows", "depths"),
    [
        (4.0, 28, 24, (27648, 18432)),
        (0.3, 8, 7, (2074, 1382)),  # 7.67 and 6.57 processing elements
        (1e-3, 1, 1, (16, 16)),  # 6.9 and 4.6 rows of a buffer
        (3e-3, 1, 1, (21, 16)),
    ],
)
def test_an_array_grows_with_the_area_that_it_is_given(
    factor: float, columns: int, rows: int, depths: tuple[int, int]
) -> None:
    """Rows and columns with its root, the buffers with it; one element and 16 rows at least."""
    eyeriss = cmos("eyeriss")
    design = eyeriss.scaled(factor * area_of(eyeriss))
    plan = design.plan(LAYER, Hardware.load())
    own = dict(zip(("pe_columns", "pe_rows"), (columns, rows), strict=True))
    own |= dict(zip(("input_buffer_depth", "output_buffer_depth"), depths, strict=True))
    assert plan.parts[0].sizes.array == own
    assert plan.notes[1] == f"{columns}x{rows} processing elements, for the area of RED"
    assert design.assumption.startswith("the area of RED, layer by layer; operand bits, node")


@pytest.mark.parametrize(
    ("said", "variables"),
    [
        ("{fan_outs: [columns]}", "columns, rows"),
        ("{fan_outs: [columns, rows, rows]}", "columns, rows"),
        ("{fan_outs: [columns, lines]}", "columns, rows"),
        ("{fan_outs: [columns, rows], depths: [deep]}", "columns, rows"),
        ("{fan_outs: [columns, technology]}", "columns, rows"),  # no whole number
    ],
)
def test_what_grows_is_two_variables_and_depths(said: str, variables: str, tmp_path: Path) -> None:
    text = ARRAY.read_text().replace("meshX: 8, meshY: 4", "meshX: columns, meshY: rows")
    text = text.replace("variables:", "variables:\n  columns: 8\n  rows: 4")
    file = tmp_path / "array.yaml"
    file.write_text(f"scaled_ignored_by_timeloop: {said}\n{text}")
    with pytest.raises(InputError, match=rf"scaled_ignored_by_timeloop: .* of .*{variables}"):
        designs.choose([str(file)])[0].scaled(1e-6).plan(LAYER, Hardware.load())


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (
            "eyeriss",
            "their published size; operand bits, node and supply of the ReRAM designs; mapped for "
            "energy times delay; DRAM counted, wires between PEs not.",
        ),
        (
            f"{ARRAY}:small_array",
            "sizes, bits, node and clock of their files; mapped for energy times delay.",
        ),
    ],
)
def test_what_the_numbers_rest_on(design: str, words: str) -> None:
    assert designs.find(design).assumption == words


def test_an_array_is_mapped_for_what_its_files_ask(tmp_path: Path) -> None:
    file = tmp_path / "fast.yaml"
    objective = "mapper: {version: 0.4, optimization_metrics: [delay]}\n"
    file.write_text(objective + ARRAY.read_text())
    assert "mapped for delay." in designs.choose([str(file)])[0].assumption


def test_both_designs_of_an_array(tmp_path: Path) -> None:
    dense, split = (designs.find(name) for name in ("eyeriss", "eyeriss_split"))
    assert (split.label, split.summary) == ("eyeriss split", "the same array, sub-convolutions")
    assert (dense.label, dense.lanes(dense.plan(LAYER, Hardware.load()))) == ("eyeriss", ())
    assert dense.plan(LAYER, Hardware.load()).architecture == dense.architecture


def test_the_density_is_that_of_the_padded_channels() -> None:
    """A map of 21 x 25 pixels with a border of one, of which 11 x 13 are real."""
    (part,) = cmos("simba_skip").plan(replace(LAYER, in_channels=23), Hardware.load()).parts
    for each in (part, *part.alternatives):
        sizes: Any = each.problem.sizes
        map_points = (sizes["P"] + 2) * (sizes["Q"] + 2) * sizes["C"]
        density = each.problem.densities["Inputs"].density
        assert density == near(23 * 11 * 13 / map_points)
    assert len(part.alternatives) == 1
