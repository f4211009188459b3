"""What is proved of the CMOS designs on the zoo: `python benchmarks/certificates.py -o FILE.md`.

Every different layer of the shipped workloads is planned on every CMOS design; each problem, as it
is and padded as the design tries it, is searched once, with the time given. Finished searches are
kept, so that the command goes on where it was ended (`RED_TIMELOOP_CACHE`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from red_timeloop.designs.cmos import CMOS_DESIGNS
from red_timeloop.designs.specification import assemble
from red_timeloop.errors import InputError
from red_timeloop.files import write_atomic
from red_timeloop.hardware import Hardware
from red_timeloop.mapper.run import search_specification
from red_timeloop.parallel import deal
from red_timeloop.spec.types import Specification
from red_timeloop.workload import load_workload, workload_names


@dataclass(frozen=True)
class Question:
    """A problem to map, where it comes from, and the seconds that its search may take."""

    workload: str
    layer: str
    design: str
    specification: Specification
    seconds: float


def questions(names: list[str], seconds: float) -> Iterator[Question]:
    """Yield every different problem once."""
    hardware, seen = Hardware.load("isaac_32nm"), set()
    for name in names:
        for entry in load_workload(name).layers:
            for design in CMOS_DESIGNS:
                try:
                    plan = design.plan(replace(entry.layer, name=None), hardware)
                except InputError:  # the design cannot run the layer
                    continue
                for part in plan.parts:
                    for way in (part, *part.alternatives):
                        found = assemble(plan, way, plan.clock)
                        key = repr((design.architecture, found.problem, found.architecture))
                        if key not in seen:
                            seen.add(key)
                            yield Question(name, entry.name, design.name, found, seconds)


def answer(question: Question) -> tuple[bool, float] | None:
    """Return whether the mapping found is proved the best, and its gap; None without a mapping."""
    try:
        report = search_specification(question.specification, seconds=question.seconds)[2]
    except InputError:
        return None
    return report.optimal, report.gap or 0.0


def page(found: list[tuple[Question, tuple[bool, float] | None]]) -> str:
    """Return the page: shares by design, then every problem that is not proved."""
    lines = ["# Certificates of the CMOS designs", ""]
    lines += ["| design | problems | proved | gap at most 5 % | largest gap |", "| --- " * 5 + "|"]
    for design in CMOS_DESIGNS:
        own = [each for q, each in found if q.design == design.name and each is not None]
        if own:
            gaps = [gap for _, gap in own]
            proved, small = sum(o for o, _ in own), sum(gap <= 0.05 for gap in gaps)
            shares = f"{proved / len(own):.0%} | {small / len(own):.0%} | {max(gaps):.2f}"
            lines.append(f"| `{design.name}` | {len(own)} | {shares} |")
    lines += ["", "Not proved:", "", "| layer | design | gap |", "| --- | --- | --- |"]
    for question, each in found:
        if each is None or not each[0]:
            gap = "no mapping is legal" if each is None else f"{each[1]:.3f}"
            lines.append(f"| {question.workload} {question.layer} | {question.design} | {gap} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Search, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", help="all of them when left out")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each search")
    options = parser.parse_args()
    asked = list(questions(options.workloads or workload_names(), options.seconds))
    answers: dict[int, tuple[bool, float] | None] = {}
    for number, each in deal(answer, asked, options.jobs):
        answers[number] = each
        print(f"{len(answers)}/{len(asked)} {asked[number].layer}: {each}", file=sys.stderr)
    found = [(question, answers[number]) for number, question in enumerate(asked)]
    write_atomic(options.output, page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
