"""Batches of random mappings cost what the exact engine says of each of them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from close import near
from engines.embedded.test_engine import ALL, ERT, NONE, convolution
from engines.embedded.test_engine import machine as instances
from places import DATA

from red_timeloop.engines.embedded import across, evaluate_nest
from red_timeloop.engines.embedded.batch import evaluate_batch
from red_timeloop.engines.embedded.machine import (
    Machine,
    Shape,
    Tensor,
    build_machine,
    build_shape,
)
from red_timeloop.engines.embedded.mappings import MappingBatch, batch_of
from red_timeloop.engines.embedded.movement import data_movement
from red_timeloop.engines.embedded.nest import LevelNest, Nest, build_nest
from red_timeloop.engines.embedded.steps import Codes
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Mapping

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


@pytest.mark.parametrize("taps", [2, 3])
def test_neighbours_pass_on_single_words(taps: int) -> None:
    """Four pixels side by side, tap after tap: of each step's four words one is new."""
    given, mesh = convolution(R=taps, P=4), instances()
    machine = build_machine(mesh, given.data_space_names, None, None)
    shape = build_shape(given)
    levels = {
        "backing": replace(ALL, temporal=(("R", taps),)),
        "inter_pe_spatial": replace(NONE, spatial_x=(("P", 4),)),
        "buffer": ALL,
    }
    nest = build_nest(Mapping(levels), machine, shape)
    traffic = evaluate_batch(batch_of([nest], shape), machine, shape).traffic
    _, reads, *_ = traffic[1, len(machine.levels) - 1]  # of the inputs, from the outermost
    assert reads.tolist() == [4 + (taps - 1)]


def test_equal_sums_of_different_columns_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.array([[1, 2, 1, 3], [4, 4, 4, 4]])
    first, alike = across._alike(columns)
    assert (columns[:, first[alike]] == columns).all()
    assert len(first) == 3
    monkeypatch.setattr(across, "_odd", lambda count: np.zeros(count, dtype=np.int64))
    first, alike = across._alike(columns)
    assert (first.tolist(), alike.tolist()) == ([0, 1, 2, 3], [0, 1, 2, 3])


@pytest.mark.parametrize(("size", "fits"), [(2**59 - 1, True), (2**59, False)])
def test_codes_hold_places_twice_as_far_both_ways_and_a_sign(size: int, fits: bool) -> None:
    """62 bits: a sign and one to add in beside twice the reach."""
    along = Tensor("A", ((1,),), False)
    assert (Codes.of(along, (size,)) is not None) == fits


def test_codes_are_what_they_stand_for() -> None:
    tensor = Tensor("A", ((1, 0), (3, 0), (0, -2)), False)
    codes = Codes.of(tensor, (5, 2, 7))
    assert codes is not None
    for steps in product(range(-4, 5), range(-1, 2), range(-6, 7)):
        places = [steps[0] + 3 * steps[1], -2 * steps[2]]
        found = codes.axes(np.asarray(steps) @ codes.dimensions)
        assert [int(each) for each in found] == places


def test_a_machine_without_prices_costs_nothing() -> None:
    machine = build_machine(instances(), ("A",), ERT, None)
    assert sum(machine.prices) > 0
    assert set(machine.unpriced.prices) == {0.0}


def test_what_the_outermost_level_does_not_coalesce_is_not_legal() -> None:
    given = convolution(P=4)
    machine = build_machine(instances(1), given.data_space_names, None, None)
    shape = build_shape(given)
    levels = {
        "backing": ALL,
        "inter_pe_spatial": NONE,
        "buffer": replace(ALL, temporal=(("P", 4),)),
    }
    for apart, legal in (((), True), (("Weights",), False), (("Outputs",), False)):
        changed = {**levels, "backing": replace(ALL, no_coalesce=apart)}
        nest = build_nest(Mapping(changed), machine, shape)
        assert evaluate_batch(batch_of([nest], shape), machine, shape).legal.tolist() == [legal]
