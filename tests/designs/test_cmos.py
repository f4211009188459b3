"""The CMOS designs: what they run, under which constraints, and what it costs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from close import near

import red_timeloop
from red_timeloop import Conv, TransposedConv, decompose, designs
from red_timeloop.designs.evaluate import evaluate as evaluate_design
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.embedded import evaluate
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.mapper.padding import MOST

LAYER = TransposedConv(16, 12, (4, 4), 4, stride=2, padding=1)
UNEVEN = TransposedConv(8, 8, (4, 4), 5, stride=2, padding=2, output_padding=1)
NAMES = ("eyeriss", "eyeriss_split", "simba", "simba_split")


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("red_timeloop.designs.searched.BUDGET", 6000)


def run(name: str, layer: Layer, **changes: float) -> DesignResult:
    design = designs.find(name)
    for area in changes.values():
        design = design.scaled(area)
    return evaluate_design(design, layer, Hardware.load(), evaluate_specification)


def require_operations(name: str, layer: Layer, result: DesignResult) -> None:
    """Those of the zero-inserted map, or of the modes; more only by the padding that is told."""
    wanted = layer.zero_inserted_macs
    if name.endswith("split") and layer.transposed:
        wanted = sum(
            math.prod((*mode.sub_kernel_shape, *mode.output_count))
            for mode in decompose(layer).modes
        )
        wanted *= layer.batch * layer.in_channels * layer.out_channels // layer.groups
    if any("padded" in note for note in result.notes):
        assert wanted < result.computes <= wanted * (1 + MOST) ** 4
    else:
        assert result.computes == wanted


@pytest.mark.parametrize("name", NAMES)
def test_every_real_operation_is_done_once(name: str) -> None:
    result = run(name, LAYER)
    require_operations(name, LAYER, result)


@pytest.mark.parametrize("array", ["eyeriss", "simba"])
def test_sub_convolutions_save_the_inserted_zeros(array: str) -> None:
    dense, split = run(array, LAYER), run(f"{array}_split", LAYER)
    assert split.cycles < dense.cycles / 2
    assert split.energy < dense.energy
    assert split.area == dense.area


def test_groups_of_modes_run_one_after_the_other_on_one_array() -> None:
    result = run("eyeriss_split", UNEVEN)
    assert [each.part.name for each in result.evaluations] == [
        "taps 3x3", "taps 3x2", "taps 2x3", "taps 2x2",
    ]  # fmt: skip
    parts = [evaluate_specification(each.specification) for each in result.evaluations]
    assert result.cycles == sum(part.cycles for part in parts)
    assert result.energy == near(sum(part.energy for part in parts))
    assert result.area == near(parts[0].area)
    assert result.plan.modes == 4


@pytest.mark.parametrize("name", NAMES)
def test_mappings_obey_the_constraint_files(name: str) -> None:
    result = run(name, LAYER)
    for each in result.evaluations:
        specification = each.specification
        assert each.part.problem.sizes == specification.problem.sizes  # padded or not
        assert specification.mapping is not None
        levels = specification.mapping.levels
        assert not {"C", "R", "S"} & {rank for rank, _ in levels["dram"].temporal}
        if name.startswith("eyeriss"):
            columns = {rank for rank, _ in levels["inter_PE_column_spatial"].loops}
            rows = {rank for rank, _ in levels["inter_PE_spatial"].loops}
            assert not columns & set("NCRSQ")
            assert not rows & set("NSPQ")
        else:
            assert {rank for rank, _ in levels["inter_lane_spatial"].loops} <= set("MAB")
            assert {rank for rank, _ in levels["inter_vector_spatial"].loops} <= set("CAB")


def test_zeros_are_gated_on_eyeriss_only() -> None:
    for array, gated in (("eyeriss", True), ("simba", False)):
        dense, split = run(array, LAYER), run(f"{array}_split", LAYER)
        ratio = dense.levels["mac"].energy / split.levels["mac"].energy
        # gated: both do the useful operations only, whatever leaks
        assert (ratio < 1.5) == gated


@pytest.mark.parametrize("name", ["eyeriss_gated", "eyeriss_skip", "simba_skip"])
def test_statistics_save_what_the_share_of_real_pixels_says_once(name: str) -> None:
    result = run(name, LAYER)
    ((evaluation,), mac) = result.evaluations, result.levels["mac"]
    specification = evaluation.specification
    assert specification.problem is not None
    # a map of 7 x 7 pixels, 16 of them real, with a border of 2; channels may be padded
    density = 16 * 16 / (specification.problem.sizes["C"] * (7 + 2 * 2) ** 2)
    assert specification.problem.densities["Inputs"].density == near(density)
    dense = evaluate_specification(
        replace(specification, architecture=specification.architecture.dense)
    )
    skips = density if name.endswith("skip") else 1.0
    assert result.cycles == near(math.ceil(dense.cycles * skips), rel=1e-4)
    assert specification.ert is not None
    prices = specification.ert.energies["mac"]
    leaks = prices["leak"] * mac.instances * result.cycles
    once = prices["compute"] * dense.computes * density
    assert once < mac.energy < once + 1.01 * leaks
    assert any("fixed structured" in note for note in result.notes)


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_iso_area_scales_the_array(factor: float) -> None:
    own = run("simba", LAYER).area
    scaled = run("simba", LAYER, area=own * factor)
    assert scaled.area == near(own * factor, rel=0.25)
    assert any("for the area of RED" in note for note in scaled.notes)


@pytest.mark.parametrize(
    "layer",
    [
        Conv(8, 8, (6, 6), 3, stride=2, padding=1),
        TransposedConv(6, 4, (8,), 4, stride=2, padding=1),
        TransposedConv(4, 4, (3, 3, 3), 2, stride=2),
        TransposedConv(8, 8, (4, 4), 4, stride=2, padding=1, groups=4),
        TransposedConv(4, 4, (3, 3), 3, stride=1, batch=2),
    ],
    ids=["conv", "1d", "3d", "groups", "batch"],
)
@pytest.mark.parametrize("name", ["eyeriss_split", "simba"])
def test_all_kinds_of_layers_run(name: str, layer: Layer) -> None:
    require_operations(name, layer, run(name, layer))


def test_compare_runs_them_when_asked() -> None:
    small = red_timeloop.compare(designs=["red", "simba_split"], layers=["FCN_Deconv1"])
    assert [result.design for result in small.results] == ["red", "simba_split"]
    assert any("DRAM counted" in line for line in small.assumptions)
    assert small.as_dict()["results"][1]["energy_breakdown_J"]["dram"] > 0
    assert "simba_split" not in red_timeloop.compare(layers=["FCN_Deconv1"]).designs


def test_compare_scales_to_the_area_of_red() -> None:
    both = red_timeloop.compare(
        designs=["red", "simba_split"], layers=["GAN_Deconv4"], iso_area=True
    )
    red, simba = (result.design_result.area for result in both.results)
    assert simba == near(red, rel=0.25)
    assert any("the area of RED, layer by layer" in line for line in both.assumptions)


def test_mapped_specification_is_what_was_evaluated() -> None:
    result = run("simba_split", LAYER)
    cycles, energy = 0, 0.0
    for specification in (each.specification for each in result.evaluations):
        assert specification.problem is not None
        assert specification.mapping is not None
        again = evaluate(
            specification.architecture,
            specification.problem,
            specification.mapping,
            specification.ert,
            specification.art,
        )
        cycles, energy = cycles + again.cycles, energy + again.energy
    assert cycles == result.cycles
    assert energy == near(result.energy)
