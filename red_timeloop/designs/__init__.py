"""The accelerators that are compared: each turns a layer into evaluations for the engine."""

from __future__ import annotations

from red_timeloop.designs.cmos import CmosDesign
from red_timeloop.designs.design import CrossbarDesign, Design
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.registry import BASELINE, all_names, choose, find, names, origin
from red_timeloop.designs.zero_padding import ZERO_PADDING

__all__ = [
    "BASELINE",
    "ZERO_PADDING",
    "CmosDesign",
    "CrossbarDesign",
    "Design",
    "Part",
    "Plan",
    "all_names",
    "choose",
    "find",
    "names",
    "origin",
]
