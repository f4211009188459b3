"""The embedded engine against timeloop-model where the other cases do not go.

60 random specifications run on timeloop-model (4cf6d4c): two-dimensional fan-outs, words passed
between neighbours (they matter in 35 cases), clusters, multiple buffering, bandwidth limits,
network latency, data spaces that depend on a dimension twice, and all switches that turn reuse off.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from close import near
from places import DATA

from red_timeloop.engines.embedded import evaluate
from red_timeloop.engines.embedded.batch import evaluate_batch
from red_timeloop.engines.embedded.machine import build_machine, build_shape
from red_timeloop.engines.embedded.mappings import batch_of
from red_timeloop.engines.embedded.movement import data_movement
from red_timeloop.engines.embedded.nest import build_nest
from red_timeloop.spec.types import (
    Architecture,
    DataSpace,
    ErtTable,
    Level,
    LevelMapping,
    Mapping,
    Problem,
)

CASES = json.loads((DATA / "reference_switches.json").read_text())
PICOJOULE = 1e-12


def tuples(value: Any) -> Any:
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def specification(case: dict[str, Any]) -> tuple[Architecture, Problem, Mapping, ErtTable]:
    problem = case["problem"]
    dimensions = tuple(problem["dimensions"])
    energies = {
        name: {action: value * PICOJOULE for action, value in actions.items()}
        for name, actions in case["energies"].items()
    }
    return (
        Architecture(tuple(Level(**level) for level in case["levels"])),
        Problem(
            "case",
            dimensions,
            dict(zip(dimensions, problem["sizes"], strict=True)),
            tuple(DataSpace(*tuples(space)) for space in problem["spaces"]),
        ),
        Mapping(
            {
                name: LevelMapping(**{key: tuples(value) for key, value in level.items()})
                for name, level in case["mapping"].items()
            }
        ),
        ErtTable(energies),
    )


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_number_is_timeloops(case: dict[str, Any]) -> None:
    result = evaluate(*specification(case)).as_dict()
    expected = case["expected"]
    assert result["cycles"] == expected["cycles"]
    total = result["energy_J"] * 1e15 / result["computes"]
    assert total == pytest.approx(expected["total_fJ_per_compute"], abs=0.00501, rel=1e-12)
    for name, spaces in expected["levels"].items():
        found = result["levels"][name]["data_spaces"]
        assert list(found) == list(spaces)
        for space, (*counts, energy) in spaces.items():
            keys = ("utilized_capacity", "reads", "fills", "updates", "temporal_reductions")
            assert [found[space][key] for key in keys] == counts, (name, space)
            assert found[space]["energy_J"] == pytest.approx(
                energy * PICOJOULE, abs=0.00501 * PICOJOULE
            )


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_batch_is_the_same(case: dict[str, Any]) -> None:
    architecture, problem, mapping, ert = specification(case)
    machine = build_machine(architecture, problem.data_space_names, ert, None)
    shape = build_shape(problem)
    nest = build_nest(mapping, machine, shape)
    single = evaluate(architecture, problem, mapping, ert)
    batch = evaluate_batch(batch_of([nest, nest, nest], shape), machine, shape)
    assert batch.legal.all()
    assert (batch.cycles == single.cycles).all()
    assert batch.energy == near(np.full(3, single.energy), rel=1e-12)
    moved = data_movement(nest, machine, shape)
    for (space, level), counts in batch.traffic.items():
        traffic = moved[space][level]
        numbers = (traffic.size, traffic.reads, traffic.fills, traffic.updates)
        assert [int(each[1]) for each in counts] == list(numbers)
