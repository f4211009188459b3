"""The files in `arch/` and `mappings/` are Timeloop's: the real front end takes them unchanged."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from red_timeloop import designs, resources
from red_timeloop.components.accelergy import PLUG_IN_PATH
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.engines.timeloop import tools
from red_timeloop.engines.timeloop.stats import parse_stats
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.spec.emit import to_yaml
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Problem
from red_timeloop.spec.write import problem_section

ARCHITECTURES = resources.names("arch")
LAYER = TransposedConv(512, 256, (4, 4), 4, stride=2)  # one group of four modes

LOAD = """
import sys
import pytimeloop.timeloopfe.v4 as tl
tl.Specification.from_yaml_files(*sys.argv[1:])._process()
"""
SEARCH = """
import sys
import pytimeloop.timeloopfe.v4 as tl
specification = tl.Specification.from_yaml_files(*sys.argv[2:])
process = tl.call_mapper(specification, sys.argv[1], log_to=sys.argv[1] + "/log", return_proc=True)
sys.exit(process.wait())
"""


def problem(name: str) -> Problem:
    """A problem that the shipped sizes of the architecture hold: 4x4 pixels a mode."""
    seen: list[Problem] = []

    def note(specification):  # type: ignore[no-untyped-def]
        seen.append(specification.problem)
        return evaluate_specification(specification)

    evaluate(designs.find(name), LAYER, Hardware.load("isaac_32nm"), note)
    pixels = {"P": 8, "Q": 8} if name == "zero_padding" else {"P": 4, "Q": 4}
    first = seen[0]
    return Problem(first.name, first.dimensions, {**first.sizes, **pixels}, first.data_spaces)


def shipped(name: str) -> list[str]:
    design = designs.find(name)
    return [str(design.architecture), str(design.constraints)]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_they_are_read_together(name: str) -> None:
    found = read_specification(shipped(name), problem=problem(name))
    bound = [level for level in found.constraints.levels.values() if level.temporal.factors]
    assert bound


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = tools.find_tools()
    if missing := found.missing("mapper"):
        pytest.skip(missing)
    environment = {key: item for key, item in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(found.python), "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )


def files(name: str, folder: Path) -> list[str]:
    mapper = {
        **{"version": 0.4, "algorithm": "random_pruned", "num_threads": 1, "timeout": 30000},
        **{"victory_condition": 60, "max_permutations_per_if_visit": 16, "live_status": False},
        **{"optimization_metrics": ["edp"], "diagnostics": False},
    }
    text = to_yaml({"problem": problem_section(problem(name)), "mapper": mapper})
    (folder / "problem.yaml").write_text(text)
    plug_ins = f"globals: {{version: 0.4, accelergy_plug_ins: [{PLUG_IN_PATH}]}}\n"
    (folder / "plug_in.yaml").write_text(plug_ins)
    return [*shipped(name), str(folder / "problem.yaml"), str(folder / "plug_in.yaml")]


@pytest.mark.timeloop
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_timeloopfe_takes_them_unchanged(name: str, tmp_path: Path) -> None:
    done = run(LOAD, *files(name, tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.timeloop
def test_the_real_mapper_searches_red(tmp_path: Path) -> None:
    """With this package's estimators in Accelergy, under the constraints as shipped."""
    done = run(SEARCH, str(tmp_path), *files("red", tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    stats = parse_stats((tmp_path / "timeloop-mapper.stats.txt").read_text())
    assert (stats.cycles, stats.computes) == (16, 33_554_432)
