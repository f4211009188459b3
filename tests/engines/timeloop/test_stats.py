"""Timeloop's stats files, those of sparse problems too, and damaged ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from close import near
from places import DATA

from red_timeloop.engines.embedded.engine import evaluate_specification as embedded
from red_timeloop.engines.timeloop.stats import parse_stats
from red_timeloop.engines.timeloop.tools import TimeloopError
from red_timeloop.spec.reader import read_specification

RUNS = DATA / "timeloop_runs"


def test_stats_are_read() -> None:
    text = (RUNS / "model.stats.txt").read_text()
    stats = parse_stats(text)
    assert (stats.cycles, stats.computes) == (16, 8192)
    assert next(iter(stats.levels)) == "cell"
    reads = stats.levels["input_buffer"].data_spaces["Inputs"].reads
    assert reads == 16 * 4 * 8  # steps, the 2x2 window of padding 0, channels
    printed = re.search(r"^Energy: (\S+) uJ$", text, re.MULTILINE)
    assert printed
    assert stats.energy == pytest.approx(float(printed[1]) * 1e-6, abs=0.005e-6)


def test_stats_of_sparse_problems_are_those_of_the_embedded_engine(tmp_path: Path) -> None:
    reference = RUNS.parent / "sparse_reference"
    case = json.loads((reference / "zi_rs_skipping_a.json").read_text())[0]
    (tmp_path / "mapping.yaml").write_text(json.dumps({"mapping": case["mapping"]}))
    spec = reference / "zi_rs_skipping_a.yaml"
    ours = embedded(read_specification(spec, mapping=tmp_path / "mapping.yaml"))
    theirs = parse_stats((RUNS / "sparse.stats.txt").read_text())
    assert (theirs.cycles, theirs.computes) == (ours.cycles, ours.computes)
    assert theirs.energy == near(ours.energy, rel=1e-5)
    assert theirs.levels["mac"].computes == ours.levels["mac"].computes
    for name, level in theirs.levels.items():
        for space, found in level.data_spaces.items():
            expected = ours.levels[name].data_spaces[space]
            assert found.sparse is not None
            assert expected.sparse is not None
            assert expected.sparse.average_instances == pytest.approx(
                found.sparse.average_instances, abs=0.005
            )
            assert found.energy == pytest.approx(expected.energy, abs=0.005e-12)
            rounded = replace(expected.sparse, average_instances=found.sparse.average_instances)
            assert replace(expected, sparse=rounded, energy=found.energy) == found


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda text: "", "the stats file is empty"),
        (lambda text: text[:3000], "cut off: it has no summary"),
        (lambda text: text.partition("Computes =")[0], "cycles, computes or energies are missing"),
        (lambda text: text.replace("Scalar fills", "Scalar gills", 1), "lacks 'Scalar fills"),
    ],
)
def test_damaged_stats_are_refused(damage: Callable[[str], str], expected: str) -> None:
    with pytest.raises(TimeloopError, match=expected.replace("(", r"\(")):
        parse_stats(damage((RUNS / "model.stats.txt").read_text()))
