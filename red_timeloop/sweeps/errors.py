"""What can stop a sweep that was asked for correctly."""

from __future__ import annotations

__all__ = ["SweepError"]


class SweepError(RuntimeError):
    """The store cannot be used, or a worker was lost. What was stored before stays stored.

    Commands print the message, one line, and exit with code 1; those that only read a store, 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split())[:2000])
