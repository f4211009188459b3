"""Mapped designs executed on integers: step by step, every event counted, or at once."""

from __future__ import annotations

from red_timeloop.dataflow.execution import Execution, execute
from red_timeloop.dataflow.nonideal import Nonidealities
from red_timeloop.dataflow.simulator import simulate
from red_timeloop.dataflow.trace import Deviation, Trace

__all__ = ["Deviation", "Execution", "Nonidealities", "Trace", "execute", "simulate"]
