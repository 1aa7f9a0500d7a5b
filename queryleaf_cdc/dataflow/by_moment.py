"""Rows that wait for their moment: of one key only, ordered by milliseconds."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from queryleaf_cdc.dataflow.rows import Row

LONG = 1 << 63
"""beyond every moment"""
ONLY: Hashable = ()
KEYS: dict[Hashable, Row] = {ONLY: ()}


def moment_bytes(moment: int) -> bytes:
    """In the order of the moments, which may be before 1970."""
    return (moment + LONG).to_bytes(8, "big")


def moment_order(waiting: Row) -> bytes:
    """Of rows that begin with their moment."""
    return moment_bytes(waiting[0])


def up_to(entries: Iterator[tuple[bytes, Row, int]], moment: int) -> Iterator[tuple[bytes, Row, int]]:
    """The first entries, up to those of this moment."""
    for entry in entries:
        if entry[1][0] > moment:
            return
        yield entry
