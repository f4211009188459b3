"""Estimators of red-timeloop's component models, for Accelergy; see red_timeloop.components."""

from red_timeloop.components.accelergy import estimators

globals().update(estimators(__name__))
