"""Mapped designs executed on integers, step by step, with every event counted."""

from __future__ import annotations

from red_timeloop.dataflow.nonideal import Nonidealities
from red_timeloop.dataflow.simulator import simulate
from red_timeloop.dataflow.trace import Deviation, Trace

__all__ = ["Deviation", "Nonidealities", "Trace", "simulate"]
