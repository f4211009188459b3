"""The engine that runs the real Timeloop, where it is installed."""
