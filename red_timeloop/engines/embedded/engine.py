"""The embedded engine behind the interface of `red_timeloop.engines.base`."""

from __future__ import annotations

from red_timeloop.engines.embedded.evaluation import evaluate
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Specification

__all__ = ["evaluate_specification"]


def evaluate_specification(specification: Specification) -> EngineResult:
    """Evaluate the specification's mapping; see `red_timeloop.engines.base.Engine`."""
    if specification.problem is None:
        raise InputError("no file has a problem", key="problem")
    if specification.mapping is None:
        raise InputError("no file has a mapping", key="mapping")
    return evaluate(
        specification.architecture,
        specification.problem,
        specification.mapping,
        specification.ert,
        specification.art,
    )
