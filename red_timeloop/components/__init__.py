"""Circuit models: energy, area, leakage and latency of each component, in SI units."""

from red_timeloop.components.base import STAGES, Component
from red_timeloop.components.registry import COMPONENTS, build

__all__ = ["COMPONENTS", "STAGES", "Component", "build"]
