"""Imperfect factors: the walk through the loops against closed forms and naive loops."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import floor
from pathlib import Path

import numpy as np
import pytest
from engines.embedded.test_moves import DIMENSIONS, problem
from hypothesis import assume, given
from hypothesis import strategies as st
from places import DATA

from red_timeloop.engines.embedded import evaluate
from red_timeloop.engines.embedded.imperfect import imperfect_movement
from red_timeloop.engines.embedded.machine import Tensor, build_machine, build_shape
from red_timeloop.engines.embedded.movement import data_movement
from red_timeloop.engines.embedded.nest import build_nest
from red_timeloop.engines.embedded.sparse.evaluation import evaluate_sparse
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import (
    Architecture,
    DataSpace,
    Level,
    LevelMapping,
    Loop,
    Mapping,
    Problem,
)

REFERENCE = DATA / "reference"
SPACES = ("A", "B", "Z")


@pytest.mark.parametrize("file", sorted(REFERENCE.glob("*/*.json")), ids=lambda file: file.stem)
def test_walking_through_perfect_loops_is_the_closed_form(file: Path, tmp_path: Path) -> None:
    for case in json.loads(file.read_text())[:3]:
        mapping = tmp_path / "mapping.yaml"
        mapping.write_text(json.dumps({"mapping": case["mapping"]}))
        spec = read_specification(file.with_suffix(".yaml"), mapping=mapping)
        assert spec.problem is not None
        assert spec.mapping is not None
        shape = build_shape(spec.problem)
        machine = build_machine(spec.architecture, spec.problem.data_space_names, None, None)
        nest = build_nest(spec.mapping, machine, shape)
        walked = imperfect_movement(spec.mapping, nest, machine, shape)
        assert walked.traffic == data_movement(nest, machine, shape)
        assert walked.copies == nest.copies
        assert walked.computes * walked.copies[0] == shape.operations


def matmul(sizes: dict[str, int]) -> Problem:
    axes = {"A": "MK", "B": "KN", "Z": "MN"}
    spaces = tuple(
        DataSpace(name, tuple(((dimension, 1),) for dimension in dimensions), name == "Z")
        for name, dimensions in axes.items()
    )
    return Problem("matmul", ("M", "N", "K"), sizes, spaces)


def architecture(*names: str) -> Architecture:
    levels = tuple(Level(name, "storage", name, "SRAM", size=None) for name in names)
    return Architecture((*levels, Level("mac", "compute", "mac", "compute")))


def cut(size: int, ends: list[int]) -> list[tuple[int, int]]:
    """Return (end, last pass) of every loop from the outermost in, of loops of `ends` inside."""
    last, found = size - 1, []
    for end in reversed(ends):
        found.append((end, last % end + 1))
        last //= end
    return [(last + 1, last + 1), *reversed(found)]


def loops(cuts: dict[str, tuple[int, int]]) -> LevelMapping:
    full: tuple[Loop, ...] = tuple((name, end) for name, (end, _) in cuts.items() if end > 1)
    rest = tuple((name, last) for name, (end, last) in cuts.items() if last != end)
    return LevelMapping(temporal=full, temporal_remainders=rest, keep=SPACES)


def visited(cuts: list[tuple[int, int]]) -> int:
    """Return the iterations that the loops of one dimension make, by running them."""
    count = 0
    for indices in product(*(range(end) for end, _ in cuts)):
        last_so_far = True
        for index, (_, last) in zip(indices, cuts, strict=True):
            if last_so_far and index >= last:
                break
            last_so_far = last_so_far and index == last - 1
        else:
            count += 1
    return count


@given(
    sizes=st.tuples(*[st.integers(2, 13)] * 3),
    ends=st.lists(st.tuples(*[st.integers(1, 5)] * 3), min_size=1, max_size=2),
)
def test_loops_over_time_make_every_operation_once(
    sizes: tuple[int, int, int], ends: list[tuple[int, int, int]]
) -> None:
    cuts = {
        name: cut(size, [each[i] for each in ends])
        for i, (name, size) in enumerate(zip("MNK", sizes, strict=True))
    }
    for size, each in zip(sizes, cuts.values(), strict=True):
        assert visited(each) == size
    problem = matmul(dict(zip("MNK", sizes, strict=True)))
    levels = [f"L{number}" for number in range(len(ends) + 1)]
    mapping = Mapping(
        {
            level: loops({name: each[number] for name, each in cuts.items()})
            for number, level in enumerate(levels)
        }
    )
    assert all(mapping.size(name) == size for name, size in problem.sizes.items())
    result = evaluate_sparse(architecture(*levels), problem, mapping).as_engine_result()
    assert result.computes == problem.operations
    outermost = result.levels["L0"].data_spaces
    assert [outermost[name].utilized_capacity for name in SPACES] == [
        sizes[0] * sizes[2],
        sizes[1] * sizes[2],
        sizes[0] * sizes[1],
    ]
    # every operand is fetched for every operation
    innermost = result.levels[levels[-1]].data_spaces
    assert innermost["A"].reads == innermost["B"].reads == problem.operations


def sent(tensor: Tensor, walked: list[tuple[int, int, int]], inside: int) -> tuple[int, int]:
    """Return the words that the tile of the first loops `inside` is sent, and its largest size.

    `walked` are (dimension, end, last pass) of all loops, innermost first.
    """
    strides, extents = [], [1] * len(tensor.steps)
    for dimension, end, _ in walked:
        strides.append(extents[dimension])
        extents[dimension] *= end
    tiles: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for index in product(*(range(end) for _, end, _ in reversed(walked))):
        place, last, legal = [0] * len(extents), [True] * len(extents), True
        for at, stride, (dimension, _, rest) in zip(
            index, reversed(strides), reversed(walked), strict=True
        ):
            place[dimension] += at * stride
            legal = legal and not (last[dimension] and at >= rest)
            last[dimension] = last[dimension] and at == rest - 1
        if legal:
            point = np.array(place) @ np.array(tensor.steps)
            tiles.setdefault(index[: len(walked) - inside], set()).add(tuple(point.tolist()))
    words, largest, held, steady = 0, 0, set[tuple[int, ...]](), None
    for points in tiles.values():
        tile = set(
            product(*(range(min(axis), max(axis) + 1) for axis in zip(*points, strict=True)))
        )
        motion = moved(held, tile) if held else None
        anew = motion is not None and steady is not None and motion != steady
        words += len(tile if anew else tile - held)
        held, steady = tile, None if anew else motion or steady
        largest = max(largest, len(tile))
    return words, largest


def moved(before: set[tuple[int, ...]], now: set[tuple[int, ...]]) -> tuple[int, ...] | None:
    """Return by how much the centre moved, halves rounded away from zero; None if it did not."""
    old, new = (
        [Fraction(sum(axis), len(each)) for axis in zip(*each, strict=True)]
        for each in (before, now)
    )
    steps = [b - a for a, b in zip(old, new, strict=True)]
    found = tuple(floor(abs(step) + Fraction(1, 2)) * (1 if step > 0 else -1) for step in steps)
    return found if any(found) else None


def test_imperfect_loops_send_what_running_all_of_them_sends() -> None:
    """Loops around an imperfect one of their dimension run twice at most: of more, Timeloop counts
    the last pass as the one before."""
    chance, names, cases = random.Random(5), ("in", "near", "far"), 0
    while cases < 20:
        dimensions = chance.choice(("CMP", "CMR", "MPS", "CRQ"))
        cuts = {
            name: cut(chance.randint(1, 14), [chance.randint(1, 4), chance.randint(1, 4)])[::-1]
            for name in dimensions
        }
        if any(
            last != end and any(outer > 2 for outer, _ in each[number + 1 :])
            for each in cuts.values()
            for number, (end, last) in enumerate(each)
        ):
            continue
        sizes = {name: visited(each[::-1]) for name, each in cuts.items()}
        cases += 1
        found, walked, inside = {}, [], []
        for number, level in enumerate(names):
            order = chance.sample(dimensions, 3)
            here = {name: cuts[name][number] for name in order}
            found[level] = replace(loops(here), keep=("Weights", "Inputs", "Outputs"))
            walked += [
                (DIMENSIONS.index(name), *each) for name, each in here.items() if each[0] > 1
            ]
            inside.append(len(walked))
        given_ = problem(chance.choice((1, 2)), chance.choice((1, 2, -1)), **sizes)
        mapping = Mapping({level: found[level] for level in reversed(names)})
        result = evaluate_sparse(architecture(*reversed(names)), given_, mapping).as_engine_result()
        for tensor in build_shape(given_).tensors:
            counts = [result.levels[level].data_spaces[tensor.name] for level in names]
            for number, count in enumerate(counts):
                words, largest = sent(tensor, walked, inside[number])
                assert count.utilized_capacity == largest
                if number < 2:
                    moves = counts[number + 1].updates if tensor.read_write else count.fills
                    assert moves == words


def test_one_buffer_is_filled_with_what_the_loops_ask_for() -> None:
    """M = 7 as two passes of 4 and 3 rows over a buffer: B is fetched twice, A and Z once."""
    problem = matmul({"M": 7, "N": 2, "K": 3})
    mapping = Mapping(
        {
            "far": loops({"M": (2, 2)}),
            "near": loops({"M": (4, 3), "N": (2, 2), "K": (3, 3)}),
        }
    )
    found = evaluate_sparse(architecture("far", "near"), problem, mapping).as_engine_result()
    near, far = found.levels["near"].data_spaces, found.levels["far"].data_spaces
    assert (near["A"].utilized_capacity, near["Z"].utilized_capacity) == (12, 8)
    assert (near["A"].fills, far["A"].reads) == (21, 21)
    assert far["Z"].updates == 14
    assert found.cycles == 2 * 4 * 2 * 3


def test_closed_forms_are_not_for_imperfect_loops() -> None:
    mapping = Mapping({"far": loops({"M": (2, 2)}), "near": loops({"M": (4, 3)})})
    problem = matmul({"M": 7, "N": 1, "K": 1})
    machine = build_machine(architecture("far", "near"), SPACES, None, None)
    with pytest.raises(InputError, match="imperfect factors are not for this use"):
        build_nest(mapping, machine, build_shape(problem))
    assert evaluate(architecture("far", "near"), problem, mapping).computes == 7


def row_of(instances: int) -> Architecture:
    """Return two memories over a row of multipliers."""
    far, near = (Level(name, "storage", name, "SRAM", size=None) for name in ("far", "near"))
    row = Level("row", "spatial", "row", "dummy_storage", mesh_x=instances)
    mac = Level("mac", "compute", "mac", "compute", instances_x=instances)
    return Architecture((far, near, row, mac))


@given(size=st.integers(3, 60), across=st.integers(2, 5), inside=st.integers(1, 4))
def test_instances_that_a_last_pass_leaves_idle_do_nothing(
    size: int, across: int, inside: int
) -> None:
    """M in passes over a row, the last of them shorter: each row of A is still read once."""
    cuts = cut(size, [inside, across])
    assume(cuts[0][0] > 1)
    outer, middle, (end, last) = cuts
    rest = (("M", last),) if last != end else ()
    row = LevelMapping(spatial_x=(("M", end),), spatial_remainders=rest)
    mapping = Mapping({"far": loops({"M": outer}), "near": loops({"M": middle}), "row": row})
    problem = matmul({"M": size, "N": 1, "K": 1})
    found = evaluate_sparse(row_of(across), problem, mapping).as_engine_result()
    assert found.computes == size
    near = found.levels["near"].data_spaces
    assert (near["A"].reads, near["Z"].updates) == (size, size)


def test_the_outermost_loop_across_instances_must_be_perfect() -> None:
    mapping = Mapping(
        {
            "far": LevelMapping(keep=SPACES),
            "near": LevelMapping(),
            "row": LevelMapping(spatial_x=(("M", 4),), spatial_remainders=(("M", 3),)),
        }
    )
    with pytest.raises(InputError, match=r"the outermost loop of M is imperfect \(M=4,3\)"):
        evaluate_sparse(row_of(4), matmul({"M": 3, "N": 1, "K": 1}), mapping)
