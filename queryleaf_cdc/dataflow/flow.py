"""A stream's dataflow: what rows come with a batch of changes, or with time alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from queryleaf_cdc.dataflow.build import Steps, build
from queryleaf_cdc.dataflow.closing import WindowGroups
from queryleaf_cdc.dataflow.operator import Context, Tables
from queryleaf_cdc.dataflow.rows import Delta, Row
from queryleaf_cdc.dataflow.sessions import SessionGroups
from queryleaf_cdc.dataflow.state import NoStore, State, StateChange, StateStore
from queryleaf_cdc.plans.dataflow import DataflowPlan
from queryleaf_cdc.values import Document, Value

_UNBOUNDED = 1 << 62
"""the operators themselves forget what frames and bounds cannot reach"""


@dataclass(frozen=True, slots=True)
class FlowRow:
    """``changes`` are the ids of the changes that it came of, where there are any."""

    values: Document
    changes: tuple[str, ...]


class StreamFlow:
    """Rows come in the order of the changes they came of.

    Without a ``store`` its state lives in memory only. With one, ``state_changes`` is asked for after each step, and
    what it says is written; ``commit`` or ``rollback`` follows."""

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
        self._steps: Steps = build(plan, Context(self._state, functions, tables))
        self._columns = plan.output.columns
        self._changes = changes

    @property
    def late(self) -> int:
        return sum(each.late for each in self._steps.timed if isinstance(each, WindowGroups | SessionGroups))

    @property
    def waits(self) -> bool:
        """Whether rows will come with time alone."""
        return any(each.next_due is not None for each in self._steps.timed)

    def is_due(self, now: datetime) -> bool:
        """Whether rows may come by this time, without any change."""
        return any(due is not None and due <= now for due in (each.next_due for each in self._steps.timed))

    def step(self, deltas: Mapping[int, Delta], now: datetime) -> list[FlowRow]:
        """``now`` is a time that no later change is before; it never goes back."""
        rows = [row for row, weight in self._steps.run(deltas, now) for _ in range(weight)]
        return list(map(self._row, rows))

    def state_changes(self) -> list[StateChange]:
        """What is to be written to the state; to be asked once per step."""
        return self._state.changes()

    def commit(self) -> None:
        self._state.commit()

    def rollback(self) -> None:
        self._state.rollback()

    def _row(self, row: Row) -> FlowRow:
        ids = tuple(id for at in self._changes if (id := row[at]) is not None)
        return FlowRow(dict(_fields(self._columns, row)), ids)


def _fields(columns: Sequence[str | None], row: Row) -> Iterator[tuple[str, Value]]:
    for name, value in zip(columns, row, strict=False):
        if name is not None:
            yield name, value
        elif isinstance(value, dict):
            yield from value.items()
