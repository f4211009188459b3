"""Sparse tensors in the embedded engine: Sparseloop's analysis as Timeloop 4cf6d4c carries it out.

The rules are Timeloop's, in its order of operations: counts are floored products of doubles, so
that another order would be off by one here and there.
"""
