"""What a mapper may choose of a design's mapping, and what is refused, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from red_timeloop import TransposedConv, designs
from red_timeloop.designs import constraints as module
from red_timeloop.designs.constraints import check_rules, read_constraints, rule_names
from red_timeloop.designs.pinned import free_in_time, pinned
from red_timeloop.designs.plan import Plan
from red_timeloop.designs.specification import assemble
from red_timeloop.designs.variants import CROSSBARS, copied, folded, tiled
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.mapper import run
from red_timeloop.spec.types import (
    FactorConstraint,
    LevelMapping,
    LoopConstraint,
    Mapping,
    Specification,
)

OWN = Hardware.load()
LAYER = TransposedConv(32, 16, (4, 6), 4, stride=2, padding=1, batch=2)


def plan(name: str, layer: Layer = LAYER, **numbers: Any) -> Plan:
    return designs.find(name).plan(layer, OWN.replace(**numbers))


def specification(name: str, **numbers: Any) -> Specification:
    own = plan(name, **numbers)
    return assemble(own, own.parts[0], 1e-6)


def factors(loops: LoopConstraint) -> dict[str, int]:
    assert {each.comparison for each in loops.factors} <= {"="}
    return {each.dimension: each.value for each in loops.factors}


def test_what_runs_in_time_above_the_crossbars_is_open() -> None:
    """Pixels and images there; each loop across instances, and the fold's turns, stand as is."""
    found = free_in_time(specification("red", fold=2))
    assert found.mapping is None
    levels = found.constraints.levels
    ranks = "NCMRSABPQ"
    ones = dict.fromkeys(ranks, 1)
    for name in ("host", "edram", "input_buffer", "output_register"):
        # The fold's turns run in time too, so that their rank is open.
        assert factors(levels[name].temporal) == dict.fromkeys("CMRAB", 1), name
        assert levels[name].temporal.permutation == ()
    for name in ("adder", "shift_add", "adc", "array", "row_driver", "cell"):
        turns = {"S": 2} if name == "adder" else {}
        assert factors(levels[name].temporal) == ones | turns, name
        assert levels[name].temporal.permutation == tuple(turns)
    kept = levels["edram"].data_spaces
    assert (kept.keep, kept.bypass) == (("Inputs", "Outputs"), ("Weights",))
    for name, along, split in (
        ("inter_sub_crossbar_spatial", {"R": 2}, 1),
        ("inter_column_spatial", {"M": 16}, 1),
        ("inter_row_spatial", {"C": 32}, 0),  # along y
    ):
        spatial = levels[name].spatial
        assert factors(spatial) == ones | along
        assert spatial.permutation[: len(along)] == tuple(along)
        assert sorted(spatial.permutation) == sorted(ranks)
        assert spatial.split == split


def test_loops_that_are_held_are_those_of_levels_that_are_not_open() -> None:
    """Open is one rank at one level; loops over a rank count together."""
    own = specification("red")
    assert own.mapping is not None
    loops = (("P", 2), ("Q", 3), ("P", 2))
    levels = {**own.mapping.levels, "edram": LevelMapping(temporal=loops)}
    found = pinned(replace(own, mapping=Mapping(levels)), {"edram": {"Q"}}).constraints.levels
    assert factors(found["edram"].temporal) == {**dict.fromkeys("NCMRSAB", 1), "P": 4}
    assert found["edram"].temporal.permutation == ()
    assert factors(found["host"].temporal)["P"] == 4
    assert found["host"].temporal.permutation == ("P", "N")
    assert found["input_buffer"].temporal.permutation == ("Q",)


def test_what_the_constraints_say_of_ranks_that_are_not_there_is_left_out() -> None:
    """The files are of two axes: a layer of one has no R, A and P."""
    design = designs.find("red")
    layer = TransposedConv(4, 4, (8,), 4, stride=2)
    problem = plan("red", layer).parts[0].problem
    both = read_constraints(design.architecture, design.constraints).levels["adder"].temporal
    one = read_constraints(design.architecture, design.constraints, problem).levels["adder"]
    assert set("RAP") & set(factors(both)) == set("AP")
    assert list(factors(one.temporal)) == [r for r in factors(both) if r not in "RAP"]
    assert one.temporal.rule == both.rule == "one_step"
    known = LoopConstraint(permutation=("R", "S", "P"), outermost=("A", "B"))
    kept = module._known(known, problem)
    assert (kept.permutation, kept.outermost) == (("S",), ("B",))


@pytest.mark.parametrize(
    ("condition", "count", "legal"),
    [
        (("P", "=", 3), 3, True),
        (("P", "=", 3), 2, False),
        (("P", "<=", 3), 3, True),
        (("P", "<=", 3), 4, False),
        (("P", ">=", 3), 3, True),
        (("P", ">=", 3), 2, False),
        (("P", "=", 0), 4, True),  # all that there is
        (("P", "=", 0), 3, False),
        (("N", "=", 1), 3, True),  # of a rank without a loop
        (("N", "=", 2), 3, False),
    ],
)
def test_a_loop_is_held_to_its_condition(
    condition: tuple[str, Any, int], count: int, legal: bool
) -> None:
    own = specification("red")
    level = own.architecture.mapped_levels[0]
    for rule, meaning in (("own_rule", "what it means"), ("", str(FactorConstraint(*condition)))):
        bounds = LoopConstraint(factors=(FactorConstraint(*condition),), rule=rule)
        arguments = (level, (("P", count),), bounds, own.problem, {"own_rule": "what it means"})
        if legal:
            module._check(*arguments)  # type: ignore[arg-type]
            continue
        with pytest.raises(InputError) as caught:
            module._check(*arguments)  # type: ignore[arg-type]
        said = {"P": count}.get(condition[0], 1)
        name = rule or meaning
        assert caught.value.message == (
            f"{condition[0]}={said} at host (temporal) breaks the constraint {name} of "
            "deconvolution_modes"
        )
        assert caught.value.legal == meaning


def test_rules_are_names_and_meanings(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules_ignored_by_timeloop: [one, two]")
    with pytest.raises(InputError, match=r"rules_ignored_by_timeloop: rules are names and what"):
        rule_names(file)
    file.write_text("rules_ignored_by_timeloop: {1: 2}")
    assert rule_names(file) == {"1": "2"}
    file.write_text("{}")
    assert rule_names(file) == {}


def test_what_cannot_be_checked_is_refused() -> None:
    own, files = specification("red"), (plan("red").architecture, plan("red").constraints)
    for nothing in (replace(own, mapping=None), replace(own, problem=None)):
        with pytest.raises(InputError, match="mapping: there is no mapping to check"):
            check_rules(*files, nothing)
    # Of a level with rules that is not there; without rules it is a container of one instance.
    levels = tuple(each for each in own.architecture.levels if each.name != "adder")
    fewer = replace(own, architecture=replace(own.architecture, levels=levels))
    with pytest.raises(InputError, match="there is no adder here, which the constraints are about"):
        check_rules(*files, fewer)
    check_rules(*files, own)


def test_the_turns_of_a_fold_may_run_anywhere_in_time() -> None:
    own = specification("red", fold=2)
    assert own.mapping is not None
    levels = {**own.mapping.levels, "adder": replace(own.mapping.levels["adder"], temporal=())}
    levels["host"] = replace(levels["host"], temporal=(*levels["host"].temporal, ("S", 2)))
    moved = replace(own, mapping=Mapping(levels))
    files = plan("red").architecture, plan("red").constraints
    check_rules(*files, moved, turns=frozenset("RS"))
    with pytest.raises(InputError, match=r"S=2 at host \(temporal\) breaks .* resident_weights"):
        check_rules(*files, moved)


def test_a_mapping_that_keeps_nothing_where_the_design_does_is_refused() -> None:
    own = specification("red")
    assert own.mapping is not None
    levels = {**own.mapping.levels, "edram": LevelMapping(bypass=("Weights", "Inputs", "Outputs"))}
    files = plan("red").architecture, plan("red").constraints
    with pytest.raises(InputError, match="legal: the design's constraints"):
        check_rules(*files, replace(own, mapping=Mapping(levels)))


def test_a_chip_has_the_crossbars_of_isaac() -> None:
    assert CROSSBARS == 168 * 12 * 8  # tiles, IMAs in each, crossbars in each of those


@pytest.mark.parametrize("name", ["zero_padding", "padding_free", "split_kernel"])
def test_designs_that_do_not_fold_have_one_plan(name: str) -> None:
    design = designs.find(name)
    assert list(folded(design, LAYER, OWN)) == [plan(name)]
    twice = OWN.replace(fold=2)
    assert list(folded(design, LAYER, twice)) == [design.plan(LAYER, twice)]
    assert not list(copied(plan("eyeriss"), 10**6))[1:]  # no crossbars to copy


def test_folds_end_with_the_kernel_pixels_of_a_mode() -> None:
    pair = TransposedConv(8, 8, (4,), 2, stride=1)  # one mode of two
    found = list(folded(designs.find("red"), pair, OWN))
    assert [each.hardware.fold for each in found] == [1, 2]
    alone = TransposedConv(8, 8, (4,), 2, stride=2)  # modes of one
    assert [each.hardware.fold for each in folded(designs.find("red"), alone, OWN)] == [1]
    nothing = TransposedConv(4, 3, (2, 2), 1, stride=3, padding=1)
    assert len(list(folded(designs.find("red"), nothing, OWN))) == 1


@pytest.mark.parametrize("name", ["red", "padding_free"])
def test_copies_share_pixels_and_have_buffers_for_all(name: str) -> None:
    """Of 4 x 6 pixels, three copies along the second axis in a third of the steps."""
    one = plan(name)
    found = [each for each in copied(one, 3 * one.crossbars) if each.crossbars == 3 * one.crossbars]
    (three,) = found
    assert three.steps == 24 // 3
    for part, own in zip(three.parts, one.parts, strict=True):
        assert part.loops is not None
        assert part.loops["copy"].x == (("P", 1), ("Q", 3))
        assert part.loops["host"].temporal == (("P", 4), ("N", 2))
        buffer = "output_buffer" if name == "padding_free" else "input_buffer"
        assert part.loops[buffer].temporal[-1] == ("Q", 2)
        grown = ("copies", "served_arrays", "edram_depth", "input_buffer_depth")
        grown += ("output_buffer_depth",) if name == "padding_free" else ()
        sizes = {
            key: value * 3 if key in grown else value for key, value in vars(own.sizes).items()
        }
        assert vars(part.sizes) == sizes
        assert part.notes[-1] == "3 copies of the crossbars share the output pixels"
    assert [each.crossbars for each in copied(one, one.crossbars)] == [one.crossbars]


def test_copies_share_the_pixels_of_all_parts() -> None:
    """Modes of 4 and of 3 pixels an axis have no number in common."""
    own = plan("red", TransposedConv(8, 4, (3, 3), 3, stride=2))
    assert {part.problem.sizes["P"] for part in own.parts} == {3, 4}
    assert list(copied(own, 10**6)) == [own]


def answered(monkeypatch: pytest.MonkeyPatch, change: Any) -> list[tuple[Any, Any]]:
    """Let searches answer with the part's own mapping, changed; return what they are asked."""
    asked: list[tuple[Any, Any]] = []
    own = specification("red").mapping
    assert own is not None

    def map_all(specifications: Any, budget: int, *_: int) -> Any:
        asked.append((specifications[0], budget))
        return [[change if isinstance(change, InputError) else (1.0, change(own))]]

    monkeypatch.setattr(run, "map_all", map_all)
    return asked


def test_a_part_is_cut_over_the_buffers_as_the_search_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Energy is what is searched for: cycles are the design's."""

    def cut(own: Mapping) -> Mapping:
        levels = dict(own.levels)
        levels["host"] = replace(levels["host"], temporal=(("P", 2), ("N", 2)))
        levels["edram"] = replace(levels["edram"], temporal=(("P", 2),))
        return Mapping(levels)

    asked = answered(monkeypatch, cut)
    one = plan("red")
    found = tiled(one, 1e-6)
    (((specification,), budget),) = asked
    assert (specification.objective, budget) == ("energy", 4000)
    assert specification.problem == one.parts[0].problem  # of a group, not of all inputs
    levels = specification.constraints.levels
    assert set("NPQ").isdisjoint(factors(levels["edram"].temporal))
    assert factors(levels["output_register"].temporal)["P"] == 1
    for part, own in zip(found.parts, one.parts, strict=True):
        assert part.loops is not None
        assert own.loops is not None
        assert part.loops["host"].temporal == (("P", 2), ("N", 2))
        assert part.loops["edram"].temporal == (("P", 2),)
        assert part.loops["input_buffer"].temporal == (("Q", 6),)
        rest = own.loops.keys() - {"host", "edram", "input_buffer"}
        assert all(part.loops[target] == own.loops[target] for target in rest)


def test_an_answer_that_is_no_design_s_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(own: Mapping) -> Mapping:
        levels = dict(own.levels)
        levels["edram"] = replace(levels["edram"], temporal=(("C", 32),))
        return Mapping(levels)

    answered(monkeypatch, broken)
    with pytest.raises(InputError, match=r"C=32 at edram .* resident_weights"):
        tiled(plan("red"), 1e-6)
    answered(monkeypatch, InputError("no mapping is legal"))
    with pytest.raises(InputError, match="no mapping is legal"):
        tiled(plan("red"), 1e-6)
    nothing = plan("red", TransposedConv(4, 3, (2, 2), 1, stride=3, padding=1))
    assert tiled(nothing, 1e-6) is nothing
