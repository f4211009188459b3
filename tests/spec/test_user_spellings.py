"""Specifications as people write them, against what timeloopfe and timeloop-model made of them.

`data/user_spellings.json` holds 30 random ones: partial permutations, splits, factors of 0, macros,
inline constraints, `!Parallel`, fan-outs on components and expressions, with the counts that
timeloop-model (4cf6d4c), started by timeloopfe (b8aaf2c) on these very texts, printed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from places import DATA

from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import ErtTable

CASES = json.loads((DATA / "user_spellings.json").read_text())
COUNTS = ("reads", "fills", "updates", "temporal_reductions", "utilized_instances")


@pytest.mark.parametrize("case", CASES, ids=[str(number) for number in range(len(CASES))])
def test_they_mean_the_same(case: dict[str, Any], tmp_path: Path) -> None:
    files = []
    for name in ("spec", "mapping"):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(case[name])
    found = read_specification(files)
    actions = dict.fromkeys(("read", "write", "update", "compute"), 1e-12)
    ert = ErtTable({level.name: actions for level in found.architecture.levels})
    result = evaluate_specification(replace(found, ert=ert))
    assert (result.cycles, result.computes) == (case["cycles"], case["computes"])
    for level, spaces in case["levels"].items():
        kept = result.levels[level].data_spaces
        assert {
            name: [getattr(counts, key) for key in COUNTS] for name, counts in kept.items()
        } == spaces
