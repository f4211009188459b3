"""The engine that is always there: Timeloop's model in Python and NumPy."""

from red_timeloop.engines.embedded.evaluation import Result, evaluate, evaluate_nest

__all__ = ["Result", "evaluate", "evaluate_nest"]
