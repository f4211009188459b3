"""The checker of certificates: against brute force, and shown certificates that lie."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from close import near
from hypothesis import given, settings
from hypothesis import strategies as st
from mapper.small_spaces import all_mappings, random_specification

from red_timeloop.engines.embedded.nest import mapping_of
from red_timeloop.errors import InputError
from red_timeloop.files import to_json
from red_timeloop.mapper import check as checking
from red_timeloop.mapper.candidates import Objective, value_of
from red_timeloop.mapper.check import certificate, check
from red_timeloop.mapper.exact import part
from red_timeloop.mapper.exact.goals import Front, Goal, Lowest
from red_timeloop.mapper.exact.search import prove
from red_timeloop.mapper.report import FrontPoint, SearchReport
from red_timeloop.mapper.run import OBJECTIVES, search_specification, space_of
from red_timeloop.mapper.space import Space
from red_timeloop.spec.sparsity import SparseOptimizations
from red_timeloop.spec.types import Mapping

MOST = 8_000  # mappings that brute force goes through
SEED = 94  # of a small space whose best mapping is not among the first that are looked at


def searched(
    seed: int, objective: Objective, patience: float = float("inf")
) -> tuple[Space, dict[str, Any]] | None:
    """Return a random space and the `search.json` of a search that asks `stop` so many times."""
    specification = random_specification(random.Random(seed))
    assert specification.problem is not None
    try:
        space = space_of(specification, specification.problem)
    except InputError:
        return None
    goal: Goal = Front() if objective == "pareto" else Lowest(objective)
    calls = itertools.count()
    proof = prove(space, goal, stop=lambda: next(calls) > patience)
    if goal.best is None or not proof.bound:
        return None

    def mapping(nest: Any) -> Mapping:
        return mapping_of(nest, space.machine, space.shape)

    points = goal.points if isinstance(goal, Front) else []
    report = SearchReport(
        objective=objective,
        value=goal.value,
        optimal=proof.complete,
        seconds=0.0,
        bound=goal.value if proof.complete else min(proof.bound, goal.value),
        front=tuple(FrontPoint(e, c, mapping(own.batch(space).nest(0))) for e, c, own in points),
        claims=None if proof.claims is None else tuple(proof.claims),
    )
    mapped = replace(specification, mapping=mapping(goal.best.batch(space).nest(0)))
    return space, json.loads(to_json({**report.as_dict(), **certificate(mapped, report)}))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    objective=st.sampled_from(OBJECTIVES),
    patience=st.sampled_from([12.0, 30.0, 60.0, float("inf")]),
)
def test_what_is_confirmed_is_what_brute_force_finds(
    seed: int, objective: Objective, patience: float
) -> None:
    found = searched(seed, objective, patience)
    if found is None:
        return
    space, content = found
    try:
        costs = [costs for _, _, costs in all_mappings(space, MOST)]
    except OverflowError:
        return
    best = min(
        float(value_of(objective, each.energy, each.cycles)[each.legal].min(initial=np.inf))
        for each in costs
    )
    confirmed = check(content)
    assert confirmed.value == near(content["value"])
    assert confirmed.bound <= best * (1 + 1e-9)
    assert confirmed.optimal == content["optimal"]
    if confirmed.optimal:
        assert confirmed.value == near(best, rel=1e-8)


def partial(change: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Return a certificate that leaves better mappings open, changed."""
    found = searched(SEED, "edp", 60.0)
    assert found is not None
    content = found[1]
    assert not content["optimal"]
    if change:
        change(content)
    return content


def closed(content: dict[str, Any]) -> None:
    """Claim of every part that nothing in it is better."""
    content["claims"] = [[keep, spread, None] for keep, spread, _ in content["claims"]]
    content |= {"optimal": True, "bound": content["value"], "gap": 0.0}


def raised(content: dict[str, Any]) -> None:
    """Claim of every part that it spends more than the best mapping does."""
    for claim in content["claims"]:
        if claim[2] is not None:
            claim[2] = [claim[2][0] * 50, claim[2][1]]


def worse(content: dict[str, Any]) -> None:
    """Give another mapping than the one of the value."""
    other = searched(SEED, "delay")
    assert other is not None
    content["mappings"] = other[1]["mappings"]


LIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "bound": (lambda c: c.update(bound=c["bound"] * 1.01), r"bound: .* does not follow"),
    "gap": (lambda c: c.update(gap=0.01), r"gap: 0.01 is claimed"),
    "optimal": (lambda c: c.update(optimal=True), r"optimal: .* of the claims leave better"),
    "closed": (closed, r"claims: a mapping of part .* spends .* J in .* cycles"),
    "raised": (raised, r"claims: a mapping of part .* spends .* J in .* cycles"),
    "missing": (lambda c: c["claims"].pop(0), r"claims: nothing is claimed of part"),
    "none": (lambda c: c.update(claims=[]), r"claims: nothing is claimed of part"),
    "elsewhere": (lambda c: c["claims"].append([99, "1", None]), r"part 99 .* is not in the space"),
    "value": (lambda c: c.update(value=c["value"] * 0.9), r"value: .* is claimed"),
    "mapping": (worse, r"value: .* is claimed"),
    "no number": (lambda c: c["claims"][0].__setitem__(2, [float("nan"), 1.0]), r"nan J"),
    "objective": (lambda c: c.update(objective="area"), r"objective: unknown 'area'"),
    "keys": (lambda c: c.pop("gap"), r"not as the mapper writes it: KeyError: 'gap'"),
    "nothing": (lambda c: c.clear(), r"specification: there is no certificate"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_certificate_that_lies_is_refused(lie: str) -> None:
    assert not check(partial()).optimal
    change, reason = LIES[lie]
    with pytest.raises(InputError, match=reason):
        check(partial(lambda content: change(content) and None))


def test_what_is_too_large_to_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """R and P spread in 3 ways each, 8 together over 4 x 2 instances, and S in 2: 16 at most."""
    content = partial()
    monkeypatch.setattr(checking, "_MOST_PARTS", 16)
    assert check(content).parts == len(content["claims"])
    with monkeypatch.context() as less:
        less.setattr(checking, "_MOST_PARTS", 15)
        with pytest.raises(InputError, match="claims: there are too many parts to check"):
            check(content)
    monkeypatch.setattr(part, "MOST_SHAPES", 1)
    with pytest.raises(InputError, match=r"claims: part 0 .* is too large to check"):
        check(content)


def test_a_mapping_against_the_constraints_is_refused() -> None:
    """The value is right, and the mapping is none of the space."""
    content = partial()
    before, after = "{target: outer, type: temporal, factors: [P<=1]}", "factors: [R>=2]}"
    assert before in content["specification"]
    content["specification"] = content["specification"].replace(
        before, before.replace("factors: [P<=1]}", after)
    )
    with pytest.raises(InputError, match="R=1 contradicts R>=2"):
        check(content)


def test_a_mapping_of_too_few_instances_is_refused() -> None:
    """Of two, the best mapping of these prices uses one, unless both are to be in use."""
    idle = random_specification(random.Random(116))
    busy = replace(idle, constraints=replace(idle.constraints, min_utilization=1.0))
    mapping, _, report = search_specification(busy)
    content = {**report.as_dict(), **certificate(replace(busy, mapping=mapping), report)}
    assert check(content).optimal
    lone = replace(busy, mapping=search_specification(idle)[0])
    content["mappings"] = certificate(lone, report)["mappings"]
    with pytest.raises(InputError, match="1 instances are in use, of 2 at least"):
        check(content)


def test_what_has_no_bound_or_is_sparse_has_no_certificate() -> None:
    specification = random_specification(random.Random(116))
    mapping, _, report = search_specification(specification)
    mapped = replace(specification, mapping=mapping)
    assert certificate(mapped, report)
    assert certificate(mapped, replace(report, bound=None)) == {}
    assert certificate(mapped, replace(report, bound=0.0)) == {}
    assert certificate(mapped, replace(report, claims=None))["claims"] is None
    levels = mapped.architecture.levels
    gates = replace(levels[-1], sparse=SparseOptimizations(compute=("gating",)))
    sparse = replace(mapped.architecture, levels=(*levels[:-1], gates))
    assert certificate(replace(mapped, architecture=sparse), report) == {}
