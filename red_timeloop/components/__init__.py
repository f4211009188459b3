"""Circuit models: energy, area, leakage and latency of each component, in SI units."""

from red_timeloop.components.attributes import one_of, within
from red_timeloop.components.base import STAGES, Component
from red_timeloop.components.registry import build, find, names, register

__all__ = ["STAGES", "Component", "build", "find", "names", "one_of", "register", "within"]
