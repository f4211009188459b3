"""What is proved of the CMOS designs on the zoo: `python benchmarks/certificates.py -o FILE.md`.

Each different layer of the workloads, transposed convolutions first, is evaluated on the CMOS
designs; each different problem that a design ends with (the best of the paddings that it tries) is
asked for a better mapping than the design's own, for some processor time. The page is written anew
after each layer. Answers are kept, so that the command goes on where it was ended
(`RED_TIMELOOP_CACHE`). Designs with sparse tensors have no certificates.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from red_timeloop.designs.cmos import CMOS_DESIGNS
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.files import write_atomic
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.mapper import cache
from red_timeloop.mapper.bound import build_bound
from red_timeloop.mapper.candidates import Objective, value_of
from red_timeloop.mapper.exact.goals import SAME, Lowest
from red_timeloop.mapper.exact.search import prove
from red_timeloop.mapper.run import OBJECTIVES, space_of
from red_timeloop.mapper.space import Space
from red_timeloop.workload import load_workload, workload_names

_DENSE = tuple(design for design in CMOS_DESIGNS if not design.read().architecture.sparse)


@dataclass(frozen=True)
class Answer:
    """What is known of a design's mapping of a layer.

    Attributes:
        layer: The workload and the layer.
        design: The design.
        decided: Whether the best mapping of the space is known.
        better: The best value known, as a share of that of the design's mapping.
        gap: By how much the design's mapping may exceed the best one, as a share of that.
    """

    layer: str
    design: str
    decided: bool
    better: float
    gap: float


def layers(names: Sequence[str]) -> list[tuple[str, Layer]]:
    """Return every different layer once, with the first name that it has; transposed ones first."""
    found: dict[Layer, str] = {}
    for workload in map(load_workload, names):
        for entry in workload.layers:
            found.setdefault(entry.layer.unnamed, f"{workload.name} {entry.name}")
    return sorted(
        ((n, layer) for layer, n in found.items()), key=lambda each: not each[1].transposed
    )


def answers(
    evaluator: Evaluator, name: str, layer: Layer, seconds: float, seen: set[Space]
) -> Iterator[Answer]:
    """Yield what is known of all problems of a layer that are not in `seen`."""
    for design in _DENSE:
        try:
            result = evaluator(layer, design)
        except InputError:  # the design cannot run the layer
            continue
        for each in result.evaluations:
            given = each.specification
            assert given.problem is not None
            space = space_of(given, given.problem)
            if space not in seen:
                seen.add(space)
                aim = next(x for x in OBJECTIVES if x == (given.objective or "edp"))
                energy, cycles = np.float64(each.result.energy), np.int64(each.result.cycles)
                own = float(value_of(aim, energy, cycles))
                decided, best, bound = asked(space, aim, own, seconds)
                yield Answer(name, design.name, decided, best / own, own / bound - 1)


def asked(space: Space, aim: Objective, own: float, seconds: float) -> tuple[bool, float, float]:
    """Return whether the best mapping is known, its value or the best known, and a bound."""
    key = cache.key_of("certificates", space, aim, own, seconds)
    stored = cache.load([key]).get(key)
    if isinstance(stored, list) and len(stored) == 3:
        return bool(stored[0]), float(stored[1]), float(stored[2])
    started, goal = time.process_time(), Lowest(aim, own)
    proof = prove(space, goal, stop=lambda: time.process_time() - started > seconds)
    bound = max(build_bound(space, aim).lowest, min(proof.bound, goal.value))
    found = proof.complete, goal.value, goal.value if proof.complete else bound
    cache.store({key: found})
    return found


def page(found: Sequence[Answer], done: int, whole: int, of: str, seconds: float) -> str:
    """Return the page: shares by design, then every mapping that is not proved the best.

    Args:
        found: The answers.
        done, whole: Layers asked, and all of them.
        of: The workloads that they are of.
        seconds: Processor time of each question.
    """
    text = f"""# Certificates of the CMOS designs

How good are the mappings that the CMOS designs choose? Each different problem that a design ends
with was asked for a better mapping, for {seconds:g} s of processor time. This page is of
{done} of {whole} different layers of {of}, transposed convolutions first, with
{len(found)} different problems; what designs share counts for the first of them.
`python benchmarks/certificates.py --seconds {seconds:g} -o docs/certificates.md` makes it, and adds
what is missing.

*Proved*: no mapping of the space has less energy times delay. *Better known*: the search for a
proof came across a better mapping than the design's own. *Gap*: by how much the design's mapping
may exceed the best possible.

| design | problems | proved | better known | gap at most 5 % | median gap | largest gap |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""
    rows = [
        (design.name, [each for each in found if each.design == design.name]) for design in _DENSE
    ]
    for name, own in [*rows, ("all", list(found))]:
        if own:
            gaps = [each.gap for each in own]
            shares = [
                sum(best_of(each) for each in own) / len(own),
                sum(each.better < 1 - SAME for each in own) / len(own),
                sum(gap <= 0.05 for gap in gaps) / len(own),
            ]
            text += f"| {name} | {len(own)} | {' | '.join(f'{each:.0%}' for each in shares)} |"
            text += f" {median(gaps):.1%} | {max(gaps):.1%} |\n"
    text += "\nNot proved the best:\n\n"
    text += "| layer | design | best known, of the design's | gap |\n| --- | --- | ---: | ---: |\n"
    for each in found:
        if not best_of(each):
            text += f"| {each.layer} | {each.design} | {each.better:.3f} | {each.gap:.1%} |\n"
    return text


def best_of(answer: Answer) -> bool:
    """Whether the design's mapping is proved the best."""
    return answer.decided and answer.better >= 1 - SAME


def main(given: Sequence[str] | None = None) -> int:
    """Ask, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", help="all of them when left out")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0, help="processor time of a question")
    options = parser.parse_args(given)
    of = ", ".join(options.workloads) or "the shipped workloads"
    evaluator = Evaluator(Hardware.load("isaac_32nm"), engine("embedded"))
    whole = layers(options.workloads or workload_names())
    found: list[Answer] = []
    seen: set[Space] = set()
    for done, (name, layer) in enumerate(whole, 1):
        found += answers(evaluator, name, layer, options.seconds, seen)
        write_atomic(options.output, page(found, done, len(whole), of, options.seconds))
        print(f"{done}/{len(whole)} {name}: {len(found)} problems", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
