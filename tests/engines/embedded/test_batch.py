"""Batches of random mappings cost what the exact engine says of each of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from close import near
from places import DATA

from red_timeloop.engines.embedded import evaluate_nest
from red_timeloop.engines.embedded.batch import evaluate_batch
from red_timeloop.engines.embedded.machine import Machine, Shape, build_machine, build_shape
from red_timeloop.engines.embedded.mappings import MappingBatch
from red_timeloop.engines.embedded.movement import data_movement
from red_timeloop.engines.embedded.nest import LevelNest, Nest, build_nest
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification

REFERENCE = DATA / "reference"
COUNT = 60


def load(file: Path, folder: Path) -> tuple[Machine, Shape, tuple[LevelNest, ...]]:
    mapping = folder / "mapping.yaml"
    mapping.write_text(json.dumps({"mapping": json.loads(file.read_text())[0]["mapping"]}))
    parsed = read_specification(
        file.with_suffix(".yaml"), mapping=mapping, ert=file.with_name("ERT.yaml")
    )
    assert parsed.problem is not None
    assert parsed.mapping is not None
    names = parsed.problem.data_space_names
    machine = build_machine(parsed.architecture, names, parsed.ert, None)
    shape = build_shape(parsed.problem)
    return machine, shape, build_nest(parsed.mapping, machine, shape).levels


def random_batch(
    machine: Machine, shape: Shape, levels: tuple[LevelNest, ...], rng: np.random.Generator
) -> MappingBatch:
    size = (COUNT, len(machine.levels), len(shape.sizes))
    temporal, along_x, along_y = (np.ones(size, dtype=np.int64) for _ in range(3))
    for dimension, whole in enumerate(shape.sizes):
        for row in range(COUNT):
            rest, prime = whole, 2
            while rest > 1:
                if rest % prime:
                    prime += 1
                    continue
                rest //= prime
                position = rng.integers(len(machine.levels))
                storage = machine.levels[position]
                if storage.fan_out_x > 1 and along_x[row, position].prod() * prime <= (
                    storage.fan_out_x
                ):
                    along_x[row, position, dimension] *= prime
                elif storage.fan_out_y > 1 and along_y[row, position].prod() * prime <= (
                    storage.fan_out_y
                ):
                    along_y[row, position, dimension] *= prime
                else:
                    temporal[row, position, dimension] *= prime
    order = np.argsort(rng.random(size), axis=2)
    return MappingBatch(levels, temporal, along_x, along_y, order, order)


@pytest.mark.parametrize(
    "file", sorted(REFERENCE.glob("*/*.json")), ids=lambda file: f"{file.parent.name}-{file.stem}"
)
def test_batch_equals_single_evaluations(file: Path, tmp_path: Path) -> None:
    machine, shape, levels = load(file, tmp_path)
    rng = np.random.default_rng(len(file.stem))
    batch = random_batch(machine, shape, levels, rng)
    result = evaluate_batch(batch, machine, shape)
    legal = 0
    for row in range(COUNT):
        try:
            single = evaluate_nest(batch.nest(row), machine, shape)
        except InputError:
            assert not result.legal[row]
            continue
        legal += 1
        assert result.legal[row]
        assert result.cycles[row] == single.cycles
        assert result.energy[row] == near(single.energy, rel=1e-12)
        moved = data_movement(batch.nest(row), machine, shape)
        for (space, level), counts in result.traffic.items():
            traffic = moved[space][level]
            numbers = (traffic.size, traffic.reads, traffic.fills, traffic.updates)
            number = int(np.searchsorted(result.rows, row))
            assert tuple(int(each[number]) for each in counts) == numbers
    assert legal > 0


def test_a_bandwidth_of_nothing_is_illegal_where_words_move(tmp_path: Path) -> None:
    machine, shape, levels = load(REFERENCE / "row_stationary" / "conv_k3.json", tmp_path)
    batch = random_batch(machine, shape, levels, np.random.default_rng(1))
    result = evaluate_batch(batch, machine, shape)
    row = int(np.flatnonzero(result.legal)[0])
    outermost = replace(machine.levels[-1], read_bandwidth=0.0)
    stopped = replace(machine, levels=(*machine.levels[:-1], outermost))
    assert not evaluate_batch(batch, stopped, shape).legal.any()
    with pytest.raises(InputError, match=f"{outermost.name}: a bandwidth of 0, and words to move"):
        evaluate_nest(batch.nest(row), stopped, shape)


def test_illegal_mappings_are_marked(tmp_path: Path) -> None:
    machine, shape, levels = load(REFERENCE / "row_stationary" / "conv_k3.json", tmp_path)
    batch = random_batch(machine, shape, levels, np.random.default_rng(1))
    fan_out = next(p for p, storage in enumerate(machine.levels) if storage.fan_out_x > 1)
    batch.spatial_x[0, fan_out] = 1
    batch.spatial_x[0, fan_out, 0] = machine.levels[fan_out].fan_out_x + 1
    assert not evaluate_batch(batch, machine, shape).legal[0]


def test_vectors_too_long_for_packing_are_evaluated_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from red_timeloop.engines.embedded import steps

    machine, shape, levels = load(REFERENCE / "row_stationary" / "conv_k3.json", tmp_path)
    batch = random_batch(machine, shape, levels, np.random.default_rng(2))
    packed = evaluate_batch(batch, machine, shape)
    monkeypatch.setattr(steps.Codes, "of", staticmethod(lambda tensor, sizes: None))
    unpacked = evaluate_batch(batch, machine, shape)
    legal = packed.legal
    assert (unpacked.legal == legal).all()
    assert legal.any()
    assert (packed.cycles[legal] == unpacked.cycles[legal]).all()
    assert packed.energy[legal] == near(unpacked.energy[legal], rel=1e-12)


def test_nest_of_a_row_keeps_order(tmp_path: Path) -> None:
    machine, shape, levels = load(REFERENCE / "weight_stationary" / "conv1d_k8.json", tmp_path)
    batch = random_batch(machine, shape, levels, np.random.default_rng(3))
    nest = batch.nest(5)
    assert isinstance(nest, Nest)
    for position, level in enumerate(nest.levels):
        wanted = [d for d in batch.order[5, position] if batch.temporal[5, position, d] > 1]
        assert [dimension for dimension, _ in level.temporal] == wanted
