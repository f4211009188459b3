"""Stages of a pipeline for the tests that look at a few of their numbers only."""

from __future__ import annotations

from typing import Any

from red_timeloop.chip.stage import Stage
from red_timeloop.layer import Conv


def plain(**numbers: Any) -> Stage:
    """Return a stage of one crossbar with a step of 1 s; `numbers` are what is different."""
    usual: dict[str, Any] = {
        **{"name": "s", "layer": Conv(1, 1, (8, 8), 1), "repeat": 1, "steps": 1, "step_time": 1.0},
        **{"crossbars": 1, "leakage": 0.0, "shared_leakage": 0.0, "area": 0.0},
        **{"energy_by_stage": {}, "programming_energy": 0.0, "programming_time": 1.0},
        **{"rows": 1.0, "columns": 1.0, "lines": 1},
    }
    return Stage(**{**usual, **numbers})
