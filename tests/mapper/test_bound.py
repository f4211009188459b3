"""The bound that prunes the search, by hand, and that what it prunes is not the optimum."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from close import near
from mapper.small_spaces import NAMES, all_mappings, problem

from red_timeloop.engines.embedded.machine import build_machine, build_shape
from red_timeloop.mapper.bound import build_bound
from red_timeloop.mapper.candidates import Objective, value_of
from red_timeloop.mapper.exact.goals import Lowest
from red_timeloop.mapper.exhaustive import Coverage, exhaust
from red_timeloop.mapper.space import Limits, Space, build_space
from red_timeloop.spec.types import (
    Architecture,
    Constraints,
    DataSpaceConstraint,
    ErtTable,
    FactorConstraint,
    Level,
    LevelConstraints,
    LoopConstraint,
)

PRICES = {  # a memory that costs nothing hides no other level
    "dram": {"read": 0.0, "write": 0.0, "update": 0.0, "leak": 0.0},
    "register": {"read": 5e-12, "write": 7e-12, "update": 11e-12, "leak": 3e-12},
    "mac": {"compute": 13e-12},
}


def space(
    mesh: tuple[int, int] = (1, 1),
    keep: tuple[str, ...] | None = NAMES,
    least: float = 0.0,
    spatial: LoopConstraint | None = None,
    latency: int = 0,
    size: int = 40,
    below: bool = False,
    **sizes: int,
) -> Space:
    """A memory above registers, a grid of them or one for a grid; what they keep may be open."""
    x, y = mesh
    across, down = (1, 1) if below else mesh
    levels = [
        Level("dram", "storage"),
        Level("register", "storage", instances_x=across, instances_y=down, size=size, block_size=2),
        Level("mac", "compute", instances_x=x, instances_y=y),
    ]
    known = DataSpaceConstraint(keep=keep or (), bypass=tuple(n for n in NAMES if n not in keep)) \
        if keep is not None else DataSpaceConstraint()  # fmt: skip
    rules = {
        "dram": LevelConstraints(data_spaces=DataSpaceConstraint(keep=NAMES)),
        "register": LevelConstraints(data_spaces=known),
    }
    if x * y > 1:
        child = "mac" if below else "register"
        levels.insert(1 + below, Level("grid", "spatial", child, mesh_x=x, mesh_y=y))
        rules["grid"] = LevelConstraints(
            spatial=spatial or LoopConstraint(), data_spaces=DataSpaceConstraint(bypass=NAMES)
        )
    given = problem(**sizes)
    machine = build_machine(Architecture(tuple(levels)), NAMES, ErtTable(PRICES), None)
    if latency:
        machine = replace(
            machine, levels=tuple(replace(each, latency=latency) for each in machine.levels)
        )
    return build_space(machine, build_shape(given), Constraints(rules, least))


def across_alone() -> Space:
    """Return a space of 16 channels that lie across 4 by 4 instances or nowhere."""
    chosen, none = space((4, 4), C=16, P=2), Limits(1, 1)
    limits = tuple(
        (none, *each[1:]) if place.kind == "temporal" else each
        for place, each in zip(chosen.places, chosen.limits, strict=True)
    )
    return replace(chosen, limits=limits)


def test_the_bound_of_one_register_file() -> None:
    """24 operations: one MAC, and per operation half a block of two operands and one update."""
    bound = build_bound(space(C=2, M=3, P=4), "energy")
    accesses = 24 / 2 * (5e-12 + 5e-12 + 11e-12)
    assert (bound.computes, bound.instances, bound.latency) == (24, 1, 0)
    assert bound.energy == near(24 * 13e-12 + accesses + 24 * 3e-12)
    assert bound.lowest == bound.energy
    assert build_bound(space(C=2, M=3, P=4, latency=5), "delay").lowest == 24 + 2 * 5
    edp = build_bound(space(C=2, M=3, P=4), "edp")
    assert edp.lowest == near(24 * bound.energy)


def test_what_is_kept_nowhere_else_is_read_for_nothing() -> None:
    """Weights and outputs that only the free memory keeps cost nothing; inputs are read."""
    bound = build_bound(space(keep=("Inputs",), C=2, M=3, P=4), "energy")
    assert bound.energy == near(24 * 13e-12 + 24 / 2 * 5e-12 + 24 * 3e-12)
    # Open choices: the cheapest is to keep nothing.
    bound = build_bound(space(keep=None, C=2, M=3, P=4), "energy")
    assert bound.energy == near(24 * 13e-12 + 24 * 3e-12)


@pytest.mark.parametrize(
    ("mesh", "spatial", "sizes", "instances"),
    [
        ((4, 1), None, {"C": 6, "P": 5}, 3),  # of 6 and 5 channels and pixels, 2, 3 or 5 fit
        ((3, 2), None, {"C": 6, "P": 2}, 6),
        ((4, 2), None, {"C": 9}, 3),  # three along X, none along Y
        ((4, 1), LoopConstraint(factors=(FactorConstraint("C", "<=", 2),)), {"C": 6}, 2),
        ((8, 1), LoopConstraint(factors=(FactorConstraint("C", "=", 3),)), {"C": 6, "P": 2}, 6),
    ],
)
@pytest.mark.parametrize("below", [False, True])
def test_the_most_instances_that_factors_fill(
    mesh: tuple[int, int],
    spatial: LoopConstraint | None,
    sizes: dict[str, int],
    instances: int,
    below: bool,
) -> None:
    """Below a register file, neighbours may pass operands on, so that none need be read."""
    bound = build_bound(space(mesh, spatial=spatial, below=below, **sizes), "delay")
    computes = int(np.prod(list(sizes.values())))
    assert bound.instances == instances
    assert bound.lowest == computes / instances
    energy = computes * 13e-12 + -(-computes // instances) * 3e-12
    energy += 0 if below else computes / 2 * (5e-12 + 5e-12 + 11e-12)
    assert bound.energy == near(energy)
    assert bound.value(np.array([1, 2])).tolist() == [computes, computes / 2]


SPACES = [
    space((2, 1), C=2, R=3, P=4),
    space((2, 2), least=0.5, M=2, P=4),
    space((2, 1), keep=None, C=2, P=3),
    space((3, 2), size=5, C=3, R=2, P=4),
]


@pytest.mark.parametrize("objective", ["edp", "energy", "delay"])
@pytest.mark.parametrize("number", range(len(SPACES)))
def test_a_start_just_above_the_optimum_still_finds_it(number: int, objective: Objective) -> None:
    chosen = SPACES[number]
    best = float("inf")
    for _, candidates, costs in all_mappings(chosen):
        used = chosen.used(candidates.factors).prod(axis=1)
        legal = costs.legal & (used >= chosen.least_used)
        values = value_of(objective, costs.energy, costs.cycles)[legal]
        bound = build_bound(chosen, objective)
        assert (bound.value(used[legal]) <= values * (1 + 1e-12)).all()
        best = min(best, values.min(initial=np.inf))
    told: list[tuple[int, float]] = []
    for start in (np.inf, best * (1 + 1e-9)):
        told.clear()
        covered = exhaust(
            chosen,
            Lowest(objective, start),
            bound,
            10**9,
            progress=lambda done, value: told.append((done, value)),
        )
        assert covered.complete
        assert covered.goal.value == near(best, rel=1e-12)
        assert covered.goal.best is not None
        assert len(covered.goal.best) == 1
        assert told[-1] == (covered.evaluated, covered.goal.value)
    below = exhaust(chosen, Lowest(objective, best * (1 - 1e-9)), bound, 10**9)
    assert below.goal.best is None
    assert below.goal.value == best * (1 - 1e-9)


def test_every_way_to_deal_is_evaluated_or_counted_as_pruned() -> None:
    """Walked one by one: what does not fit, what uses too little, what the bound leaves out."""
    chosen = SPACES[1]
    tables = [chosen.options(dimension) for dimension in range(4)]
    wide = idle = kept = 0
    deals = [np.stack(rows, axis=1)[None] for rows in product(*tables)]
    for deal in deals:
        columns = chosen.used(deal)
        if not chosen.fits_fan_out(deal)[0]:
            wide += 1
        elif np.prod(columns) < chosen.least_used:
            idle += 1
        else:
            kept += 1
    bound = build_bound(chosen, "delay")
    covered = exhaust(chosen, Lowest("delay"), bound, 10**9)
    pruned = covered.pruned
    assert (pruned["fan_out"], pruned["utilization"]) == (wide, idle)
    assert pruned["capacity"] == 0
    assert pruned["bound"] == 0  # all in one go, before any is evaluated
    # From the optimum on, the bound leaves out whatever cannot use as many instances.
    again = exhaust(chosen, Lowest("delay", bound.lowest), bound, 10**9)
    assert again.pruned["bound"] == kept
    assert again.evaluated == 0


@pytest.mark.parametrize("number", range(len(SPACES)))
def test_a_search_ends_when_it_is_told_to(number: int) -> None:
    """With the batch that reaches the number of evaluations, of which the last may be the last."""
    chosen = SPACES[number]
    bound = build_bound(chosen, "edp")

    def searched(evaluations: int) -> Coverage:
        return exhaust(chosen, Lowest("edp"), bound, evaluations)

    whole, few = searched(10**9), searched(1)
    assert (few.complete, whole.complete) == (False, True)
    assert 1 <= few.evaluated < whole.evaluated
    again, more = searched(few.evaluated), searched(few.evaluated + 1)
    assert again.evaluated == few.evaluated < more.evaluated
    just = searched(whole.evaluated)
    assert (just.complete, just.goal.value) == (True, whole.goal.value)
    stopped = exhaust(chosen, Lowest("edp"), bound, 10**9, stop=lambda: True)
    assert (stopped.complete, stopped.evaluated, stopped.goal.best) == (False, 0, None)
    calls = iter(range(10**6))
    late = exhaust(chosen, Lowest("edp"), bound, 10**9, stop=lambda: next(calls) > 7)
    assert not late.complete
    assert late.evaluated < whole.evaluated
