"""What statistics make of the zeros of a deconvolution, beside running none of them.

    python benchmarks/zeros.py [--write docs/zeros.md] [LAYER ...]

The six layers of the RED papers on the shipped arrays as the designs run them: all zeros computed
(in the mapping of the design that skips), gated (`eyeriss_gated`), skipped (`eyeriss_skip`,
`simba_skip`) with each distribution and with a bitmask on the inputs, or not inserted (`*_split`);
and counted by walking over the zero-inserted map. With `--write` the page's tables
are replaced.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from red_timeloop.components.tables import price
from red_timeloop.designs import find
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.engines.embedded.engine import evaluate_specification as embedded
from red_timeloop.engines.result import EngineResult
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.spec.sparsity import Density, Rank
from red_timeloop.spec.types import Specification
from red_timeloop.workload import load_workload

HEADING = "| layer | array | zeros | cycles | energy [uJ] | computes | of them real |"
BITS = "| layer | array | bits of flags read | flags [uJ] | zeros neither stored nor moved [uJ] |"
# levels that hold inputs, outermost first, and the bits of a row of flags
_HOLDING = {
    "eyeriss": {"dram": 64, "input_buffer": 64, "input_spad": 12},
    "simba": {"dram": 64, "global_buffer": 64, "input_buffer": 64},
}


@dataclass(frozen=True)
class Row:
    """One way to treat the zeros of one layer."""

    layer: str
    array: str
    zeros: str
    cycles: int | None
    energy: float | None
    computes: int
    real: float

    def __str__(self) -> str:
        cycles = "" if self.cycles is None else f"{self.cycles:,}"
        energy = "" if self.energy is None else f"{self.energy * 1e6:.4g}"
        return (
            f"| {self.layer} | {self.array} | {self.zeros} | {cycles} | {energy} |"
            f" {self.computes:,} | {self.real:.1%} |"
        )


@dataclass(frozen=True)
class Metadata:
    """What a bitmask on the inputs costs, and saves."""

    layer: str
    array: str
    flags: int
    energy: float
    saved: float

    def __str__(self) -> str:
        return (
            f"| {self.layer} | {self.array} | {self.flags:,} |"
            f" {self.energy * 1e6:.3g} | {self.saved * 1e6:.4g} |"
        )


def executed(layer: TransposedConv) -> int:
    """Walk over the zero-inserted map and count the multiplications of real pixels."""
    sides = [
        (size - 1) * stride + 1 for size, stride in zip(layer.input_size, layer.stride, strict=True)
    ]
    real = np.zeros(sides, np.int64)
    real[tuple(slice(None, None, stride) for stride in layer.stride)] = 1
    border = [
        (kernel - 1 - before, kernel - 1 - after + more)
        for kernel, (before, after), more in zip(
            layer.kernel_size, layer.padding, layer.output_padding, strict=True
        )
    ]
    whole = np.pad(real, border)
    found = 0
    for taps in product(*map(range, layer.kernel_size)):
        window = tuple(
            slice(tap, tap + size) for tap, size in zip(taps, layer.output_size, strict=True)
        )
        found += int(whole[window].sum())
    return found * layer.in_channels * layer.out_channels * layer.batch


def with_bitmask(spec: Specification, array: str) -> Specification:
    """Return the specification with a flag for every input, at all levels that hold inputs."""
    circuit = Hardware.load("isaac_32nm").circuit
    assert spec.problem is not None
    assert spec.ert is not None
    rank = Rank("B", (spec.problem.dimensions,))
    holding = _HOLDING[array]
    levels, narrow = [], []
    for level in spec.architecture.levels:
        width = holding.get(level.name)
        if width is None:
            levels.append(level)
            narrow.append(level)
            continue
        ranks = (rank,) * (len(holding) - list(holding).index(level.name))
        unlimited = level.size is None
        depth = (
            2**32 - 1 if level.size is None else 4 * max(1, level.size // width)
        )  # tiles in tiles have flags too
        storage = {"metadata_storage_width": width, "metadata_storage_depth": depth}
        attributes = {**level.attributes, **storage, "metadata_datawidth": 1}
        formats = {**level.sparse.formats, "Inputs": ranks}
        sparse = replace(level.sparse, formats=formats)
        levels.append(replace(level, attributes=attributes, sparse=sparse))
        shape = {**level.attributes, "width": width} | ({} if unlimited else {"depth": depth})
        narrow.append(replace(level, attributes=shape))
    # the flags lie in a memory of the same kind, as large as they need
    small = replace(spec.architecture, levels=tuple(narrow))
    rows = price(small, circuit, spec.variables["global_cycle_seconds"])[0].energies
    energies = dict(spec.ert.energies)
    for name in holding:
        flags = {f"metadata_{action}": rows[name][action] for action in ("read", "write", "update")}
        energies[name] = {**energies[name], **flags}
    architecture = replace(spec.architecture, levels=tuple(levels))
    return replace(spec, architecture=architecture, ert=replace(spec.ert, energies=energies))


def metadata(name: str, array: str, spec: Specification, plain: EngineResult) -> Metadata:
    """Return what the flags cost: with them less with them for nothing."""
    assert spec.ert is not None
    result = embedded(spec)
    free = {
        level: {k: e for k, e in own.items() if not k.startswith("metadata")}
        for level, own in spec.ert.energies.items()
    }
    unpriced = embedded(replace(spec, ert=replace(spec.ert, energies=free)))
    flags = 0.0
    for level in _HOLDING[array]:
        own = result.levels[level].data_spaces["Inputs"].sparse
        assert own is not None
        flags += sum(sum(counts) for counts in own.reads.format) * own.average_instances
    cost, saved = (each - unpriced.energy for each in (result.energy, plain.energy))
    return Metadata(name, array, round(flags), cost, saved)


def rows(name: str, layer: TransposedConv, array: str) -> Iterator[Row | Metadata]:
    """Yield the ways to treat the zeros of a layer on an array."""
    hardware = Hardware.load("isaac_32nm")

    def row(zeros: str, result: EngineResult) -> Row:
        counts = result.levels["mac"].computes
        computes = result.computes if counts is None else counts.actual
        share = layer.macs / computes
        return Row(name, array, zeros, result.cycles, result.energy, computes, share)

    skipping = evaluate(find(f"{array}_skip"), layer, hardware, embedded)
    spec = skipping.evaluations[0].specification
    assert spec.problem is not None
    yield row("computed", embedded(replace(spec, architecture=spec.architecture.dense)))
    if array == "eyeriss":
        gating = evaluate(find("eyeriss_gated"), layer, hardware, embedded)
        yield row("gated", gating.evaluations[0].result)
    plain = skipping.evaluations[0].result
    yield row("skipped, fixed structured", plain)
    share = spec.problem.densities["Inputs"].density
    random = {"Inputs": Density("hypergeometric", share)}
    other = replace(spec, problem=replace(spec.problem, densities=random))
    yield row("skipped, hypergeometric", embedded(other))
    flagged = with_bitmask(spec, array)
    yield row("skipped, with a bitmask", embedded(flagged))
    split = evaluate(find(f"{array}_split"), layer, hardware, embedded)
    real = layer.macs / split.computes
    yield Row(name, array, "none inserted", split.cycles, split.energy, split.computes, real)
    counted = executed(layer)
    yield Row(name, array, "counted", None, None, counted, layer.macs / counted)
    yield metadata(name, array, flagged, plain)


def written(page: str, heading: str, lines: list[str]) -> str:
    """Return the page with the table under `heading` replaced."""
    table = re.compile(rf"^{re.escape(heading)}\n(\|.*\n)*", re.MULTILINE)
    marks = "| --- | --- |" + (" --- |" if heading == HEADING else "")
    marks += " ---: |" * (heading.count("|") - marks.count("|"))
    return table.sub(lambda _: "\n".join([heading, marks, *lines]) + "\n", page)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("layers", nargs="*")
    chosen = parser.parse_args(arguments)
    found: list[Row | Metadata] = []
    for entry in load_workload("red_date2019").layers:
        assert isinstance(entry.layer, TransposedConv)
        for array in _HOLDING if not chosen.layers or entry.name in chosen.layers else ():
            for each in rows(entry.name, entry.layer, array):
                found.append(each)
                print(each, flush=True)
    if chosen.write is not None:
        page = chosen.write.read_text()
        page = written(page, HEADING, [str(x) for x in found if isinstance(x, Row)])
        page = written(page, BITS, [str(x) for x in found if isinstance(x, Metadata)])
        chosen.write.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
