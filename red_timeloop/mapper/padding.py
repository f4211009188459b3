"""Rounding awkward sizes up: 71 iterations divide over nothing, 72 over almost anything.

The larger problem computes more than was asked for; that is counted, and reported.
"""

from __future__ import annotations

from dataclasses import replace

from red_timeloop.spec.types import Problem

__all__ = ["MOST", "divisible", "padded"]

PIECES = (2, 3, 5, 7)  # sizes made of these divide well
MOST = 0.15  # share of a size that may be added


def padded(problem: Problem) -> Problem:
    """Return `problem` with every size rounded up to one with small prime factors."""
    sizes = {name: divisible(size, 1) for name, size in problem.sizes.items()}
    return replace(problem, sizes=sizes)


def divisible(size: int, factor: int) -> int:
    """Return the smallest multiple of `factor` from `size` on whose other primes are small.

    It is `size` itself when that would add more than `MOST`.

    >>> [divisible(size, 1) for size in (21, 34, 71, 512)]
    [21, 35, 72, 512]
    >>> divisible(512, 3), divisible(256, 7), divisible(3, 7)
    (525, 280, 3)
    """
    larger = -(-size // factor) * factor
    while larger <= size * (1 + MOST):
        rest = larger // factor
        for prime in PIECES:
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return larger
        larger += factor
    return size
