"""Reading what Timeloop prints: counts, cycles and energies from `*.stats.txt`.

Timeloop rounds: energies of levels and data spaces to 0.01 pJ, energies a compute to 0.01 fJ, and
the total to 0.01 uJ, which is too coarse; totals are therefore energy a compute times computes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from red_timeloop.engines.timeloop.tools import TimeloopError

__all__ = ["LevelStats", "SpaceStats", "Stats", "parse_stats", "result_of"]

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


@dataclass(frozen=True)
class SpaceStats:
    """One data space at one level; counts are those of one instance, energy (J) of all."""

    counts: Mapping[str, int]
    energy: float


@dataclass(frozen=True)
class LevelStats:
    """One level.

    Attributes:
        instances: Copies in the machine.
        utilized_instances: Copies that do something.
        spaces: What it stores (empty for compute).
        computes: Operations, of the compute level; else None.
    """

    instances: int
    utilized_instances: int
    spaces: Mapping[str, SpaceStats]
    computes: int | None = None


@dataclass(frozen=True)
class Stats:
    """A whole stats file.

    Attributes:
        cycles: Cycles.
        computes: Operations that were mapped.
        levels: Levels that Timeloop printed (it hides those without accesses), innermost first.
        energy_per_compute: Level (or `Total`) -> J a compute.
        energy_printed: Total energy in J as printed, to 0.01 uJ.
    """

    cycles: int
    computes: int
    levels: Mapping[str, LevelStats]
    energy_per_compute: Mapping[str, float]
    energy_printed: float

    @property
    def energy(self) -> float:
        """Total energy in J."""
        return self.energy_per_compute.get("Total", 0.0) * self.computes


def parse_stats(text: str) -> Stats:
    """Read a stats file.

    Raises:
        TimeloopError: It is empty or cut off, or lacks cycles, computes or the energy table.
    """
    if not text.strip():
        raise TimeloopError("the stats file is empty: Timeloop found no mapping or gave up")
    head, found, summary = text.partition("\nSummary Stats\n")
    if not found:
        raise TimeloopError("the stats file is cut off: it has no summary")
    levels = dict(_levels(head.partition("\nNetworks\n")[0]))
    rows = dict(_rows(summary.splitlines()))
    computes = re.search(r"^Computes = (\d+)$", summary, re.MULTILINE)
    shares = summary.partition("fJ/Compute\n")[2]
    energies = {
        row["name"]: float(row["value"]) * _FEMTO
        for line in shares.splitlines()
        if (row := _SHARE.match(line))
    }
    if not computes or "Cycles" not in rows or "Total" not in energies or not levels:
        raise TimeloopError("the stats file is cut off: cycles, computes or energies are missing")
    return Stats(
        cycles=int(rows["Cycles"]),
        computes=int(computes[1]),
        levels=levels,
        energy_per_compute=energies,
        energy_printed=float(rows.get("Energy", 0.0)) * 1e-6,
    )


def _rows(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if row := _ROW.match(line):
            yield row["name"], row["value"]


def _levels(text: str) -> Iterator[tuple[str, LevelStats]]:
    name, lines = "", []
    for line in [*text.splitlines(), "=== end ==="]:
        heading = _LEVEL.match(line)
        if not heading:
            lines.append(line)
            continue
        if name:
            yield name, _level(name, lines)
        name, lines = heading["name"], []


def _level(name: str, lines: list[str]) -> LevelStats:
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
            return LevelStats(int(own["Instances"]), used, found, int(own["Computes (total)"]))
        used = max((space.counts["utilized_instances"] for space in found.values()), default=0)
        return LevelStats(int(own["Instances"]), used, found)
    except KeyError as error:
        raise TimeloopError(f"the stats file lacks {error} at level {name!r}") from error


def _space(rows: Mapping[str, str]) -> SpaceStats:
    counts = {key: int(rows[label]) for key, label in _COUNTS.items()}
    return SpaceStats(counts, float(rows["Energy (total)"]) * _PICO)


def result_of(stats: Stats, area: float) -> dict[str, Any]:
    """Return `stats` in the form of `red_timeloop.model`.

    Args:
        stats: What Timeloop printed.
        area: Area in m^2.
    """
    levels: dict[str, Any] = {}
    for name, level in stats.levels.items():
        levels[name] = {
            "instances": level.instances,
            "utilized_instances": level.utilized_instances,
            "energy_J": stats.energy_per_compute.get(name, 0.0) * stats.computes,
            "data_spaces": {
                space: {**found.counts, "energy_J": found.energy}
                for space, found in level.spaces.items()
            },
        }
    return {
        "engine": "timeloop",
        "cycles": stats.cycles,
        "computes": stats.computes,
        "energy_J": stats.energy,
        "area_m2": area,
        "levels": levels,
    }
