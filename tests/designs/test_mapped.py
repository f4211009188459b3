"""ReRAM designs whose open choices the mapper makes, and the constraints by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

import red_timeloop
from red_timeloop import TransposedConv, designs
from red_timeloop.designs.assemble import assemble
from red_timeloop.designs.mapped import evaluate_mapped
from red_timeloop.designs.plan import Plan
from red_timeloop.designs.rules import check_rules, rules
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.types import Mapping, Specification

LAYER = TransposedConv(32, 16, (4, 4), 4, stride=2, padding=1)


def design(name: str) -> designs.Design:
    found = designs.get(name)
    assert isinstance(found, designs.Design)
    return found


def specification(name: str) -> Specification:
    plan = design(name).plan(replace(LAYER, padding=0), Hardware.load())
    return assemble(plan, plan.parts[0], 1e-6)


@pytest.mark.parametrize("name", designs.names())
def test_mapping_chosen_is_no_worse_than_the_fixed_one(name: str) -> None:
    fixed = design(name).evaluate(LAYER, Hardware.load(), evaluate_specification)
    crossbars = fixed.plan.crossbars
    same_size = evaluate_mapped(
        design(name), LAYER, Hardware.load(), evaluate_specification, crossbars
    )
    assert same_size.energy * same_size.latency <= fixed.energy * fixed.latency * (1 + 1e-12)
    assert same_size.plan.crossbars <= crossbars


@pytest.mark.parametrize("name", designs.names())
def test_copies_share_the_pixels(name: str) -> None:
    fixed = design(name).evaluate(LAYER, Hardware.load(), evaluate_specification)
    limit = 4 * fixed.plan.crossbars
    mapped = evaluate_mapped(design(name), LAYER, Hardware.load(), evaluate_specification, limit)
    assert mapped.plan.crossbars <= limit
    assert mapped.cycles * 4 == fixed.cycles
    assert mapped.computes == fixed.computes
    assert any("4 copies" in note for note in mapped.plan.notes)
    assert 3 * fixed.area < mapped.area < 5 * fixed.area


def test_too_few_crossbars_are_refused_with_the_number_needed() -> None:
    with pytest.raises(InputError, match=r"needs more than 1 crossbars \(legal: \d+ or more\)"):
        evaluate_mapped(design("red"), LAYER, Hardware.load(), evaluate_specification, 1)


@pytest.mark.parametrize("name", designs.names())
def test_fixed_mappings_obey_their_constraints(name: str) -> None:
    plan = design(name).plan(LAYER, Hardware.load())
    assert isinstance(plan, Plan)
    for part in plan.parts:
        check_rules(plan.architecture, assemble(plan, part, 1e-6))


@pytest.mark.parametrize(
    ("name", "level", "change", "broken"),
    [
        ("red", "edram", {"temporal": (("C", 2),)}, "resident_weights"),
        ("red", "inter_column_spatial", {"spatial_x": (("A", 2),)}, "own_sub_crossbar"),
        ("red", "inter_mode_spatial", {"spatial_x": (("P", 2),)}, "side_by_side_modes"),
        ("red", "adc", {"temporal": (("Q", 4),)}, "one_step"),
        ("zero_padding", "inter_row_spatial", {"spatial_y": (("M", 2),)}, "matrix_rows"),
        ("padding_free", "inter_row_spatial", {"spatial_y": (("R", 2),)}, "channel_rows"),
    ],
)
def test_broken_constraints_are_named(
    name: str, level: str, change: dict[str, object], broken: str
) -> None:
    spec = specification(name)
    assert spec.mapping is not None
    levels = dict(spec.mapping.levels)
    levels[level] = replace(levels[level], **change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"breaks the constraint {broken}"):
        check_rules(name, replace(spec, mapping=Mapping(levels)))


@pytest.mark.parametrize("name", [*designs.names(), "eyeriss", "simba"])
def test_every_constraint_has_a_name_and_a_meaning(name: str) -> None:
    found = rules(name)
    assert found
    assert all((rule.name and rule.meaning.endswith(".")) or rule.meaning for rule in found)
    targets = [(rule.target, rule.kind) for rule in found]
    assert len(set(targets)) == len(targets)


def test_compare_maps_when_asked() -> None:
    result = red_timeloop.compare(designs=["red"], layers=["GAN_Deconv4"], crossbars=2_000)
    ((mapped),) = result.results
    assert mapped.design_result.plan.crossbars <= 2_000
    assert any("at most 2000 crossbars" in line for line in result.assumptions)
