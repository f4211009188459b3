"""Read, and where prices exist evaluate, every specification of the public Timeloop exercises.

    python benchmarks/timeloop_exercises.py DIR [BUDGET]

DIR is a checkout of Accelergy-Project/timeloop-accelergy-exercises. Prints a table: every example
design through its template, on the mapping and the tables published beside it; what timeloopfe
wrote for each published run (`parsed-processed-input.yaml`); the tutorials; and how many layer
files are read. Each is priced without its table, too, and the prices of the five dense designs
stand beside the published ones, component by component. Where `timeloop-model` is on PATH, cycles
and every count are compared with what it prints today, else cycles with the published run. With a
BUDGET each is mapped too, evaluating at most about so many mappings: by energy times cycles where
it is priced, else by cycles.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from red_timeloop.components.hwcomponents import installed
from red_timeloop.engines.base import engine
from red_timeloop.engines.pricing import price_specification, priced
from red_timeloop.engines.result import EngineResult
from red_timeloop.engines.timeloop.stats import parse_stats
from red_timeloop.errors import InputError
from red_timeloop.mapper.candidates import Objective
from red_timeloop.mapper.run import search_specification
from red_timeloop.spec.fields import mapping
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.problem import read_problem
from red_timeloop.spec.reader import read_art_file, read_ert_file, read_specification
from red_timeloop.spec.types import Specification

DENSE = (
    *("eyeriss_like", "simba_like", "simple_output_stationary", "simple_weight_stationary"),
    "sparseloop/01.2.1-DUDU-dot-product",
)
TUTORIAL = "tutorial_exercises/01_accelergy_timeloop_2020_ispass/timeloop"


@dataclass
class Case:
    """One specification: its files, the template's data and what is published beside it."""

    name: str
    files: list[Path]
    jinja: dict[str, Any] = field(default_factory=dict)
    published: Path | None = None  # folder with mapping, tables and statistics of a run

    def beside(self, pattern: str) -> Path | None:
        """Return the published file of a pattern."""
        found = sorted(self.published.glob(pattern)) if self.published is not None else []
        return found[0] if found else None


def cases(root: Path) -> Iterator[Case]:
    """Yield everything in the checkout that is a specification."""
    designs = root / "example_designs" / "example_designs"
    for arch in sorted(designs.rglob("arch.yaml")):
        name = str(arch.parent.relative_to(designs))
        published = arch.parent / "ref_outputs" / "default_problem"
        yield Case(name, [designs / "top.yaml.jinja2"], {"architecture": name}, published)
    for parsed in sorted(root.rglob("parsed-processed-input.yaml")):
        name = str(parsed.parent.relative_to(root)).replace("example_designs/", "")
        yield Case(f"{name} (as parsed)", [parsed], {}, parsed.parent)
    for folder in sorted((root / TUTORIAL).glob("0*")):
        files = [file for part in ("arch", "prob", "mapper") for file in _yaml(folder / part)]
        mappings = [*_yaml(folder / "map"), *_yaml(folder / "constraints")]
        for chosen in mappings or [None]:
            extra = [chosen] if chosen is not None else []
            yield Case(f"{folder.name} {chosen.stem if chosen else ''}", [*files, *extra])
    both = (root / TUTORIAL).parent / "timeloop+accelergy"
    for kind, bits, sums in (("intmac", 8, 16), ("fpmac", 32, 32)):
        data = {"mac_class": kind, "input_weight_datawidth": bits, "psum_datawidth": sums}
        yield Case(
            f"timeloop+accelergy {kind}",
            [both / "arch" / "arch.yaml", *_yaml(both / "prob"), *_yaml(both / "mapper")],
            data,
            both / "ref-output" / kind,
        )
    for top in sorted(root.glob("tutorial_exercises/02*/top.yaml.jinja*")):
        yield Case(top.parent.name, [top], {}, top.parent / "outputs")


def _yaml(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"))


def mapped(case: Case, budget: int) -> str:
    """Return the cycles (and energy) of the best mapping found, or why there is none."""
    ert = case.beside("*.ERT.yaml")
    try:
        found = read_specification(case.files, ert=ert, jinja=case.jinja)
        if found.problem is None:
            return "no problem"
        found = priced(found, needed=False)
        objective: Objective = "delay" if found.ert is None else "edp"
        _, result, report = search_specification(found, objective, budget=budget)
    except InputError as refusal:
        return f"refused: {refusal.message}"
    energy = f", {result.energy * 1e6:.4g} uJ" if found.ert is not None else ""
    certain = "optimal" if report.optimal else "best found"
    return f"{result.cycles:,} cycles{energy}, {certain}"


def run(case: Case) -> tuple[str, str, str, str, str]:
    """Return read, priced, cycles, energy and the comparison, in words."""
    try:
        bare = read_specification(case.files, jinja=case.jinja)
    except InputError as refusal:
        return f"refused: {refusal.message}", "", "", "", ""
    try:
        price_specification(bare)
        prices = "priced"
    except InputError as refusal:
        prices = f"{refusal.key}: {refusal.message}"[:90]
    return ("read", prices, *_evaluated(case, bare))


def _evaluated(case: Case, bare: Specification) -> tuple[str, str, str]:
    ert, art = case.beside("*.ERT.yaml"), case.beside("*.ART.yaml")
    published = None if bare.mapping is not None else case.beside("*.map.yaml")
    if bare.mapping is None and published is None:
        return "", "", "no mapping"
    try:
        found = read_specification(
            case.files, mapping=published, ert=ert, art=art, jinja=case.jinja
        )
        result = engine("embedded").evaluate_specification(priced(found, needed=False))
    except InputError as refusal:
        return "", "", f"refused: {refusal.message}"
    energy = f"{result.energy * 1e6:.4g} uJ" if result.priced_by is not None else "not priced"
    if ert is None and result.priced_by is not None:
        energy += " (built-in prices)"
    return f"{result.cycles:,}", energy, _compared(case, published, result)


def _compared(case: Case, published: Path | None, result: EngineResult) -> str:
    stats = case.beside("*.stats.txt")
    parsed = case.beside("parsed-processed-input.yaml")
    if shutil.which("timeloop-model") and parsed is not None:
        return _today(case, parsed, published, result)
    if stats is None:
        return "no run published"
    cycles = re.search(r"^Cycles: (\d+)", stats.read_text(), re.MULTILINE)
    same = cycles is not None and int(cycles.group(1)) == result.cycles
    return "cycles as published" if same else "cycles differ from the published run"


def _today(case: Case, parsed: Path, published: Path | None, result: EngineResult) -> str:
    """Compare with a run of the timeloop-model on PATH."""
    files = [parsed, case.beside("*.ERT.yaml"), case.beside("*.ART.yaml"), published]
    with tempfile.TemporaryDirectory() as folder:
        given = []
        for number, file in enumerate(file for file in files if file is not None):
            text = file.read_text()
            if file == parsed and published is not None:  # what the mapper searched under
                text = re.sub(r"^mapping: \[\]$", "", text, flags=re.MULTILINE)
                text = text.replace("\narchitecture_constraints:", "\nignored:")
            (Path(folder) / f"{number}.yaml").write_text(text)
            given.append(f"{number}.yaml")
        ran = subprocess.run(
            ["timeloop-model", *given], cwd=folder, capture_output=True, text=True, timeout=600
        )
        written = Path(folder) / "timeloop-model.stats.txt"
        if ran.returncode or not written.exists():
            last = (ran.stderr or ran.stdout).strip().splitlines()[-1:]
            return f"timeloop-model failed: {' '.join(last)[:60]}"
        real = parse_stats(written.read_text())
    return _differences(real, result)


def _differences(real: EngineResult, result: EngineResult) -> str:
    compared = 2
    wrong = [
        f"{key} {getattr(result, key)} for {getattr(real, key)}"
        for key in ("cycles", "computes")
        if getattr(real, key) != getattr(result, key)
    ]
    for name, level in real.levels.items():
        for space, counts in level.data_spaces.items():
            mine = result.levels[name].data_spaces.get(space)
            ours = mine.as_dict() if mine is not None else {}
            for key, number in counts.as_dict().items():
                if key in ("temporal_reductions", "utilized_instances_average", "energy_J"):
                    continue
                compared += 1
                if ours.get(key, 0) != number:
                    wrong.append(f"{name}.{space}.{key} {ours.get(key, 0)} for {number}")
    ratio = result.energy / real.energy if real.energy else 1.0
    if wrong:
        return f"{len(wrong)} of {compared} counts differ: {', '.join(wrong[:3])}"
    return f"{compared} counts equal, energy {ratio:.6f} of Timeloop's"


def price_table(root: Path, estimator: str) -> Table:
    """Return an estimator's prices beside the published ones, component by component."""
    actions = (("compute", "read"), ("write",), ("leak",))
    table = Table(title=f"Published, {estimator} and their ratio, pJ and um^2", box=box.MARKDOWN)
    for heading in ("design", "component", "read or compute", "write", "leak", "area"):
        table.add_column(heading)
    for case in cases(root):
        if case.name not in DENSE:
            continue
        specification = read_specification(case.files, jinja=case.jinja)
        ert, art = case.beside("*.ERT.yaml"), case.beside("*.ART.yaml")
        assert ert is not None
        assert art is not None
        energies, areas = read_ert_file(ert).energies, read_art_file(art).areas
        found = price_specification(specification, estimator)
        for level in specification.architecture.levels:
            if level.kind == "spatial":
                continue
            known, ours = energies[level.name], found.ert.energies[level.name]
            cells = [
                next((_beside(known[name], ours[name]) for name in names if name in known), "")
                for names in actions
            ]
            cells.append(_beside(areas[level.name], found.art.areas[level.name]))
            table.add_row(case.name, level.name, *cells)
    return table


def _beside(published: float, ours: float) -> str:
    ratio = f"{ours / published:.2f}" if published else "-"
    return f"{published * 1e12:.3g}, {ours * 1e12:.3g}: {ratio}"


def layers(root: Path) -> tuple[int, int, list[str]]:
    """Return how many layer files are read, how many there are, and why others are not."""
    files = [
        file
        for file in sorted((root / "example_designs" / "layer_shapes").rglob("*.yaml"))
        if file.name != "problem_base.yaml"
    ]
    reasons = [reason for file in files if (reason := _refusal(file))]
    return len(files) - len(reasons), len(files), reasons


def _refusal(file: Path) -> str:
    """Return why the problem of a layer file is not read, "" when it is."""
    try:
        content = load_file(file)
        if "problem" not in content:
            return f"{file}: the key 'problem' is missing"
        read_problem(mapping(content, "problem", ""), {})
    except InputError as refusal:
        return str(refusal)
    return ""


def main() -> int:
    """Print the table; exit code 1 when a layer file is not read."""
    if len(sys.argv) not in (2, 3):
        print(__doc__)
        return 2
    root = Path(sys.argv[1]).resolve()
    root = root / "workspace" if (root / "workspace").is_dir() else root
    table = Table(title="Specifications of the public exercises")
    budget = int(sys.argv[2]) if len(sys.argv) == 3 else 0
    headings = [
        "specification",
        "reading",
        "prices",
        "cycles",
        "energy",
        "compared",
        *(["mapped"] if budget else []),
    ]
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for case in cases(root):
        table.add_row(case.name, *run(case), *([mapped(case, budget)] if budget else []))
    Console(width=160).print(table)
    for estimator in ("builtin", *(["hwcomponents"] if installed() else [])):
        Console(width=160).print(price_table(root, estimator))
    begun = time.perf_counter()
    read, every, reasons = layers(root)
    print(f"layer files: {read} of {every} read in {time.perf_counter() - begun:.1f} s")
    for reason in reasons[:10]:
        print(f"  {reason}")
    return 0 if read == every else 1


if __name__ == "__main__":
    sys.exit(main())
