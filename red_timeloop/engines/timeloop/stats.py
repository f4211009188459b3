"""Reading what Timeloop prints: counts, cycles and energies from `*.stats.txt`.

Timeloop rounds: energies of levels and data spaces to 0.01 pJ, energies a compute to 0.01 fJ, and
the total to 0.01 uJ, which is too coarse; totals are therefore energy a compute times computes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from red_timeloop.engines.result import (
    ComputeCounts,
    EngineResult,
    LevelResult,
    SpaceResult,
    SparseAccesses,
    SparseSpace,
)
from red_timeloop.engines.timeloop.tools import TimeloopError

__all__ = ["parse_stats"]

_PICO, _FEMTO = 1e-12, 1e-15
_LEVEL = re.compile(r"^=== (?P<name>.+) ===$")
_ROW = re.compile(r"^\s*(?P<name>\S.*?)\s*:\s*(?P<value>\d+(\.\d+)?(e[+-]\d+)?)(\s.*|%|)$")
_SPACE = re.compile(r"^ {4}(?P<name>\w+):$")
_SHARE = re.compile(r"^ {4}(?P<name>\S.*?)\s*= (?P<value>\S+)$")
_COUNTS = {
    "reads": "Scalar reads (per-instance)",
    "fills": "Scalar fills (per-instance)",
    "updates": "Scalar updates (per-instance)",
    "temporal_reductions": "Temporal reductions (per-instance)",
    "utilized_instances": "Utilized instances (max)",
    "utilized_capacity": "Utilized capacity",
}
# of sparse problems
_FORMATS = re.compile(r"^ +(?P<name>(Max utilized Repr|\w+ scalar) format \S.*?)( *: 0)? *$")
_RANKS = re.compile(r"^ +Representation format +: (?P<names>.*)$")
_RANK = re.compile(r"^ +Rank \d+ \(metadata, payload\): \((?P<metadata>\d+), +(?P<payload>\d+)\)$")
_SPARSE_COUNTS = {
    "reads": "Actual scalar reads (per-instance)",
    "fills": "Actual scalar fills (per-instance)",
    "updates": "Actual scalar updates (per-instance)",
    "temporal_reductions": "Temporal reductions (per-instance)",
    "utilized_instances": "Utilized instances (max)",
    "utilized_capacity": "Max utilized data storage capacity",
}
_COMPUTES = ("Algorithmic", "Actual", "Gated", "Skipped")


def parse_stats(text: str) -> EngineResult:
    """Read a stats file.

    Returns:
        The result with an area of 0, which the file does not give, and with the levels that
        Timeloop printed: it hides those without accesses.

    Raises:
        TimeloopError: It is empty or cut off, or lacks cycles, computes or the energy table.
    """
    if not text.strip():
        raise TimeloopError("the stats file is empty: Timeloop found no mapping or gave up")
    head, found, summary = text.partition("\nSummary Stats\n")
    if not found:
        raise TimeloopError("the stats file is cut off: it has no summary")
    rows = dict(_rows(summary.splitlines()))
    computes = re.search(r"^(?:Actual )?Computes = (\d+)$", summary, re.MULTILINE)
    dense = re.search(r"^Algorithmic Computes = (\d+)$", summary, re.MULTILINE)
    shares = summary.partition("fJ/Compute\n")[2]
    energies = {
        row["name"]: float(row["value"]) * _FEMTO
        for line in shares.splitlines()
        if (row := _SHARE.match(line))
    }
    operations = int(computes[1]) if computes else 0
    energies = {name: energy * operations for name, energy in energies.items()}
    levels = dict(_levels(head.partition("\nNetworks\n")[0], energies))
    if not computes or "Cycles" not in rows or "Total" not in energies or not levels:
        raise TimeloopError("the stats file is cut off: cycles, computes or energies are missing")
    total = energies["Total"]
    operations = int(dense[1]) if dense else operations
    return EngineResult("timeloop", int(rows["Cycles"]), operations, total, 0.0, levels)


def _rows(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if row := _ROW.match(line):
            yield row["name"], row["value"]


def _levels(text: str, energies: Mapping[str, float]) -> Iterator[tuple[str, LevelResult]]:
    name, lines = "", []
    for line in [*text.splitlines(), "=== end ==="]:
        heading = _LEVEL.match(line)
        if not heading:
            lines.append(line)
            continue
        if name:
            yield name, _level(name, lines, energies.get(name, 0.0))
        name, lines = heading["name"], []


def _level(name: str, lines: list[str], energy: float) -> LevelResult:
    spaces: dict[str, list[str]] = {"": []}
    current = ""
    for line in lines:
        if heading := _SPACE.match(line):
            current = heading["name"]
            spaces[current] = []
        spaces[current].append(line)
    own = dict(_rows(spaces.pop("")))
    try:
        if f"{_COMPUTES[0]} Computes (total)" in own:
            counts = ComputeCounts(*(int(own[f"{how} Computes (total)"]) for how in _COMPUTES))
            used = int(own["Utilized instances (max)"])
            return LevelResult(int(own["Instances"]), used, energy, computes=counts)
        found = {space: _space(rows) for space, rows in spaces.items()}
        if "Computes (total)" in own:
            used = int(own["Utilized instances"])
        else:
            used = max((space.utilized_instances for space in found.values()), default=0)
        return LevelResult(int(own["Instances"]), used, energy, found)
    except KeyError as error:
        raise TimeloopError(f"the stats file lacks {error} at level {name!r}") from error


def _space(lines: list[str]) -> SpaceResult:
    rows = dict(_rows(lines))
    sparse = _sparse(rows, lines) if "Data tile shape" in rows else None
    labels = _COUNTS if sparse is None else _SPARSE_COUNTS
    counts = {key: int(rows[label]) for key, label in labels.items()}
    return SpaceResult(**counts, energy=float(rows["Energy (total)"]) * _PICO, sparse=sparse)


def _sparse(rows: Mapping[str, str], lines: list[str]) -> SparseSpace:
    formats = _format_counts(lines)

    def accesses(kind: str) -> SparseAccesses:
        def words(how: str) -> int:
            return int(rows[f"{how} scalar {kind} (per-instance)"])

        def units(how: str) -> tuple[tuple[int, int], ...]:
            return formats.get(f"{how} scalar format {kind} (per-instance)", ())

        return SparseAccesses(
            words("Algorithmic"),
            words("Gated"),
            words("Skipped"),
            units("Actual"),
            units("Gated"),
            units("Skipped"),
        )

    return SparseSpace(
        accesses("reads"),
        accesses("fills"),
        accesses("updates"),
        float(rows["Utilized instances (average)"]),
        int(rows["Data tile shape"]),
        formats.get("Max utilized Repr format storage capacity", ()),
    )


def _format_counts(lines: list[str]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return (metadata, payload) of each rank, the innermost first; a bare 0 is 0 for all ranks."""
    ranks, name = 0, ""
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    for line in lines:
        if formats := _RANKS.match(line):
            ranks = len(formats["names"].replace("none", "").split())
        elif heading := _FORMATS.match(line):
            name = heading["name"]
            found[name] = ((0, 0),) * ranks if line.rstrip().endswith(": 0") else ()
        elif rank := _RANK.match(line):  # outermost first
            found[name] = ((int(rank["metadata"]), int(rank["payload"])), *found[name])
    return found
