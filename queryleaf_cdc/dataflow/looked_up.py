"""A stream's rows with those that are computed for them of a collection as it is now.

There is one question for each batch, never for each row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, identity, projection
from queryleaf_cdc.plans.dataflow import Lookup

Compute = Callable[[Delta, datetime], Delta]
"""From the rows of a table's scan, all at once, to the table's."""


class LookedUp:
    """No state: ``compute`` keeps nothing from one batch to the next."""

    def __init__(self, node: Lookup, scan: int, compute: Compute, context: Context) -> None:
        self._kind = node.kind
        self._nothing: Row = (None,) * node.table_width
        self._input_key = projection([context.row(key) for key in node.input_keys])
        self._table_key = projection([context.row(key) for key in node.table_keys])
        self._not_null = [at for at, safe in enumerate(node.null_safe) if not safe]
        self._test = context.test(node.condition) if node.condition is not None else None
        self._tables, self._scan, self._compute = context.tables, scan, compute
        self._path, self._asked_by = node.path, node.asked_by

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        (delta,) = inputs
        keys = [self._input_key(row) for row, _ in delta]
        names = list(map(self._name, keys))
        wanted = {name: key for name, key in zip(names, keys, strict=True) if name is not None}
        found = self._found(wanted.values(), now) if wanted else {}
        output: Delta = []
        for name, (row, weight) in zip(names, delta, strict=True):
            others = found.get(name, []) if name is not None else []
            output += [(each, weight) for each in self._joined(row, others)]
        return output

    def _joined(self, row: Row, others: Sequence[Row]) -> list[Row]:
        both = [row + other for other in others]
        if self._test is not None:
            both = list(filter(self._test, both))
        if self._kind == "MARK":
            return [(*row, bool(both))]
        return both or ([row + self._nothing] if self._kind == "LEFT" else [])

    def _found(self, keys: Iterable[Row], now: datetime) -> dict[Hashable, list[Row]]:
        rows: Delta = [(row, 1) for row in self._tables.rows(self._scan, self._path, self._asked(keys))]
        found: dict[Hashable, list[Row]] = {}
        for row, weight in self._compute(rows, now):
            found.setdefault(self._name(self._table_key(row)), []).extend([row] * weight)
        return found

    def _asked(self, keys: Iterable[Row]) -> list[object]:
        at = self._asked_by
        return list({identity(key[at]): key[at] for key in keys}.values()) if self._path is not None else []

    def _name(self, key: Row) -> Hashable:
        """None where the key matches nothing."""
        if any(key[at] is None for at in self._not_null):
            return None
        return tuple(map(identity, key))
