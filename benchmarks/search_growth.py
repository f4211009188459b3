"""What a proof costs as spaces grow: `python benchmarks/search_growth.py -o docs/search-growth`.

Writes OUTPUT.svg and OUTPUT.csv. A convolution on one, two or more buffers between a memory and an
array of 4 x 4; ranks, sizes and levels grow one at a time. Times are processor seconds of the whole
search for energy times delay; one that takes longer than `--seconds` is stopped.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from pathlib import Path

from red_timeloop.files import write_atomic
from red_timeloop.mapper.find import find, forget
from red_timeloop.mapper.run import space_of
from red_timeloop.spec.types import (
    Architecture,
    Constraints,
    DataSpace,
    DataSpaceConstraint,
    ErtTable,
    Level,
    LevelConstraints,
    Problem,
    Specification,
)
from red_timeloop.views.figures import PAPER

_NAMES = ("Weights", "Inputs", "Outputs")
_SIZES = {"R": 3, "C": 16, "M": 16, "P": 16, "Q": 16, "S": 3}
_KIND = {"ranks": "ranks (R, C, then M, P, Q, S)", "sizes": "C = M = P", "levels": "buffers"}
_GROWTH: dict[str, dict[int, tuple[dict[str, int], int]]] = {
    "ranks": {n: (dict(list(_SIZES.items())[:n]), 1) for n in range(2, 7)},
    "sizes": {n: ({"C": n, "M": n, "P": n, "R": 3}, 1) for n in (4, 16, 64, 256)},
    "levels": {n: ({"C": 16, "M": 16, "P": 16, "R": 3}, n) for n in (1, 2, 3)},
}


def specification(sizes: dict[str, int], buffers: int) -> Specification:
    """Return a convolution on a memory, `buffers` buffers of 64 words and more, and 16 MACs."""
    every = {**dict.fromkeys("CMPQRS", 1), **sizes}
    problem = Problem(
        "convolution",
        tuple(every),
        every,
        (
            DataSpace("Weights", tuple(((each, 1),) for each in "CMRS")),
            DataSpace("Inputs", ((("C", 1),), (("P", 1), ("R", 1)), (("Q", 1), ("S", 1)))),
            DataSpace("Outputs", tuple(((each, 1),) for each in "MPQ"), read_write=True),
        ),
    )
    memories = [(f"buffer_{n}", 64 * 8**n, 2.0**n) for n in reversed(range(buffers))]
    levels = [Level("memory", "storage")]
    levels += [Level(name, "storage", size=size) for name, size, _ in memories]
    levels += [
        Level("inter_mac_spatial", "spatial", "mac", mesh_x=4, mesh_y=4),
        Level("mac", "compute", instances_x=4, instances_y=4),
    ]
    prices = [("memory", 200.0), *((name, price) for name, _, price in memories)]
    table = {name: dict.fromkeys(("read", "write", "update"), p * 1e-12) for name, p in prices}
    keeps = {"memory": LevelConstraints(data_spaces=DataSpaceConstraint(keep=_NAMES))}
    return Specification(
        Architecture(tuple(levels)),
        problem,
        Constraints(keeps),
        ert=ErtTable({**table, "mac": {"compute": 1e-12}}),
    )


def measured(seconds: float) -> list[dict[str, object]]:
    """Search all spaces."""
    rows: list[dict[str, object]] = []
    for kind, cases in _GROWTH.items():
        for number, (sizes, buffers) in cases.items():
            given = specification(sizes, buffers)
            assert given.problem is not None
            forget()  # spaces that grow in two ways start from the same one
            started = time.process_time()
            found = find(
                space_of(given, given.problem),
                "edp",
                stop=lambda since=started: time.process_time() - since > seconds,  # type: ignore[misc]
            )
            row = {"growing": kind, "number": number, "space": found.space, "parts": found.parts}
            row |= {"evaluated": found.evaluated, "proved": found.optimal}
            row["seconds"] = f"{time.process_time() - started:.2f}"
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    return rows


def draw(rows: list[dict[str, object]]) -> str:
    """Return the picture: processor seconds over what grows."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**PAPER, "svg.hashsalt": "growth"}):
        figure = Figure(figsize=(7.2, 2.4), layout="constrained")
        panels = figure.subplots(1, len(_GROWTH), sharey=True)
        for panel, kind in zip(panels, _GROWTH, strict=True):
            own = [row for row in rows if row["growing"] == kind]
            x, y = ([float(str(row[key])) for row in own] for key in ("number", "seconds"))
            panel.plot(x, y, color="#4477aa", linewidth=1)
            for proved, face, label in ((True, "#4477aa", "proved"), (False, "white", "stopped")):
                dots = [
                    (a, b) for a, b, row in zip(x, y, own, strict=True) if row["proved"] == proved
                ]
                if dots:
                    panel.plot(
                        *zip(*dots, strict=True), "o", color="#4477aa", mfc=face, label=label
                    )
            panel.set_xlabel(_KIND[kind])
            panel.set_yscale("log")
            panel.set_xscale("log" if kind == "sizes" else "linear")
            panel.set_xticks(x, [f"{each:g}" for each in x], minor=False)
            panel.minorticks_off()
            panel.legend(frameon=False)
        panels[0].set_ylabel("processor seconds")
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def main() -> int:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="without a suffix")
    parser.add_argument("--seconds", type=float, default=60.0, help="processor time of a search")
    options = parser.parse_args()
    rows = measured(options.seconds)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(options.output.with_suffix(".csv"), stream.getvalue())
    write_atomic(options.output.with_suffix(".svg"), draw(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
