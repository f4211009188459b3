"""The engine that is always there: Timeloop's model in Python and NumPy."""

from red_timeloop.engines.embedded.evaluation import evaluate, evaluate_nest

__all__ = ["evaluate", "evaluate_nest"]
