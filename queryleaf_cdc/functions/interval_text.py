"""Interval texts at run time: ``CAST(x AS INTERVAL)``."""

from __future__ import annotations

from queryleaf_cdc.functions.intervals import interval, parts
from queryleaf_cdc.values import Document, Value


def interval_of(value: Value) -> Document | None:
    """The interval that a text names (``'1 day 02:00'``) or that the value is; None for anything else."""
    if type(value) is not str:
        return value if parts(value) is not None else None
    from queryleaf_cdc.syntax.interval_text import parse_interval

    found = parse_interval(value)
    return None if found is None else interval(found.months, found.days, found.milliseconds)
