"""Engines that evaluate a mapping: one interface, Timeloop semantics."""
