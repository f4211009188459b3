"""The published figures of RED beside the modelled ones."""

from red_timeloop.reproduction.figures import Figure, Reproduction, reproduce

__all__ = ["Figure", "Reproduction", "reproduce"]
