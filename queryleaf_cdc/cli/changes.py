"""The rows of a changelog in each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from queryleaf_cdc.cli import formats

SIGN = "+/-"
"""heading of the column in front; no field that somebody is likely to have"""


class Changes:
    """JSON lines have a change as it is; in a table and in a CSV it is two lines, the row that goes and the one that
    comes. ``=`` says that all rows so far are void. An ``id`` is where --since goes on."""

    def __init__(self, form: str, columns: Sequence[str] | None) -> None:
        self._as_is = form == "jsonl"
        self._writer = formats.writer(form, (SIGN, *columns) if columns is not None else None)

    def row(self, row: Any) -> None:
        for each in _whole(row) if self._as_is else lines_of(row):
            self._writer.row(each)


def _whole(row: Any) -> list[Mapping[str, Any]]:
    change = row.change
    before = {"before": change.before} if change.before is not None else {}
    place = {"id": change.id} if change.id else {}
    return [{"change": change.sign, **before, **({"row": dict(row)} if change.sign != "=" else {}), **place}]


def lines_of(row: Any) -> list[Mapping[str, Any]]:
    """An update is the row that goes, and the one that comes."""
    if row.change.sign == "~":
        return [{SIGN: "-", **row.change.before}, {SIGN: "+", **row}]
    return [{SIGN: row.change.sign, **row}]
