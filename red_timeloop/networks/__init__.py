"""Whole networks with their weights on mapped crossbars: what comes out, and how good it is."""
