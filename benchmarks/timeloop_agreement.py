"""Compare the embedded engine with the real Timeloop, evaluation by evaluation.

    python benchmarks/timeloop_agreement.py [--random 100] [--seed 0] [--write docs/agreement.md]

Every evaluation of the six benchmark layers on every design, and of random layers on a design that
is drawn with them, is run on both engines. Counts, instances and cycles must be equal; energies may
differ by what Timeloop's printing rounds. Exit code 1 when anything else differs. With `--store
FILE` a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from red_timeloop import __version__
from red_timeloop.decomposition import decompose
from red_timeloop.designs import all_names, find, names
from red_timeloop.designs.evaluate import evaluate as evaluate_design
from red_timeloop.engines.embedded.engine import evaluate_specification as embedded
from red_timeloop.engines.result import EngineResult
from red_timeloop.engines.timeloop.engine import run_model
from red_timeloop.engines.timeloop.tools import find_tools
from red_timeloop.errors import InputError
from red_timeloop.files import write_atomic
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Conv, TransposedConv
from red_timeloop.spec.types import Specification
from red_timeloop.workload import load_workload

_ROUNDING_SPACE = 0.0051e-12  # J: energies of data spaces are printed to 0.01 pJ
_ROUNDING_COMPUTE = 0.0051e-15  # J a compute: energies of levels are printed to 0.01 fJ a compute
_RELATIVE = 1e-9
_FIXED = names()
_MAPPED = tuple(name for name in all_names() if name not in _FIXED)
COUNTS = ("reads", "fills", "updates", "temporal_reductions")
USES = ("utilized_instances", "utilized_capacity")


@dataclass
class Row:
    """All evaluations of one layer on one design."""

    layer: str
    design: str
    evaluations: int = 0
    numbers: int = 0
    energies: int = 0
    computes: int = 0
    cycles: int = 0
    worst: float = 0.0
    differences: list[str] = field(default_factory=list)

    def equal(self, what: str, ours: Any, theirs: Any) -> None:
        """Compare two numbers that must be equal."""
        self.numbers += 1
        if ours != theirs:
            self.differences.append(f"{what}: embedded {ours}, timeloop {theirs}")

    def close(self, what: str, ours: float, theirs: float, rounding: float) -> None:
        """Compare two energies; `rounding` is what printing may have changed."""
        self.energies += 1
        self.worst = max(self.worst, abs(ours - theirs) / max(abs(theirs), 1e-30))
        if abs(ours - theirs) > rounding + _RELATIVE * abs(theirs):
            self.differences.append(f"{what}: embedded {ours:.6g} J, timeloop {theirs:.6g} J")


def compare(row: Row, name: str, specification: Specification) -> None:
    """Evaluate a specification on both engines and note every difference."""
    ours, theirs = embedded(specification).as_dict(), run_model(specification).result.as_dict()
    row.evaluations += 1
    row.computes += theirs["computes"]
    row.cycles = max(row.cycles, theirs["cycles"])
    for key in ("cycles", "computes"):
        row.equal(f"{name} {key}", ours[key], theirs[key])
    row.equal(f"{name} levels", list(ours["levels"]), list(theirs["levels"]))
    computes = theirs["computes"]
    row.close(f"{name} energy", ours["energy_J"], theirs["energy_J"], _ROUNDING_COMPUTE * computes)
    for level, their in theirs["levels"].items():
        our = ours["levels"].get(level)
        if our is None:
            continue
        where = f"{name} {level}"
        row.equal(f"{where} instances", our["instances"], their["instances"])
        rounding = _ROUNDING_COMPUTE * computes
        row.close(f"{where} energy", our["energy_J"], their["energy_J"], rounding)
        row.equal(f"{where} data spaces", list(our["data_spaces"]), list(their["data_spaces"]))
        for space, found in their["data_spaces"].items():
            mine = our["data_spaces"].get(space, {})
            for key in (*COUNTS, *USES):
                row.equal(f"{where} {space} {key}", mine.get(key), found[key])
            energy = mine.get("energy_J", 0.0)
            row.close(f"{where} {space} energy", energy, found["energy_J"], _ROUNDING_SPACE)


def evaluate(name: str, layer: TransposedConv | Conv, design: str) -> Row:
    """Compare all evaluations of a layer on a design."""
    row = Row(name, design)

    def both(specification: Specification) -> EngineResult:
        compare(row, f"evaluation {row.evaluations}", specification)
        return embedded(specification)

    try:
        evaluate_design(find(design), layer, Hardware.load("isaac_32nm"), both)
    except InputError as error:
        print(f"{name} on {design}: not evaluated: {error}", flush=True)
    return row


def random_layers(count: int, seed: int) -> Iterator[tuple[str, TransposedConv | Conv, str]]:
    """Yield `count` layers, each with a design that can hold it."""
    draw = random.Random(seed)
    number = 0
    while number < count:
        axes = draw.choice((1, 2, 2, 2, 3))
        most = {1: 24, 2: 10, 3: 4}[axes]
        groups = draw.choice((1, 1, 1, 2, 4))
        kind = draw.choice((TransposedConv, TransposedConv, TransposedConv, Conv))
        sizes: dict[str, Any] = {
            "in_channels": groups * draw.choice((1, 3, 16, 40, 128)),
            "out_channels": groups * draw.choice((1, 2, 21, 64)),
            "input_size": tuple(draw.randint(1, most) for _ in range(axes)),
            "kernel_size": tuple(draw.randint(1, 5) for _ in range(axes)),
            "stride": tuple(draw.randint(1, 3) for _ in range(axes)),
            "padding": tuple((draw.randint(0, 2), draw.randint(0, 2)) for _ in range(axes)),
            "dilation": draw.choice((1, 1, 1, 2)),
            "groups": groups,
            "batch": draw.choice((1, 1, 2)),
        }
        design = draw.choice(_FIXED * 4 + _MAPPED)  # mapping takes far longer than evaluating
        try:
            layer = kind(**sizes)
            decompose(layer)
            evaluate_design(find(_FIXED[0]), layer, Hardware.load("isaac_32nm"), embedded)
        except InputError:
            continue
        number += 1
        yield f"random {number:03d}", layer, design


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=100, help="random layers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workload", default="red_date2019")
    parser.add_argument("--store", type=Path, help="file that keeps the rows that are done")
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    options = parser.parse_args(arguments)
    done = stored(options.store)
    fixed = [
        ready(done, options.store, entry.name, entry.layer, design)
        for entry in load_workload(options.workload).layers
        for design in all_names()
    ]
    drawn = [
        ready(done, options.store, *job) for job in random_layers(options.random, options.seed)
    ]
    if options.write:
        write_atomic(options.write, document(fixed, drawn, options))
    return int(any(row.differences for row in (*fixed, *drawn)))


def stored(path: Path | None) -> dict[tuple[str, str], Row]:
    """Return the rows that an earlier run has stored."""
    lines = path.read_text().splitlines() if path and path.exists() else []
    rows = [Row(**json.loads(line)) for line in lines]
    return {(row.layer, row.design): row for row in rows}


def ready(
    done: dict[tuple[str, str], Row],
    path: Path | None,
    name: str,
    layer: TransposedConv | Conv,
    design: str,
) -> Row:
    """Return the row of a layer on a design, stored or new."""
    if (name, design) in done:
        return done[name, design]
    row = report(evaluate(name, layer, design))
    if path:
        with path.open("a") as stream:
            stream.write(json.dumps(asdict(row)) + "\n")
    return row


def report(row: Row) -> Row:
    """Print a line about the row, and its differences."""
    verdict = "agree" if not row.differences else f"{len(row.differences)} DIFFER"
    print(f"{row.layer:14} {row.design:14} {row.evaluations:3} evaluations  {verdict}", flush=True)
    for difference in row.differences[:8]:
        print(f"    {difference}", flush=True)
    return row


def document(fixed: list[Row], drawn: list[Row], options: argparse.Namespace) -> str:
    """Return the page for the documentation."""
    command = f"python benchmarks/timeloop_agreement.py --random {options.random}"
    command += f" --seed {options.seed} --write docs/agreement.md"
    fixed, drawn = ([row for row in found if row.evaluations] for found in (fixed, drawn))
    rows = [*fixed, *drawn]
    lines = [
        "# Agreement with the real Timeloop",
        "",
        "Every evaluation below ran on both engines. *Numbers* are cycles, computes, instances and",
        "all counts of every level and data space: they must be equal. Energies may differ by what",
        "Timeloop's printing rounds (0.01 pJ a data space, 0.01 fJ a compute a level). Computes",
        "are those of all evaluations, the envelope of the inputs among them (see designs.md).",
        "",
        f"* red-timeloop {__version__}; {versions()}",
        f"* made by `{command}`",
        f"* {len(rows)} layers on designs, {sum(r.evaluations for r in rows)} evaluations,"
        f" {sum(r.numbers for r in rows):,} numbers and {sum(r.energies for r in rows):,} energies"
        f" compared: {sum(len(r.differences) for r in rows)} differences",
        "",
        "## Benchmark layers",
        "",
        *table(fixed),
        "",
        "## Random layers",
        "",
        f"{len(drawn)} layers in one to three axes, with groups, dilation, asymmetric padding and",
        "batches, drawn together with a design.",
        "",
        *table(totals(drawn)),
    ]
    different = [
        f"* {r.layer} on {r.design}: {difference}" for r in rows for difference in r.differences
    ]
    if different:
        lines += ["", "## Differences", "", *different]
    return "\n".join(lines) + "\n"


def totals(rows: list[Row]) -> list[Row]:
    """Return one row for each design."""
    found: dict[str, Row] = {}
    for row in rows:
        total = found.setdefault(row.design, Row("", row.design))
        total.layer = f"{int(total.layer.split()[0] or 0) + 1 if total.layer else 1} layers"
        for key in ("evaluations", "numbers", "energies", "computes"):
            setattr(total, key, getattr(total, key) + getattr(row, key))
        total.cycles = max(total.cycles, row.cycles)
        total.worst = max(total.worst, row.worst)
        total.differences += row.differences
    return [found[name] for name in sorted(found)]


def table(rows: list[Row]) -> list[str]:
    """Return a Markdown table."""
    head = "| layer | design | evaluations | cycles | computes | numbers equal | energies agree |"
    lines = [head, "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows:
        bad = [difference for difference in row.differences if difference.endswith(" J")]
        wrong = len(row.differences) - len(bad)
        lines.append(
            f"| {row.layer} | {row.design} | {row.evaluations} | {row.cycles:,} |"
            f" {row.computes:,} | {row.numbers - wrong} of {row.numbers} |"
            f" {row.energies - len(bad)} of {row.energies} |"
        )
    return lines


def versions() -> str:
    """Return what is known of the tools' versions."""
    tools = find_tools()
    done = subprocess.run(
        [str(tools.python), "-c", "import accelergy.version as v; print(v.__version__)"],
        capture_output=True,
        text=True,
        check=False,
    )
    accelergy = done.stdout.strip() if done.returncode == 0 else ""
    known = "timeloop 4cf6d4c (2025-03-31), timeloopfe v4 of timeloop-python b8aaf2c"
    return known + (f", accelergy {accelergy}" if re.fullmatch(r"[\w.]+", accelergy) else "")


if __name__ == "__main__":
    sys.exit(main())
