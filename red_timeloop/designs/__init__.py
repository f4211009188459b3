"""The accelerators that are compared: each turns a layer into evaluations for the engine."""

from __future__ import annotations

from red_timeloop.designs.design import AnyDesign, CmosDesign, Design, all_names, get, names
from red_timeloop.designs.plan import Part, Plan

__all__ = ["AnyDesign", "CmosDesign", "Design", "Part", "Plan", "all_names", "get", "names"]
