"""A stream's dataflow: what rows come with a batch of changes, or with time alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from queryleaf_cdc.dataflow.build import Steps, build
from queryleaf_cdc.dataflow.counting import Counter
from queryleaf_cdc.dataflow.operator import Context, Tables
from queryleaf_cdc.dataflow.rows import Delta, Row
from queryleaf_cdc.dataflow.state import NoStore, State, StateChange, StateStore
from queryleaf_cdc.dataflow.view import row_id
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.plans.dataflow import DataflowPlan
from queryleaf_cdc.values import Document, Value

_UNBOUNDED = 1 << 62
"""the operators themselves forget what frames and bounds cannot reach"""


@frozen
class FlowRow:
    """``changes`` are the ids of the changes that it came of, where there are any.

    With a store, ``id`` tells the row from all others, as ``_id`` of a collection; where rows come again (groups of
    EMIT CHANGES), it tells what they are of. ``token`` is its own in any case, the same whenever it is computed."""

    values: Document
    changes: tuple[str, ...]
    id: Value = None
    token: str = ""


class StreamFlow:
    """Rows come in the order of the changes they came of.

    Without a ``store`` its state lives in memory only; ``commit`` follows each step. With one, ``state_changes`` is
    asked for before that, and what it says is written; or ``rollback`` follows."""

    def __init__(
        self,
        plan: DataflowPlan,
        changes: tuple[int, ...],
        functions: Mapping[str, Callable[..., Value]],
        tables: Tables,
        store: StateStore | None = None,
        cache_rows: int = 100_000,
    ) -> None:
        self._state = State(store, cache_rows) if store is not None else State(NoStore(), _UNBOUNDED)
        self._is_stored = store is not None
        self._counter = Counter(self._state)
        self._steps: Steps = build(plan, Context(self._state, functions, tables))
        self._columns = plan.output.columns
        self._changes = changes
        self._names = tuple(name for name, _ in plan.output.key)
        self._key = tuple(at for _, at in plan.output.key)
        self._is_of_changes = bool(self._key) and set(self._key) <= set(changes)

    @property
    def late(self) -> int:
        return self._steps.late

    @property
    def rows(self) -> int:
        """Rows in memory; a key that is held without any counts as one."""
        return self._state.rows

    @property
    def closes_at(self) -> datetime | None:
        """When rows may come by themselves, the next time."""
        return self._steps.closes_at

    @property
    def waits(self) -> bool:
        """Whether rows will come with time alone."""
        return self.closes_at is not None

    def is_due(self, now: datetime) -> bool:
        """Whether rows may come by this time, without any change."""
        due = self.closes_at
        return due is not None and due <= now

    def step(self, deltas: Mapping[int, Delta], now: datetime) -> list[FlowRow]:
        """``now`` is a time that no later change is before; it never goes back."""
        rows = [row for row, weight in self._steps.run(deltas, now, now) for _ in range(weight)]
        return list(map(self._row, rows, self._tokens(rows, now))) if self._is_stored else list(map(self._row, rows))

    def state_changes(self) -> list[StateChange]:
        """What is to be written to the state; to be asked once per step."""
        return self._state.changes()

    def commit(self) -> None:
        self._state.commit()

    def rollback(self) -> None:
        self._state.rollback()

    def _tokens(self, rows: list[Row], now: datetime) -> list[str]:
        if self._is_of_changes or not rows:
            return [":".join([str(row[at] or "") for at in self._key]) for row in rows]
        return [f"{number:020d}" for number in self._counter.take(len(rows), now)]

    def _row(self, row: Row, token: str = "") -> FlowRow:
        ids = tuple(id for at in self._changes if (id := row[at]) is not None)
        own = row_id(self._names, [row[at] for at in self._key]) if token else None
        return FlowRow(dict(_fields(self._columns, row)), ids, own, token)


def _fields(columns: Sequence[str | None], row: Row) -> Iterator[tuple[str, Value]]:
    for name, value in zip(columns, row, strict=False):
        if name is not None:
            yield name, value
        elif isinstance(value, dict):
            yield from value.items()
