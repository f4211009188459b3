"""The search of sparse specifications against all mappings, one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from places import DATA

from red_timeloop.engines.embedded.nest import mapping_of
from red_timeloop.engines.embedded.sparse.evaluation import SparseProblem, evaluate_sparse
from red_timeloop.errors import InputError
from red_timeloop.mapper.bound import build_bound
from red_timeloop.mapper.candidates import Candidates
from red_timeloop.mapper.run import search
from red_timeloop.mapper.space import Space, build_space
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Specification

REFERENCE = DATA / "sparse_reference"
SIZES = {"M": 2, "N": 2, "K": 4}


def small(family: str, folder: Path) -> tuple[Path, Specification]:
    text = (REFERENCE / f"{family}.yaml").read_text()
    for name, size in SIZES.items():
        text = re.sub(rf"^    {name}: \d+$", f"    {name}: {size}", text, flags=re.MULTILINE)
    (folder / "spec.yaml").write_text(text)
    return folder / "spec.yaml", read_specification(folder / "spec.yaml")


def every_value(space: Space, spec: Specification) -> list[float]:
    """Return energy times cycles of every legal mapping."""
    assert spec.problem is not None
    tables = [space.options(dimension) for dimension in range(len(space.shape.sizes))]
    dimensions = list(permutations(range(len(tables))))
    values, seen = [], set()
    for levels in space.keeps:
        for rows in product(*tables):
            factors = np.stack(rows, axis=1)[None]
            for orders in product(dimensions, repeat=len(space.machine.levels)):
                nest = Candidates(levels, factors, np.array(orders)[None]).batch(space).nest(0)
                if nest in seen:
                    continue
                seen.add(nest)
                mapping = mapping_of(nest, space.machine, space.shape)
                try:
                    found = evaluate_sparse(spec.architecture, spec.problem, mapping, spec.ert)
                except InputError:
                    continue
                values.append(found.energy * found.cycles)
    return values


@pytest.mark.parametrize("family", ["spmm_cp_skip_a", "spmm_compute_only_a"])
def test_the_best_of_all_mappings_is_found(family: str, tmp_path: Path) -> None:
    file, spec = small(family, tmp_path)
    assert spec.problem is not None
    sparse = SparseProblem.of(spec.architecture, spec.problem, spec.ert)
    space = build_space(sparse.uncompressed, sparse.shape, spec.constraints)
    values = every_value(space, spec)
    mapping, result = search(file, budget=50_000)
    found = result["search"]
    assert found["optimal"]
    assert found["value"] == min(values)
    assert found["value"] == result["energy_J"] * result["cycles"]
    again = evaluate_sparse(spec.architecture, spec.problem, mapping, spec.ert)
    assert again.energy * again.cycles == found["value"]
    assert build_bound(replace(space, sparse=sparse), "edp").lowest <= min(values)
