"""Random small specifications, searched and gone through: `python tests/fuzz/mapper_fuzz.py N`.

Every objective and the front of energy and delay must be what brute force finds, from a random
start; prints the seeds where they are not, and exits with 1 then.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from mapper.small_spaces import all_mappings, front_of, random_space

from red_timeloop.mapper.candidates import value_of
from red_timeloop.mapper.exact.goals import Front, Lowest
from red_timeloop.mapper.exact.search import prove
from red_timeloop.mapper.find import ENDS

MOST = 12_000  # mappings that brute force goes through
SAME = 1e-8


def check(seed: int) -> list[str] | None:
    """Return what is wrong with the searches of a space; None where there are too many mappings."""
    rng = random.Random(seed)
    space = random_space(rng)
    if space is None:
        return None
    try:
        found = [costs for _, _, costs in all_mappings(space, MOST)]
    except OverflowError:
        return None
    energy = np.concatenate([costs.energy[costs.legal] for costs in found])
    cycles = np.concatenate([costs.cycles[costs.legal] for costs in found])
    wrong = []
    for objective in ENDS:
        best = float(value_of(objective, energy, cycles).min(initial=np.inf))
        start = rng.choice([best, 1.3 * best, 4.0 * best, np.inf])
        proof = prove(space, Lowest(objective, start))
        if not proof.complete or not np.isclose(proof.goal.value, best, rtol=SAME, atol=0):
            wrong.append(f"{objective}: {proof.goal.value!r} for {best!r}")
    front = front_of(energy, cycles)
    goal = Front()
    complete = prove(space, goal).complete
    points = [(energy, cycles) for energy, cycles, _ in goal.points]
    if (
        not complete
        or [n for _, n in points] != [n for _, n in front]
        or not np.allclose([e for e, _ in points], [e for e, _ in front], rtol=SAME, atol=0)
    ):
        wrong.append(f"pareto: {points} for {front}")
    return wrong


def main(count: int, first: int = 0) -> int:
    """Check `count` seeds; return how many are wrong."""
    checked = bad = 0
    for seed in range(first, first + count):
        wrong = check(seed)
        checked += wrong is not None
        bad += bool(wrong)
        for line in wrong or ():
            print(f"seed {seed}: {line}", flush=True)
    print(f"{checked} of {count} seeds are small spaces; {bad} searched wrongly")
    return bad


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
