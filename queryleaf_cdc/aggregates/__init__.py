"""Aggregates that rows can leave again: what is kept of a group's values, and what they are worth."""

from queryleaf_cdc.aggregates.registry import LINEAR
from queryleaf_cdc.aggregates.spec import Linear, Tally

__all__ = ["LINEAR", "Linear", "Tally"]
