"""A view's dataflow: what changes in its rows when its inputs change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import Binary, ObjectId, Regex

from queryleaf_cdc.dataflow.build import Steps, build
from queryleaf_cdc.dataflow.operator import Context, NoTables, Tables
from queryleaf_cdc.dataflow.ordering import encode
from queryleaf_cdc.dataflow.rows import Delta, Row, consolidated, identity
from queryleaf_cdc.dataflow.state import State, StateChange, StateStore
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.dataflow import DataflowPlan, Output
from queryleaf_cdc.values import Document, Value

_LONGEST_ID = 512
_IDS = (str, int, float, ObjectId, datetime, bool, Binary, bytes, type(None))
"""kinds that may be an ``_id`` as they are; documents must not hold what they cannot"""


@frozen
class RowChange:
    """A row of the view before and after a batch (without ``_id``); None where it is not there."""

    id: Value
    before: Document | None
    after: Document | None


class AmbiguousRow(Exception):
    """Two rows have one key: the plan's key does not identify its rows."""


class ViewDataflow:
    """``step`` computes a batch; then what it returned and ``state_changes`` are written, and ``commit`` or
    ``rollback`` follows."""

    def __init__(
        self,
        plan: DataflowPlan,
        functions: Mapping[str, Callable[..., Value]],
        store: StateStore,
        cache_rows: int = 100_000,
        tables: Tables | None = None,
    ) -> None:
        self._state = State(store, cache_rows)
        self._steps: Steps = build(plan, Context(self._state, functions, tables or NoTables()))
        self._output = _RowChanges(plan.output)

    @property
    def late(self) -> int:
        return self._steps.late

    @property
    def next_due(self) -> datetime | None:
        """When rows come or go by themselves, the next time."""
        return self._steps.next_due

    @property
    def closes_at(self) -> datetime | None:
        """When rows of the streams that it reads come by themselves, the next time."""
        return self._steps.closes_at

    def step(self, deltas: Mapping[int, Delta], now: datetime, passed: datetime = datetime.min) -> list[RowChange]:
        """What rows of the view change. ``deltas`` are by number of the scan; ``now`` never goes back, nor does
        ``passed``, a time that no later change was committed before."""
        return self._output.of(self._steps.run(deltas, now, passed))

    def state_changes(self) -> list[StateChange]:
        """What is to be written to the state; to be asked once per step."""
        return self._state.changes()

    def commit(self) -> None:
        self._state.commit()

    def rollback(self) -> None:
        self._state.rollback()


class _RowChanges:
    """The root's delta as changes of the view's rows."""

    def __init__(self, output: Output) -> None:
        self._document = _document_of(output.columns)
        self._names = tuple(name for name, _ in output.key)
        self._columns = tuple(column for _, column in output.key)

    def of(self, delta: Delta) -> list[RowChange]:
        before: dict[Hashable, Row] = {}
        after: dict[Hashable, Row] = {}
        for row, weight in consolidated(delta) if len(delta) > 1 else delta:
            key = self._key(row)
            side = after if weight > 0 else before
            if abs(weight) != 1 or key in side:
                raise AmbiguousRow(repr(row))
            side[key] = row
        changes = [self._change(row, after.get(key)) for key, row in before.items()]
        changes += [self._change(None, row) for key, row in after.items() if key not in before]
        return [change for change in changes if change is not None]

    def _key(self, row: Row) -> Hashable:
        if len(self._columns) == 1:
            return identity(row[self._columns[0]])
        return tuple([identity(row[column]) for column in self._columns])

    def _change(self, before: Row | None, after: Row | None) -> RowChange | None:
        row = after if before is None else before
        assert row is not None
        old = None if before is None else self._document(before)
        new = None if after is None else self._document(after)
        return RowChange(row_id(self._names, [row[column] for column in self._columns]), old, new)


def _document_of(columns: tuple[str | None, ...]) -> Callable[[Row], Document]:
    count = len(columns)
    if None not in columns:
        names: tuple[Any, ...] = columns
        return lambda row: dict(zip(names, row[:count], strict=True))

    def document(row: Row) -> Document:
        found: Document = {}
        for name, value in zip(columns, row, strict=False):
            if name is not None:
                found[name] = value
            elif isinstance(value, dict):
                found.update(value)
        found.pop("_id", None)
        return found

    return document


def row_id(names: Sequence[str], values: Sequence[Value]) -> Value:
    """The ``_id`` of a row: its one key as it is, or a document of its keys; a hash of what MongoDB would refuse."""
    if len(values) == 1:
        (value,) = values
        kind = type(value)
        if kind in (int, ObjectId, datetime) or (kind is str and len(value) < _LONGEST_ID):
            return value
        if isinstance(value, (list, Regex)):
            return _hashed(values)
    if not all(isinstance(value, _IDS) or _is_storable(value) for value in values):
        return _hashed(values)
    encoded = encode(values)
    if len(encoded) > _LONGEST_ID:
        return _hashed(values)
    return values[0] if len(values) == 1 else dict(zip(names, values, strict=True))


def _hashed(values: Sequence[Value]) -> str:
    return hashlib.sha256(encode(values)).hexdigest()


def _is_storable(value: Value) -> bool:
    """Whether the value may be a part of an ``_id``: no name in it begins with a dollar."""
    if isinstance(value, dict):
        return all(name and not name.startswith("$") and _is_storable(each) for name, each in value.items())
    if isinstance(value, list):
        return all(map(_is_storable, value))
    return True
