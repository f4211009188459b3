"""Searching with timeloop-mapper, in the form of `red_timeloop.mapper.run.search_specification`."""

from __future__ import annotations

import time
from dataclasses import replace

from red_timeloop.engines.result import EngineResult
from red_timeloop.engines.timeloop.engine import SearchOptions, run_mapper
from red_timeloop.errors import InputError
from red_timeloop.mapper.report import SearchReport
from red_timeloop.spec.types import Mapping, Specification

__all__ = ["METRICS", "search_specification"]

# objective -> Timeloop's optimization metrics, most important first
METRICS = {"edp": ("edp",), "energy": ("energy",), "delay": ("delay", "energy")}


def search_specification(
    specification: Specification, objective: str, options: SearchOptions | None = None
) -> tuple[Mapping, EngineResult, SearchReport]:
    """Find a mapping with timeloop-mapper.

    Args:
        specification: Has a problem; its constraints hold.
        objective: `edp`, `energy` or `delay`.
        options: How to search; the metrics are those of `objective`.

    Returns:
        The mapping, its result, and a report without a certificate.

    Raises:
        InputError: The objective is unknown; see also `run_mapper`.
    """
    if objective not in METRICS:
        raise InputError(f"unknown objective {objective!r}", key="objective", legal=METRICS)
    options = replace(options or SearchOptions(), optimization_metrics=METRICS[objective])
    started = time.perf_counter()
    run = run_mapper(specification, options)
    energy, cycles = run.result.energy, run.result.cycles
    report = SearchReport(
        objective=objective,
        value={"edp": energy * cycles, "energy": energy, "delay": cycles}[objective],
        optimal=False,
        seconds=time.perf_counter() - started,
        algorithm=options.algorithm,
        broken_constraints=run.broken,
    )
    return run.mapping, run.result, report
