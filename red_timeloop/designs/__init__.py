"""The accelerators that are compared: each turns a layer into evaluations for the engine."""

from __future__ import annotations

from red_timeloop.designs.design import Design, get, names
from red_timeloop.designs.plan import Part, Plan

__all__ = ["Design", "Part", "Plan", "get", "names"]
