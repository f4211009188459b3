"""ReRAM designs whose open choices the mapper makes, and the constraints by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import red_timeloop
from red_timeloop import TransposedConv, designs
from red_timeloop.designs.constraints import check_rules, read_constraints, rule_names
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.result import DesignResult
from red_timeloop.designs.specification import assemble
from red_timeloop.designs.variants import tiled
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.types import Mapping, Specification

LAYER = TransposedConv(32, 16, (4, 4), 4, stride=2, padding=1)


def mapped(name: str, crossbars: int | None = None) -> DesignResult:
    return evaluate(
        designs.find(name), LAYER, Hardware.load(), evaluate_specification, crossbars=crossbars
    )


def specification(name: str) -> Specification:
    plan = designs.find(name).plan(replace(LAYER, padding=0), Hardware.load())
    return assemble(plan, plan.parts[0], 1e-6)


@pytest.mark.parametrize("name", designs.names())
def test_mapping_chosen_is_no_worse_than_the_fixed_one(name: str) -> None:
    fixed = mapped(name)
    crossbars = fixed.plan.crossbars
    same_size = mapped(name, crossbars)
    assert same_size.energy * same_size.latency <= fixed.energy * fixed.latency * (1 + 1e-12)
    assert same_size.plan.crossbars <= crossbars


@pytest.mark.parametrize("name", designs.names())
def test_copies_share_the_pixels(name: str) -> None:
    fixed = mapped(name)
    limit = 4 * fixed.plan.crossbars
    copied = mapped(name, limit)
    assert copied.plan.crossbars <= limit
    assert copied.cycles * 4 == fixed.cycles
    assert copied.computes == fixed.computes
    assert any("4 copies" in note for note in copied.notes)
    assert 3 * fixed.area < copied.area < 5 * fixed.area


@pytest.mark.parametrize("name", ["red", "red_serial", "split_kernel"])
def test_the_part_of_most_operations_is_tiled_and_those_of_as_many_pixels(name: str) -> None:
    """Of 7 outputs an axis the modes make 4 or 3."""
    plan = designs.find(name).plan(TransposedConv(8, 4, (3, 3), 3, stride=2), Hardware.load())
    chosen = tiled(plan, 1e-6)
    pixels = [(part.problem.sizes["P"], part.problem.sizes["Q"]) for part in plan.parts]
    largest = max(
        (own.problem.operations, size) for own, size in zip(plan.parts, pixels, strict=True)
    )[1]
    changed = [new.loops != old.loops for new, old in zip(chosen.parts, plan.parts, strict=True)]
    assert changed == [size == largest for size in pixels]
    assert set(changed) == {True, False}


def test_too_few_crossbars_are_refused_with_the_number_needed() -> None:
    with pytest.raises(InputError, match=r"needs more than 1 crossbars \(legal: \d+ or more\)"):
        mapped("red", 1)


@pytest.mark.parametrize("name", [*designs.names(), "red_serial"])
def test_fixed_mappings_obey_their_constraints(name: str) -> None:
    plan = designs.find(name).plan(LAYER, Hardware.load())
    for part in plan.parts:
        check_rules(plan.architecture, plan.constraints, assemble(plan, part, 1e-6))


@pytest.mark.parametrize(
    ("name", "level", "change", "broken"),
    [
        ("red", "edram", {"temporal": (("C", 2),)}, "resident_weights"),
        ("red", "inter_column_spatial", {"spatial_x": (("A", 2),)}, "own_sub_crossbar"),
        ("red", "inter_mode_spatial", {"spatial_x": (("P", 2),)}, "side_by_side_modes"),
        ("red", "adc", {"temporal": (("Q", 4),)}, "one_step"),
        ("zero_padding", "inter_row_spatial", {"spatial_y": (("M", 2),)}, "matrix_rows"),
        ("padding_free", "inter_row_spatial", {"spatial_y": (("R", 2),)}, "channel_rows"),
        ("red_serial", "edram", {"temporal": (("A", 2),)}, "resident_weights"),
    ],
)
def test_broken_constraints_are_named(
    name: str, level: str, change: dict[str, object], broken: str
) -> None:
    spec = specification(name)
    assert spec.mapping is not None
    levels = dict(spec.mapping.levels)
    levels[level] = replace(levels[level], **change)  # type: ignore[arg-type]
    design = designs.find(name)
    changed = replace(spec, mapping=Mapping(levels))
    with pytest.raises(InputError, match=f"breaks the constraint {broken}"):
        check_rules(design.architecture, design.constraints, changed)


@pytest.mark.parametrize("name", designs.all_names())
def test_every_constraint_has_a_name_and_a_meaning(name: str) -> None:
    design = designs.find(name)
    assert design.constraints is not None
    meanings = rule_names(design.constraints)
    sizes = load_file(design.architecture)["variables"]
    # a container of one instance has no loops to constrain
    several = {
        name: 2 for name, size in sizes.items() if isinstance(size, int) and "width" not in name
    }
    files = design.architecture, design.constraints
    levels = read_constraints(*files, variables=several).levels
    named = {
        loops.rule
        for level in levels.values()
        for loops in (level.temporal, level.spatial)
        if loops.factors
    }
    assert named == set(meanings)
    assert all(meaning.endswith(".") for meaning in meanings.values())


@pytest.mark.parametrize("name", designs.all_names())
def test_block_and_flow_style_mean_the_same(name: str, tmp_path: Path) -> None:
    design = designs.find(name)
    assert design.constraints is not None
    block = tmp_path / "block.yaml"
    content = yaml.safe_load(design.constraints.read_text())
    block.write_text(yaml.safe_dump(content, default_flow_style=False))
    assert "{target" not in block.read_text()
    ours = read_constraints(design.architecture, design.constraints)
    assert read_constraints(design.architecture, block) == ours
    assert rule_names(block) == rule_names(design.constraints)


def test_compare_maps_when_asked() -> None:
    result = red_timeloop.compare(designs=["red"], layers=["GAN_Deconv4"], crossbars=2_000)
    ((mapped),) = result.results
    assert mapped.design_result.plan.crossbars <= 2_000
    assert any("at most 2000 crossbars" in line for line in result.assumptions)
