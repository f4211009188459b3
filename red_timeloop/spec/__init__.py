"""Timeloop v0.4 specifications: read from YAML into plain values, and written back."""
