"""The mapper against brute force, its constraints, its certificate and its errors."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from close import near
from mapper.small_spaces import NAMES, problem

from red_timeloop.engines.embedded import evaluate, evaluate_nest
from red_timeloop.engines.embedded.machine import build_machine, build_shape
from red_timeloop.engines.embedded.nest import Nest, check_nest
from red_timeloop.errors import InputError
from red_timeloop.mapper.candidates import Candidates, Objective
from red_timeloop.mapper.find import ENDS as OBJECTIVES
from red_timeloop.mapper.find import find, forget
from red_timeloop.mapper.run import search_specification
from red_timeloop.mapper.space import Space, build_space
from red_timeloop.spec.sparsity import SparseOptimizations
from red_timeloop.spec.types import (
    Architecture,
    Constraints,
    DataSpaceConstraint,
    ErtTable,
    FactorConstraint,
    Level,
    LevelConstraints,
    LoopConstraint,
    Specification,
)


def architecture(fan_out: tuple[int, int] = (2, 1), size: int = 16) -> Architecture:
    x, y = fan_out
    return Architecture(
        (
            Level("dram", "storage"),
            Level("buffer", "storage", size=size, read_bandwidth=2.0),
            Level("inter_pe_spatial", "spatial", "pe", mesh_x=x, mesh_y=y),
            Level("register", "storage", instances_x=x, instances_y=y, size=4),
            Level("mac", "compute", instances_x=x, instances_y=y),
        )
    )


ERT = ErtTable(
    {
        "dram": {"read": 64e-12, "write": 65e-12, "update": 66e-12, "leak": 0.0},
        "buffer": {"read": 6e-12, "write": 7e-12, "update": 8e-12, "leak": 1e-13},
        "register": {"read": 0.5e-12, "write": 0.6e-12, "update": 0.7e-12, "leak": 2e-14},
        "mac": {"compute": 1e-12},
    }
)


def constraints(**levels: LevelConstraints) -> Constraints:
    keep_all = LevelConstraints(data_spaces=DataSpaceConstraint(keep=NAMES))
    return Constraints(
        {
            "dram": keep_all,
            "buffer": LevelConstraints(
                data_spaces=DataSpaceConstraint(keep=("Inputs", "Outputs"), bypass=("Weights",))
            ),
            "inter_pe_spatial": LevelConstraints(data_spaces=DataSpaceConstraint(bypass=NAMES)),
            "register": LevelConstraints(
                data_spaces=DataSpaceConstraint(keep=("Weights",), bypass=("Inputs", "Outputs"))
            ),
            **levels,
        }
    )


def specification(
    sizes: dict[str, int],
    given: Constraints | None = None,
    machine: Architecture | None = None,
) -> Specification:
    return Specification(
        machine or architecture(), problem(**sizes), given or constraints(), ert=ERT
    )


def space_of(spec: Specification) -> Space:
    assert spec.problem is not None
    machine = build_machine(spec.architecture, NAMES, spec.ert, None)
    return build_space(machine, build_shape(spec.problem), spec.constraints)


def brute_force(space: Space, objective: Objective) -> tuple[float, int]:
    """Evaluate every way to deal every dimension in every order of all loops, one by one."""
    best, legal = float("inf"), 0
    tables = [space.options(dimension) for dimension in range(len(space.shape.sizes))]
    for levels in space.keeps:
        for columns in itertools.product(*tables):
            factors = np.stack(columns, axis=1)[None]
            order = np.tile(np.arange(factors.shape[2]), (1, len(levels), 1))
            plain = Candidates(levels, factors, order).batch(space).nest(0)
            choices = [list(itertools.permutations(level.temporal)) for level in plain.levels]
            for orders in itertools.product(*choices):
                nest = Nest(
                    tuple(
                        replace(level, temporal=order)
                        for level, order in zip(plain.levels, orders, strict=True)
                    )
                )
                try:
                    check_nest(nest, space.machine, space.shape)
                    result = evaluate_nest(nest, space.machine, space.shape)
                except InputError:
                    break
                legal += 1
                value = {
                    "edp": result.energy * result.cycles,
                    "energy": result.energy,
                    "delay": result.cycles + 0.5 * result.energy / (result.energy + 1e-6),
                }[objective]
                best = min(best, value)
    return best, legal


TINY = [
    specification({"C": 2, "R": 2, "P": 4}),
    specification({"M": 2, "R": 3, "P": 4}),
    specification({"C": 2, "M": 2, "P": 2}, machine=architecture((2, 2))),
    specification({"R": 2, "P": 6}, machine=architecture((3, 1), size=9)),
    specification(
        {"C": 2, "P": 3},
        constraints(
            buffer=LevelConstraints(),
            register=LevelConstraints(data_spaces=DataSpaceConstraint(bypass=("Outputs",))),
        ),
    ),
]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("spec", TINY, ids=range(len(TINY)))
def test_optimum_is_that_of_brute_force(spec: Specification, objective: Objective) -> None:
    space = space_of(spec)
    expected, legal = brute_force(space, objective)
    found = find(space, objective)
    assert found.optimal
    assert found.value == near(expected, rel=1e-12)
    assert legal > 0


@pytest.mark.parametrize("spec", TINY, ids=range(len(TINY)))
def test_guided_search_finds_the_optimum_of_tiny_spaces(spec: Specification) -> None:
    from red_timeloop.mapper.descent import Task, guide
    from red_timeloop.mapper.exact.goals import Lowest

    space, goal = space_of(spec), Lowest("edp")
    assert guide([Task(space, "edp", 10_000, 1, goal.add)])[0] <= 10_000 + 2_000
    assert goal.value == near(find(space, "edp").value, rel=1e-12)


def test_bound_is_below_the_optimum() -> None:
    from red_timeloop.mapper.bound import build_bound

    for spec in TINY:
        space = space_of(spec)
        for objective in OBJECTIVES:
            assert build_bound(space, objective).lowest <= find(space, objective).value


def test_equal_seeds_give_equal_mappings() -> None:
    spec = specification({"C": 16, "M": 8, "R": 3, "P": 16}, machine=architecture((4, 2), 64))
    first, _, report = search_specification(spec, budget=4000, seed=3)
    forget()
    second, _, again = search_specification(spec, budget=4000, seed=3)
    assert first == second
    assert report.evaluated == again.evaluated


def test_result_is_the_model_s_with_a_certificate() -> None:
    spec = specification({"C": 2, "R": 2, "P": 4})
    mapping, result, report = search_specification(spec)
    assert spec.problem is not None
    direct = evaluate(spec.architecture, spec.problem, mapping, ERT)
    assert result.energy == direct.energy
    assert report.optimal is True
    assert report.gap == 0
    assert report.value == near(direct.energy * direct.cycles)
    assert set(report.pruned) == {"instances", "floor", "tiles", "walk"}


def test_budget_ends_the_search_with_a_gap() -> None:
    spec = specification({"C": 32, "M": 32, "R": 3, "P": 32}, machine=architecture((4, 2), 64))
    _, _, report = search_specification(spec, budget=300, proof=False)
    assert report.optimal is False
    assert report.gap is not None
    assert report.gap > 0
    assert report.bound is not None
    assert 0 < report.bound < report.value


def test_interruption_returns_the_best_so_far() -> None:
    space = space_of(
        specification({"C": 32, "M": 32, "R": 3, "P": 32}, machine=architecture((4, 2), 64))
    )
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    found = find(space, "edp", 100_000, seed=9, stop=stop)
    assert found.nest is not None
    assert not found.optimal


def one(level: str, kind: str, constraint: LoopConstraint) -> Constraints:
    base = constraints().levels[level]
    return constraints(
        **{level: replace(base, **{kind: constraint})}  # type: ignore[arg-type]
    )


def conditions(*texts: tuple[str, str, int]) -> LoopConstraint:
    return LoopConstraint(factors=tuple(FactorConstraint(*each) for each in texts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "kind", "constraint", "dimension", "allowed"),
    [
        ("dram", "temporal", conditions(("P", "=", 2)), "P", {2}),
        ("dram", "temporal", conditions(("P", "=", 0)), "P", {8}),
        ("buffer", "temporal", conditions(("P", "<=", 2)), "P", {1, 2}),
        ("buffer", "temporal", conditions(("P", ">=", 4)), "P", {4, 8}),
        ("register", "temporal", LoopConstraint(default_max_factor=2), "P", {1, 2}),
        ("inter_pe_spatial", "spatial", conditions(("P", "=", 2)), "P", {2}),
    ],
)
def test_factor_constraints_hold(
    level: str, kind: str, constraint: LoopConstraint, dimension: str, allowed: set[int]
) -> None:
    mapping, _, _ = search_specification(
        specification({"C": 4, "P": 8}, one(level, kind, constraint)), "energy"
    )
    loops = mapping.levels[level]
    chosen = loops.temporal if kind == "temporal" else loops.spatial_x + loops.spatial_y
    assert dict(chosen).get(dimension, 1) in allowed


def test_pinned_orders_hold() -> None:
    spec = specification(
        {"C": 4, "M": 4, "P": 8},
        one("dram", "temporal", LoopConstraint(permutation=("M",), outermost=("C",))),
        architecture((1, 1), 8),
    )
    space = space_of(spec)
    for objective in OBJECTIVES:
        nest = find(space, objective).nest
        assert nest is not None
        order = [dimension for dimension, _ in nest.levels[-1].temporal]
        if 1 in order:
            assert order[0] == 1
        if 0 in order:
            assert order[-1] == 0


def test_split_decides_between_x_and_y() -> None:
    split = LoopConstraint(permutation=("C", "P", "M", "R"), split=1)
    given = replace(one("inter_pe_spatial", "spatial", split), min_utilization=1.0)
    spec = specification({"C": 4, "P": 4}, given, architecture((2, 2)))
    mapping, _, _ = search_specification(spec, "delay")
    chosen = mapping.levels["inter_pe_spatial"]
    assert chosen.spatial_x == (("C", 2),)
    assert chosen.spatial_y == (("P", 2),)


def test_minimum_utilization_holds() -> None:
    given = replace(constraints(), min_utilization=1.0)
    spec = specification({"C": 4, "P": 4}, given, architecture((2, 2)))
    _, result, _ = search_specification(spec, "energy")
    assert result.levels["mac"].utilized_instances == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (one("buffer", "temporal", conditions(("C", "=", 3))), r"buffer \(temporal\): C=3 cannot"),
        (
            one("inter_pe_spatial", "spatial", conditions(("C", "=", 4))),
            "inter_pe_spatial: C must have at least 4",
        ),
        (
            one("inter_pe_spatial", "spatial", conditions(("C", ">=", 2), ("P", ">=", 2))),
            "inter_pe_spatial: the constraints need 4 instances along X, the fan-out is 2",
        ),
        (
            constraints(
                **{
                    name: replace(
                        constraints().levels[name],
                        data_spaces=DataSpaceConstraint(bypass=("Inputs",)),
                    )
                    for name in ("dram", "buffer", "register")
                }
            ),
            "constraints: a data space is bypassed at every level",
        ),
        (
            constraints(
                **{
                    name: replace(constraints().levels[name], temporal=conditions(("C", "=", 1)))
                    for name in ("dram", "buffer", "register")
                }
            ),
            "size 4 of dimension C cannot be dealt .*C=1 at dram",
        ),
        (
            constraints(
                register=LevelConstraints(
                    temporal=conditions(("C", ">=", 4), ("P", ">=", 2)),
                    data_spaces=DataSpaceConstraint(keep=NAMES),
                )
            ),
            "no mapping is legal: .*capacity",
        ),
    ],
)
def test_constraints_that_cannot_be_met_are_named(given: Constraints, message: str) -> None:
    with pytest.raises(InputError, match=message):
        search_specification(specification({"C": 4, "P": 4}, given))


def test_unknown_objective_and_budget_are_refused() -> None:
    spec = specification({"P": 2})
    with pytest.raises(InputError, match="unknown objective 'speed'"):
        search_specification(spec, "speed")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a budget of 0 mappings"):
        search_specification(spec, budget=0)


def test_awkward_sizes_are_padded_when_that_is_better() -> None:
    spec = specification({"C": 13, "P": 11}, machine=architecture((4, 2), 400))
    _, plain, not_padded = search_specification(spec, "delay")
    mapping, result, report = search_specification(spec, "delay", padding=True)
    assert not_padded.padding == {}
    assert report.padding == {"C": (13, 14), "P": (11, 12)}
    assert result.computes == 14 * 12
    assert result.cycles < plain.cycles
    assert math.prod(mapping.factors("C")) == 14
    _, _, never = search_specification(specification({"C": 12, "P": 8}), padding=True)
    assert never.padding == {}


def test_as_many_instances_as_the_constraints_need_are_enough() -> None:
    given = one("inter_pe_spatial", "spatial", conditions(("C", ">=", 2), ("P", ">=", 2)))
    _, result, _ = search_specification(
        specification({"C": 4, "P": 4}, given, architecture((4, 1)))
    )
    assert result.levels["mac"].utilized_instances == 4


def test_no_front_is_searched_for_sparse_tensors() -> None:
    spec = specification({"C": 4})
    gates = replace(spec.architecture.levels[-1], sparse=SparseOptimizations(compute=("gating",)))
    sparse = replace(spec.architecture, levels=(*spec.architecture.levels[:-1], gates))
    with pytest.raises(InputError, match="objective: no front is searched for sparse tensors"):
        search_specification(replace(spec, architecture=sparse), "pareto")
