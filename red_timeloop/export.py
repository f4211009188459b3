"""A self-contained bundle of a layer on a design, for a machine with Timeloop and nothing of ours.

Every evaluation of the design (a group of computation modes, or the envelope of the shared inputs)
is a folder of its own. Energies and areas are given as tables, so Accelergy needs no plug-in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from red_timeloop.components.libraries import csv_library, primitive_library
from red_timeloop.designs import Design
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.pinned import free_in_time
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.files import make_folder, write_atomic
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.emit import to_yaml
from red_timeloop.spec.types import Constraints, Specification
from red_timeloop.spec.write import (
    VERSION,
    architecture_section,
    art_section,
    constraint_targets,
    ert_section,
    mapping_targets,
    problem_section,
    variables_section,
)

__all__ = ["COMMAND", "export", "numbered"]

COMMAND = "python run.py"

_RUN = '''\
"""Runs Timeloop on every evaluation in this folder; needs pytimeloop.

    python run.py          evaluate the design's own mapping (timeloop-model)
    python run.py mapper   let timeloop-mapper search under the design's constraints

Results stand in EVALUATION/model/timeloop-model.stats.txt or EVALUATION/mapper/...
"""

import pathlib
import sys

import pytimeloop.timeloopfe.v4 as timeloopfe

HERE = pathlib.Path(__file__).resolve().parent
SEARCH = len(sys.argv) > 1 and sys.argv[1] == "mapper"
SHARED = ("architecture.yaml", "problem.yaml", "ERT.yaml", "ART.yaml")
OWN = ("constraints.yaml", "mapper.yaml") if SEARCH else ("mapping.yaml",)

failed = False
for problem in sorted(HERE.glob("*/problem.yaml")):
    folder = problem.parent
    files = [str(folder / name) for name in SHARED + OWN]
    output = folder / ("mapper" if SEARCH else "model")
    output.mkdir(exist_ok=True)
    specification = timeloopfe.Specification.from_yaml_files(*files)
    call = timeloopfe.call_mapper if SEARCH else timeloopfe.call_model
    log = str(output / "timeloop.log")
    call(specification, output_dir=str(output), log_to=log, return_proc=True).wait()
    stats = list(output.glob("*.stats.txt"))
    whole = bool(stats) and stats[0].stat().st_size > 0
    failed = failed or not whole
    print(f"{folder.name}: {stats[0] if whole else 'failed, see ' + log}")
sys.exit(int(failed))
'''


def export(
    design: Design, layer: Layer, hardware: Hardware, folder: str | Path, title: str
) -> list[Path]:
    """Write the bundle of a layer on a design to `folder`, which must be empty or not there yet.

    Args:
        design: The design.
        layer: The layer.
        hardware: The parameter set.
        folder: Where to write.
        title: Names the layer in the README.

    Returns:
        The folders of the evaluations.

    Raises:
        InputError: The design cannot run the layer or computes nothing of it, or the folder holds
            something or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("holds something already", file=folder, legal="an empty or new folder")
    result = evaluate(design, layer, hardware, evaluate_specification)
    if not result.evaluations:
        raise InputError(
            f"no kernel pixel reaches an output pixel: {design.name} computes nothing",
            key=title,
            legal="a layer with something to evaluate",
        )
    names = numbered([each.part.name for each in result.evaluations])
    written = []
    for name, each in zip(names, result.evaluations, strict=True):
        written.append(make_folder(folder / name.replace(" ", "_")))
        fixed = each.part.loops is not None
        constrained = free_in_time(each.specification) if fixed else each.specification
        _write_evaluation(each.specification, constrained.constraints, written[-1])
    write_atomic(folder / "components.lib.yaml", to_yaml(primitive_library()))
    write_atomic(folder / "run.py", _RUN)
    write_atomic(folder / "README.md", _readme(result, names, title))
    return written


def numbered(names: list[str]) -> list[str]:
    """Number the names that stand more than once; groups may differ in their offsets only.

    >>> numbered(["taps 2x2", "taps 2x2", "inputs"])
    ['taps 2x2 1', 'taps 2x2 2', 'inputs']
    """
    return [
        f"{name} {names[: at + 1].count(name)}" if names.count(name) > 1 else name
        for at, name in enumerate(names)
    ]


def _write_evaluation(specification: Specification, constraints: Constraints, folder: Path) -> None:
    architecture, problem = specification.architecture, specification.problem
    assert problem is not None
    assert specification.mapping is not None
    assert specification.ert is not None
    assert specification.art is not None
    targets = constraint_targets(constraints, architecture)
    mapping = mapping_targets(specification.mapping, architecture, problem)
    files: dict[str, dict[str, Any]] = {
        "architecture.yaml": {
            "variables": variables_section(specification.variables),
            "architecture": architecture_section(architecture),
        },
        "problem.yaml": {"problem": problem_section(problem)},
        "mapping.yaml": {"mapping": mapping},
        "constraints.yaml": {"extra_mapping_constraints": {"version": VERSION, "targets": targets}},
        "mapper.yaml": {"mapper": {"version": VERSION, **_SEARCH}},
        "ERT.yaml": {"ERT": ert_section(specification.ert, architecture)},
        "ART.yaml": {"ART": art_section(specification.art, architecture)},
    }
    for name, content in files.items():
        write_atomic(folder / name, to_yaml(content))
    table = csv_library(architecture, specification.ert, specification.art)
    write_atomic(folder / "components.csv", table)


_SEARCH: dict[str, object] = {
    "algorithm": "random_pruned",
    "num_threads": 2,
    "victory_condition": 500,
    "timeout": 15000,
    "max_permutations_per_if_visit": 16,
    "optimization_metrics": ["edp"],
    "live_status": False,
    "diagnostics": False,
}


def _readme(result: DesignResult, names: list[str], title: str) -> str:
    plan = result.plan
    combine = "The evaluations run one after the other: cycles and energies add"
    if plan.order == "side_by_side":
        combine = "Groups run side by side: cycles are the longest group's, energies add"
    if any(part.role == "inputs" for part in plan.parts):
        combine += ", and above the crossbars inputs count once, in `inputs`"
    lines = [
        f"{title} on the design `{result.design.name}`, for Timeloop v0.4: {', '.join(names)}.",
        f"Run all with `{COMMAND}` (timeloop-model) or `{COMMAND} mapper` (timeloop-mapper).",
        f"{combine}; a cycle is {result.cycle_time:.3g} s.",
    ]
    return "\n".join(lines) + "\n"
