"""A result beside timeloop-model's: equal but for what it prints, or said number by number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.engines.timeloop import tools
from red_timeloop.engines.timeloop.engine import SearchOptions
from red_timeloop.errors import InputError
from red_timeloop.mapper import timeloop
from red_timeloop.mapper.candidates import Objective
from red_timeloop.mapper.run import search_specification
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Mapping, Specification

FAMILY = Path(__file__).parents[1] / "data" / "reference" / "weight_stationary"


def mapped() -> Specification:
    tables = {"ert": FAMILY / "ERT.yaml", "art": FAMILY / "ART.yaml"}
    specification = read_specification(FAMILY / "conv1d_k8.yaml", **tables)
    mapping, _, _ = search_specification(specification, budget=500, proof=False)
    return replace(specification, mapping=mapping)


def test_every_number_that_differs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    specification = mapped()
    result = evaluate_specification(specification)
    real = SimpleNamespace(result=result)
    monkeypatch.setattr(timeloop, "run_model", lambda _: real)
    assert timeloop.differences(specification, result) == ()
    name, level = next((n, each) for n, each in result.levels.items() if each.data_spaces)
    space, counts = next(iter(level.data_spaces.items()))
    wrong = replace(
        level, data_spaces={**level.data_spaces, space: replace(counts, reads=counts.reads + 1)}
    )
    spoiled = replace(result, cycles=result.cycles + 1, levels={**result.levels, name: wrong})
    found = timeloop.differences(specification, spoiled)
    assert found == (
        f"cycles: {result.cycles + 1}, timeloop-model {result.cycles}",
        f"{name} {space} reads: {counts.reads + 1}, timeloop-model {counts.reads}",
    )
    printed = replace(result, energy=result.energy + 4e-18 * result.computes)
    assert timeloop.differences(specification, printed) == ()
    dearer = replace(result, energy=result.energy + 9e-18 * result.computes)
    assert [line.split(":")[0] for line in timeloop.differences(specification, dearer)] == [
        "energy"
    ]


@pytest.mark.timeloop
def test_real_model_gives_the_result_of_a_search() -> None:
    if missing := tools.find_tools().missing("model"):
        pytest.skip(missing)
    specification = mapped()
    assert timeloop.differences(specification, evaluate_specification(specification)) == ()


@pytest.mark.parametrize(
    ("objective", "metrics", "value"),
    [("edp", ("edp",), 21.0), ("energy", ("energy",), 3.0), ("delay", ("delay", "energy"), 7)],
)
def test_the_real_mapper_is_asked_for_the_objective(
    objective: Objective,
    metrics: tuple[str, ...],
    value: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[SearchOptions] = []
    mapping = Mapping({})

    def mapper(_: Specification, options: SearchOptions) -> object:
        asked.append(options)
        found = SimpleNamespace(energy=3.0, cycles=7)
        return SimpleNamespace(result=found, mapping=mapping, broken=("C=3",))

    monkeypatch.setattr(timeloop, "run_mapper", mapper)
    specification = mapped()
    monkeypatch.setattr(timeloop.time, "perf_counter", iter([10.0, 12.5]).__next__)
    options = SearchOptions(algorithm="random")
    found, _, report = search_specification(
        specification, objective, engine="timeloop", mapper_options=options
    )
    assert found is mapping
    assert asked == [replace(options, optimization_metrics=metrics)]
    assert (report.objective, report.value, report.optimal) == (objective, value, False)
    assert (report.seconds, report.algorithm, report.bound) == (2.5, "random", None)
    assert report.broken_constraints == ("C=3",)
    with pytest.raises(InputError, match="unknown objective 'pareto'"):
        timeloop.search_specification(specification, "pareto")
