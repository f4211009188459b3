"""What statistics make of the zeros of a deconvolution, beside running none of them.

    python benchmarks/zeros.py [--write docs/zeros.md]

The six layers of the RED papers on the row-stationary array (`eyeriss`), as zero-inserted
convolutions in the mapping that the mapper finds: with all zeros computed, gated in the MAC, or
skipped by Sparseloop's optimizations in the PEs, at exactly the share of real pixels; and
(`eyeriss_split`) as sub-convolutions without inserted zeros. With `--write` the table in the page
is replaced.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from red_timeloop.components.tables import price
from red_timeloop.designs import find
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.engines.embedded.engine import evaluate_specification as embedded
from red_timeloop.engines.embedded.machine import build_shape
from red_timeloop.engines.embedded.sparse.loops import box
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.spec.sparsity import (
    Action,
    ActionOptimization,
    Condition,
    Density,
    SparseOptimizations,
)
from red_timeloop.spec.types import Level, Problem, Specification
from red_timeloop.workload import load_workload

HEADING = "| layer | zeros | cycles | energy [uJ] | computes | of them real |"
_SHARES = {"read_share": 1.0, "compute_share": 1.0}  # the array's own gating, here left out
_TARGETS = {"filter_spad": "Weights", "sum_spad": "Outputs"}


@dataclass(frozen=True)
class Row:
    """One way to treat the zeros of one layer."""

    layer: str
    zeros: str
    cycles: int
    energy: float
    computes: int
    real: float

    def __str__(self) -> str:
        return (
            f"| {self.layer} | {self.zeros} | {self.cycles:,} | {self.energy * 1e6:.4g} |"
            f" {self.computes:,} | {self.real:.1%} |"
        )


def real_share(layer: TransposedConv, problem: Problem) -> float:
    """Return the share of real pixels in the zero-inserted map with its border."""
    shape = build_shape(problem)
    inputs = next(tensor for tensor in shape.tensors if tensor.name == "Inputs")
    pixels = prod(layer.input_size) * layer.in_channels * layer.batch
    return pixels / prod(box(inputs, shape.sizes))


def with_zeros(spec: Specification, share: float, kind: Action | None, distribution: str) -> Any:
    """Return the specification with zeros gated in the MAC or skipped in the PE.

    Prices are those of the array without its own gating.
    """

    def treated(level: Level) -> Level:
        attributes = {k: _SHARES.get(k, v) for k, v in level.attributes.items()}
        sparse = SparseOptimizations()
        if kind == "skipping" and level.name in _TARGETS:
            condition = Condition(_TARGETS[level.name], ("Inputs",))
            sparse = SparseOptimizations(actions=(ActionOptimization(kind, (condition,)),))
        if kind == "gating" and level.kind == "compute":
            sparse = SparseOptimizations(compute=("gating",))
        return replace(level, attributes=attributes, sparse=sparse)

    assert spec.problem is not None
    levels = tuple(map(treated, spec.architecture.levels))
    architecture = replace(spec.architecture, levels=levels)
    circuit = Hardware.load("isaac_32nm").circuit
    ert, art = price(architecture, circuit, spec.variables["global_cycle_seconds"])
    # a gated MAC costs nothing; without a price of its own Timeloop takes that of a compute
    mac = {**ert.energies["mac"], "compute_gated": 0.0}
    ert = replace(ert, energies={**ert.energies, "mac": mac})
    problem = replace(spec.problem, densities={"Inputs": Density(distribution, share)})
    return replace(spec, architecture=architecture, problem=problem, ert=ert, art=art)


def rows(name: str, layer: TransposedConv) -> Iterator[Row]:
    """Yield the ways to treat the zeros of a layer."""
    hardware = Hardware.load("isaac_32nm")
    found = evaluate(find("eyeriss"), layer, hardware, embedded)
    spec = found.evaluations[0].specification
    assert spec.problem is not None
    share = real_share(layer, spec.problem)
    ways: list[tuple[str, Action | None, str]] = [("computed", None, "fixed_structured")]
    ways.append(("MACs gated", "gating", "fixed_structured"))
    ways.append(("skipped, fixed structured", "skipping", "fixed_structured"))
    ways.append(("skipped, hypergeometric", "skipping", "hypergeometric"))
    for zeros, kind, distribution in ways:
        result = embedded(with_zeros(spec, share, kind, distribution))
        counts = result.levels["mac"].computes
        computes = result.computes if counts is None else counts.actual
        yield Row(name, zeros, result.cycles, result.energy, computes, layer.macs / computes)
    split = evaluate(find("eyeriss_split"), layer, hardware, embedded)
    energy = sum(level.energy for level in split.levels.values())
    real = layer.macs / split.computes
    yield Row(name, "none inserted", split.cycles, energy, split.computes, real)


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args(arguments)
    lines = [HEADING, "| --- | --- | ---: | ---: | ---: | ---: |"]
    for entry in load_workload("red_date2019").layers:
        assert isinstance(entry.layer, TransposedConv)
        for row in rows(entry.name, entry.layer):
            lines.append(str(row))
            print(row, flush=True)
    if chosen.write is not None:
        page = chosen.write.read_text()
        table = re.compile(rf"^{re.escape(HEADING)}\n(\|.*\n)*", re.MULTILINE)
        chosen.write.write_text(table.sub(lambda _: "\n".join(lines) + "\n", page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
