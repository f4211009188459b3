"""The mapper against timeloop-mapper: energy-delay product and wall time, side by side.

Run with `python -m pytest benchmarks/test_mapper_speed.py -s`. The recorded runs of timeloop-mapper
(random_pruned, objective EDP, two threads, victory condition 5000) are in `tests/data`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import red_timeloop
from red_timeloop.mapper.find import forget

DATA = Path(__file__).parents[1] / "tests" / "data"
RESULTS = json.loads((DATA / "reference_mapper.json").read_text())


@pytest.mark.parametrize("name", RESULTS)
def test_mapper(benchmark: BenchmarkFixture, name: str) -> None:
    family, problem = name.split("__")
    folder = DATA / "reference" / family

    def fresh() -> None:
        forget()

    _, result = benchmark.pedantic(
        red_timeloop.search,
        args=(folder / f"{problem}.yaml",),
        kwargs={"ert": folder / "ERT.yaml", "art": folder / "ART.yaml"},
        setup=fresh,
        rounds=3,
    )
    recorded, report = RESULTS[name], result["search"]
    ratio = report["value"] / recorded["edp_J_cycles"]
    print(
        f"\n{name}: EDP {report['value']:.4g} J*cycle, {ratio:.3f} of timeloop-mapper's;"
        f" {report['wall_s']:.2f} s, timeloop-mapper {recorded['wall_s']:.1f} s"
        f" (1/{recorded['wall_s'] / report['wall_s']:.0f}); optimal: {report['optimal']}"
    )
    assert ratio <= 1 + 1e-5
