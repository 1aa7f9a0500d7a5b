"""Aggregates that rows can leave again: what is kept of a group's values, and what they are worth."""

from queryleaf_cdc.aggregates.ordered import Ordered, Positions, Read, SortedValues, Values
from queryleaf_cdc.aggregates.registry import AGGREGATES, LINEAR, ORDERED, check
from queryleaf_cdc.aggregates.spec import Linear, Tally

__all__ = [
    "AGGREGATES",
    "LINEAR",
    "ORDERED",
    "Linear",
    "Ordered",
    "Positions",
    "Read",
    "SortedValues",
    "Tally",
    "Values",
    "check",
]
