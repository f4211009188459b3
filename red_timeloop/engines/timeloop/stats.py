"""Reading what Timeloop prints: counts, cycles and energies from `*.stats.txt`.

Timeloop rounds: energies of levels and data spaces to 0.01 pJ, energies a compute to 0.01 fJ, and
the total to 0.01 uJ, which is too coarse; totals are therefore energy a compute times computes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from red_timeloop.engines.result import EngineResult, LevelResult, SpaceResult
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
    computes = re.search(r"^Computes = (\d+)$", summary, re.MULTILINE)
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
        found = {space: _space(dict(_rows(rows))) for space, rows in spaces.items()}
        if "Computes (total)" in own:
            used = int(own["Utilized instances"])
        else:
            used = max((space.utilized_instances for space in found.values()), default=0)
        return LevelResult(int(own["Instances"]), used, energy, found)
    except KeyError as error:
        raise TimeloopError(f"the stats file lacks {error} at level {name!r}") from error


def _space(rows: Mapping[str, str]) -> SpaceResult:
    counts = {key: int(rows[label]) for key, label in _COUNTS.items()}
    return SpaceResult(**counts, energy=float(rows["Energy (total)"]) * _PICO)
