"""Searching with timeloop-mapper, in the form of `red_timeloop.mapper.run.search_specification`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from red_timeloop.engines.timeloop.engine import SearchOptions, run_mapper
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Mapping, Specification

__all__ = ["METRICS", "search_specification"]

# objective -> Timeloop's optimization metrics, most important first
METRICS = {"edp": ("edp",), "energy": ("energy",), "delay": ("delay", "energy")}


def search_specification(
    specification: Specification, objective: str, options: SearchOptions | None = None
) -> tuple[Mapping, dict[str, Any]]:
    """Find a mapping with timeloop-mapper.

    Args:
        specification: Has a problem; its constraints hold.
        objective: `edp`, `energy` or `delay`.
        options: How to search; the metrics are those of `objective`.

    Returns:
        The mapping, and the result of `red_timeloop.model` with the key `search`. Timeloop gives
        no certificate: `optimal` is false and `bound` and `gap` are None. `broken_constraints`
        lists constraints that the mapping does not obey.

    Raises:
        InputError: The objective is unknown; see also `run_mapper`.
    """
    if objective not in METRICS:
        raise InputError(f"unknown objective {objective!r}", key="objective", legal=METRICS)
    options = replace(options or SearchOptions(), optimization_metrics=METRICS[objective])
    started = time.perf_counter()
    run = run_mapper(specification, options)
    energy, cycles = run.result["energy_J"], run.result["cycles"]
    value = {"edp": energy * cycles, "energy": energy, "delay": cycles}[objective]
    run.result["search"] = {
        "objective": objective,
        "value": value,
        "optimal": False,
        "space": None,
        "evaluated": None,
        "pruned": {},
        "bound": None,
        "gap": None,
        "padding": {},
        "wall_s": time.perf_counter() - started,
        "seed": None,
        "algorithm": options.algorithm,
        "broken_constraints": list(run.broken),
    }
    return run.mapping, run.result
