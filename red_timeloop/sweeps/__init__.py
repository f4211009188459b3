"""Design-space sweeps: many points, stopped and resumed with nothing lost, in one store."""

from __future__ import annotations

from red_timeloop.sweeps.definition import Sweep, load_sweep
from red_timeloop.sweeps.errors import SweepError
from red_timeloop.sweeps.run import SweepResult, sweep
from red_timeloop.sweeps.store import Store

__all__ = ["Store", "Sweep", "SweepError", "SweepResult", "load_sweep", "sweep"]
