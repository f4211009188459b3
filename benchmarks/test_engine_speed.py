"""Mappings evaluated per second by the embedded engine, one at a time and in batches.

Run with `python -m pytest benchmarks/test_engine_speed.py`. The mappings are random, legal in their
factors, on two of the reference specifications.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from red_timeloop.engines.embedded import evaluate_nest
from red_timeloop.engines.embedded.batch import evaluate_batch
from red_timeloop.engines.embedded.machine import Machine, Shape, build_machine, build_shape
from red_timeloop.engines.embedded.mappings import MappingBatch
from red_timeloop.engines.embedded.nest import LevelNest, build_nest
from red_timeloop.spec.reader import read_specification

DATA = Path(__file__).parents[1] / "tests" / "data" / "reference"
FAMILIES = [("row_stationary", "conv_k3"), ("crossbar_converters", "phase_k4s2")]
COUNT = 2000  # mappings, as many as the mapper evaluates at a time


def load(family: str, problem: str, folder: Path) -> tuple[Machine, Shape, tuple[LevelNest, ...]]:
    data = DATA / family
    mapping = folder / "mapping.yaml"
    case = json.loads((data / f"{problem}.json").read_text())[0]
    mapping.write_text(json.dumps({"mapping": case["mapping"]}))
    parsed = read_specification(
        data / f"{problem}.yaml", mapping=mapping, ert=data / "ERT.yaml", art=data / "ART.yaml"
    )
    assert parsed.problem is not None
    assert parsed.mapping is not None
    names = parsed.problem.data_space_names
    machine = build_machine(parsed.architecture, names, parsed.ert, parsed.art)
    shape = build_shape(parsed.problem)
    return machine, shape, build_nest(parsed.mapping, machine, shape).levels


def random_batch(
    machine: Machine, shape: Shape, levels: tuple[LevelNest, ...], seed: int = 0
) -> MappingBatch:
    """Deal the prime factors of every dimension to random levels, across instances or over time."""
    rng = np.random.default_rng(seed)
    size = (COUNT, len(machine.levels), len(shape.sizes))
    temporal, along_x, along_y = (np.ones(size, dtype=np.int64) for _ in range(3))
    places: list[tuple[npt.NDArray[np.int64], int]] = []
    for position, storage in enumerate(machine.levels):
        if not storage.spatial:
            places.append((temporal, position))
        if storage.fan_out_x > 1:
            places.append((along_x, position))
        if storage.fan_out_y > 1:
            places.append((along_y, position))
    for dimension, rest in enumerate(shape.sizes):
        prime = 2
        while rest > 1:
            if rest % prime:
                prime += 1
                continue
            rest //= prime
            chosen = rng.integers(len(places), size=COUNT)
            for index, (target, position) in enumerate(places):
                target[chosen == index, position, dimension] *= prime
    order = np.argsort(rng.random(size), axis=2)
    return MappingBatch(levels, temporal, along_x, along_y, order, order)


@pytest.mark.parametrize(("family", "problem"), FAMILIES)
def test_batch(benchmark: BenchmarkFixture, family: str, problem: str, tmp_path: Path) -> None:
    machine, shape, levels = load(family, problem, tmp_path)
    batch = random_batch(machine, shape, levels)
    result = benchmark(evaluate_batch, batch, machine, shape)
    if benchmark.stats is not None:
        benchmark.extra_info["mappings_per_second"] = round(COUNT / benchmark.stats.stats.median)
    assert (result.cycles > 0).all()


@pytest.mark.parametrize(("family", "problem"), FAMILIES)
def test_single(benchmark: BenchmarkFixture, family: str, problem: str, tmp_path: Path) -> None:
    machine, shape, levels = load(family, problem, tmp_path)
    batch = random_batch(machine, shape, levels)
    legal = np.flatnonzero(evaluate_batch(batch, machine, shape).legal)
    result = benchmark(evaluate_nest, batch.nest(int(legal[0])), machine, shape)
    assert result.cycles > 0
