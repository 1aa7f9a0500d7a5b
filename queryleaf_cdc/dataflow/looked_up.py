"""A stream's rows with those that a collection has for them now: one question for each batch, never for each row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Delta, Row, identity, projection
from queryleaf_cdc.dataflow.stateless import Mapped
from queryleaf_cdc.plans.dataflow import Lookup, Map, Scan

_Keyed = Callable[[Row], Row]


class LookedUp:
    def __init__(self, node: Lookup, context: Context) -> None:
        self._outer = node.kind == "LEFT"
        self._nothing: Row = (None,) * node.table_width
        self._input_key: _Keyed = projection([context.row(key) for key in node.input_keys])
        self._table_key: _Keyed = projection([context.row(key) for key in node.table_keys])
        self._test = context.test(node.condition) if node.condition is not None else None
        self._maps: list[Mapped] = []
        table = node.table
        while isinstance(table, Map):
            self._maps.insert(0, Mapped(table, context))
            table = table.input
        assert isinstance(table, Scan)
        self._tables, self._scan = context.tables, table.number
        self._asked_by = node.asked_by

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        delta = inputs[0]
        keys = [_identity(self._input_key(row)) for row, _ in delta]
        wanted = {key: self._input_key(row)[self._asked_by] for key, (row, _) in zip(keys, delta, strict=True) if key}
        found = self._found(list(wanted.values()), now) if wanted else {}
        output: Delta = []
        for key, (row, weight) in zip(keys, delta, strict=True):
            both = [row + other for other in found.get(key, ())]
            if self._test is not None:
                both = list(filter(self._test, both))
            if not both and self._outer:
                both = [row + self._nothing]
            output += [(each, weight) for each in both]
        return output

    def _found(self, values: Sequence[object], now: datetime) -> dict[Hashable, list[Row]]:
        rows: Delta = [(row, 1) for row in self._tables.rows(self._scan, values)]
        for each in self._maps:
            rows = each.step([rows], now)
        found: dict[Hashable, list[Row]] = {}
        for row, _ in rows:
            found.setdefault(_identity(self._table_key(row)), []).append(row)
        return found


def _identity(key: Row) -> Hashable:
    """None where the key matches nothing."""
    return None if None in key else tuple(map(identity, key))
