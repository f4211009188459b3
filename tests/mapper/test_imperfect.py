"""The search over imperfect factors: against all of them by brute force, and cycles by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest
from close import near
from mapper.test_mapper import architecture, constraints, specification

from red_timeloop.engines.embedded import evaluate
from red_timeloop.engines.embedded.sparse.evaluation import SparseProblem
from red_timeloop.errors import InputError
from red_timeloop.mapper import imperfect
from red_timeloop.mapper.find import find
from red_timeloop.mapper.imperfect import improve
from red_timeloop.mapper.run import search_specification, space_of
from red_timeloop.spec.sparsity import SparseOptimizations
from red_timeloop.spec.types import FactorConstraint, LoopConstraint, Mapping, Specification


def with_loops(given: Mapping, ends: tuple[int, ...], lasts: tuple[int, ...]) -> Mapping:
    """Return a mapping of C alone: loops at dram, buffer, across, register, from the outside in."""
    levels = dict(given.levels)
    names = ("dram", "buffer", "inter_pe_spatial", "register")
    for name, end, last in zip(names, ends, lasts, strict=True):
        loop = (("C", end),) if end > 1 else ()
        rest = (("C", last),) if last != end else ()
        across = name == "inter_pe_spatial"
        levels[name] = replace(
            levels[name],
            temporal=() if across else loop,
            spatial_x=loop if across else (),
            temporal_remainders=() if across else rest,
            spatial_remainders=rest if across else (),
        )
    return Mapping(levels)


def every_value(spec: Specification, given: Mapping, size: int, fan_out: int) -> list[float]:
    values = []
    for ends in product(range(1, size + 1), repeat=4):
        if ends[2] > fan_out:
            continue
        for lasts in product(*(range(1, end + 1) for end in ends)):
            outer = next((n for n, end in enumerate(ends) if end > 1), 0)
            mapping = with_loops(given, ends, lasts)
            if lasts[outer] != ends[outer] or mapping.size("C") != size:
                continue
            assert spec.problem is not None
            try:
                found = evaluate(spec.architecture, spec.problem, mapping, spec.ert)
            except InputError:
                continue
            values.append(found.energy * found.cycles * max(1.0, size / found.computes))
    return values


def test_the_best_of_all_imperfect_mappings_is_found() -> None:
    spec = specification({"C": 5}, machine=architecture((3, 1), 400))
    perfect, _, plain = search_specification(spec)
    mapping, result, report = search_specification(spec, budget=10_000, imperfect=True)
    best = min(every_value(spec, perfect, 5, 3))
    assert report.value == near(best)
    assert report.value == near(report.scale * result.energy * result.cycles)
    assert best < plain.value
    assert mapping.imperfect
    assert mapping.size("C") == 5
    assert (report.optimal, report.gap, report.padding) == (False, None, {})


def test_a_prime_takes_as_many_cycles_as_its_last_pass_needs() -> None:
    machine = architecture((4, 2), 400)
    levels = tuple(replace(level, read_bandwidth=None) for level in machine.levels)
    spec = specification({"C": 13, "P": 11}, machine=replace(machine, levels=levels))
    mapping, result, report = search_specification(spec, "delay", budget=10_000, imperfect=True)
    # 13 over 4 columns and 11 over 2 rows; 11 over 4 and 13 over 2 take less: 3 passes of 7
    assert result.cycles == 3 * 7
    assert {name: mapping.size(name) for name in "CP"} == {"C": 13, "P": 11}
    assert report.scale == near(max(1.0, 13 * 11 / result.computes))
    _, padded, _ = search_specification(spec, "delay", padding=True)
    assert result.cycles == padded.cycles
    assert report.scale * result.energy < padded.energy


@pytest.mark.parametrize(("allowed", "cycles"), [(None, 7 * 3), (1, 13 * 3)])
def test_as_many_imperfect_factors_as_the_constraints_allow(
    allowed: int | None, cycles: int
) -> None:
    machine = architecture((4, 2), 400)
    levels = tuple(replace(level, read_bandwidth=None) for level in machine.levels)
    given = constraints()
    across, register = given.levels["inter_pe_spatial"], given.levels["register"]
    none = tuple(FactorConstraint(name, "=", 1) for name in "CP")
    given = constraints(
        inter_pe_spatial=replace(across, spatial=LoopConstraint(remainders=allowed)),
        register=replace(register, temporal=LoopConstraint(factors=none)),
    )
    spec = specification({"C": 13, "P": 11}, given, replace(machine, levels=levels))
    mapping, result, _ = search_specification(spec, "delay", budget=10_000, imperfect=True)
    assert result.cycles == cycles
    assert len(mapping.levels["inter_pe_spatial"].spatial_remainders) == (allowed or 2)


def test_what_is_not_searched_for_imperfect_factors_is_refused() -> None:
    spec = specification({"C": 5})
    with pytest.raises(InputError, match="no imperfect factors are searched for here"):
        search_specification(spec, "pareto", imperfect=True)
    gates = replace(spec.architecture.levels[-1], sparse=SparseOptimizations(compute=("gating",)))
    sparse = replace(spec.architecture, levels=(*spec.architecture.levels[:-1], gates))
    with pytest.raises(InputError, match="dense tensors"):
        search_specification(replace(spec, architecture=sparse), imperfect=True)


def test_what_no_mapping_can_be_is_not_settled() -> None:
    limited = LoopConstraint(factors=(FactorConstraint("C", "<=", 2),))
    given = constraints(buffer=replace(constraints().levels["buffer"], temporal=limited))
    spec = specification({"C": 5, "P": 3}, given, architecture((2, 2), 400))
    assert spec.problem is not None
    space = space_of(spec, spec.problem)
    problem = SparseProblem.of(spec.architecture, spec.problem, spec.ert)
    walk = imperfect._Walk(spec, space, problem, "edp", random.Random(0))
    place = {(p.kind, space.machine.levels[p.level].name): n for n, p in enumerate(space.places)}
    x, y = (place[axis, "inter_pe_spatial"] for axis in "xy")
    buffer, dram = (place["temporal", name] for name in ("buffer", "dram"))
    levels = space.keeps[0]
    orders = ((0, 1, 2, 3),) * len(space.machine.levels)
    c = space.shape.index("C")

    def settled(*ends: tuple[int, int]) -> Mapping | None:
        rows = [[1] * len(space.shape.sizes) for _ in space.places]
        for number, end in ends:
            rows[number][c] = end
        return walk.settled(imperfect._Candidate(levels, tuple(map(tuple, rows)), orders))

    perfect = settled((dram, 5))
    assert perfect is not None
    assert not perfect.imperfect
    found = settled((x, 2), (dram, 3))
    assert found is not None
    assert found.levels["inter_pe_spatial"].spatial_remainders == (("C", 1),)
    assert settled((x, 2), (y, 2), (dram, 2)) is None  # one loop, along X or along Y
    assert settled((x, 3), (dram, 2)) is None  # there are two columns
    assert settled((buffer, 2), (dram, 3)) is not None
    assert settled((buffer, 3), (dram, 2)) is None
    assert improve(spec, space, [], "edp", 9, 0, lambda: False) is None
    busy = replace(space, least_used=2.0)
    walk = imperfect._Walk(spec, busy, problem, "edp", random.Random(0))
    assert settled((dram, 5)) is None
    assert settled((x, 2), (dram, 3)) is not None


def test_changes_that_lead_to_nothing_new_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A space of few mappings has been through long before the budget."""
    spec = specification({"C": 5}, constraints(), architecture((2, 2), 400))
    assert spec.problem is not None
    space = space_of(spec, spec.problem)
    nest = find(space, "edp", 50).nest
    assert nest is not None
    monkeypatch.setattr(imperfect, "_REPEATS", 20)
    asked = iter(range(3000))
    improve(spec, space, [nest], "edp", 10**9, 0, lambda: next(asked) == 2999)
    assert next(asked, 2999) < 2999
