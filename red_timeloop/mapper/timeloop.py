"""The real Timeloop: searching with timeloop-mapper, and checking results with timeloop-model."""

from __future__ import annotations

import time
from dataclasses import replace

from red_timeloop.engines.result import EngineResult
from red_timeloop.engines.timeloop.engine import SearchOptions, run_mapper, run_model
from red_timeloop.errors import InputError
from red_timeloop.mapper.report import SearchReport
from red_timeloop.spec.types import Mapping, Specification

__all__ = ["METRICS", "differences", "search_specification"]

# objective -> Timeloop's optimization metrics, most important first
_SPACE = 0.0051e-12  # J: timeloop-model prints energies of data spaces to 0.01 pJ
_COMPUTE = 0.0051e-15  # J a compute: and those of levels to 0.01 fJ a compute
_SUMS = 1e-9  # energies are sums of floating-point numbers
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


def differences(specification: Specification, result: EngineResult) -> tuple[str, ...]:
    """Evaluate a mapping with timeloop-model and return where `result` differs from it.

    Cycles and all counts must be equal, energies but for the digits that timeloop-model prints.

    Args:
        specification: Has a problem and a mapping.
        result: What is to be checked.

    Raises:
        TimeloopError, InputError: See `run_model`.
    """
    real = run_model(specification).result
    found: list[str] = []

    def compare(where: str, ours: object, theirs: object, rounding: float = 0.0) -> None:
        if isinstance(theirs, float) and isinstance(ours, int | float):
            same = abs(ours - theirs) <= rounding + _SUMS * abs(theirs)
        else:
            same = ours == theirs
        if not same:
            found.append(f"{where}: {ours}, timeloop-model {theirs}")

    level_digits = _COMPUTE * real.computes
    compare("cycles", result.cycles, real.cycles)
    compare("computes", result.computes, real.computes)
    compare("energy", result.energy, real.energy, level_digits)
    compare("levels", list(result.levels), list(real.levels))
    for name, theirs in real.levels.items():
        ours = result.levels.get(name, theirs)
        compare(f"{name} energy", ours.energy, theirs.energy, level_digits)
        compare(f"{name} data spaces", list(ours.data_spaces), list(theirs.data_spaces))
        for space, counts in theirs.data_spaces.items():
            own = ours.data_spaces.get(space, counts).as_dict()
            for key, value in counts.as_dict().items():
                compare(f"{name} {space} {key}", own[key], value, _SPACE)
    return tuple(found)
