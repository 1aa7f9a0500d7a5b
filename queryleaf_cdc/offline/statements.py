"""UPDATE, DELETE, upserts and queries over a store, from the bound trees that plans carry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from queryleaf_cdc.events import Origin
from queryleaf_cdc.functions.bson_order import equal
from queryleaf_cdc.lowering.worker_face import Env, Evaluator
from queryleaf_cdc.offline.expressions import SCAN, compile_expr
from queryleaf_cdc.offline.query import compile_query
from queryleaf_cdc.offline.store import Store
from queryleaf_cdc.plans.actions import Conflict, DeleteRows, QueryTemplate, UpdateRows
from queryleaf_cdc.runtime.execution import Frame, Row, RowWriter
from queryleaf_cdc.syntax.expressions import Expr, Path
from queryleaf_cdc.values import Document, Value

Assignments = tuple[tuple[Path, Expr], ...]


class OfflineStatements:
    """Implements ``execution.Statements``. Writes go to the store at once; its journal holds them."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self.store = store
        self.now = now

    def read(self, query: QueryTemplate, origin: Origin) -> Callable[[Frame], list[Document]]:
        rows = compile_query(query.query)
        return lambda frame: rows(self._env(frame))

    def update(self, action: UpdateRows, origin: Origin) -> Callable[[Frame], None]:
        test, change = self._test(action.condition), self._change(action.assignments, action.alias)
        collection, alias, store = action.collection, action.alias, self.store

        def update(frame: Frame) -> None:
            env = self._env(frame)
            for before in store.documents(collection):
                env[alias] = before
                if test(env) is True:
                    store.replace(collection, before, change(env), origin)

        return update

    def delete(self, action: DeleteRows, origin: Origin) -> Callable[[Frame], None]:
        test, collection, alias, store = self._test(action.condition), action.collection, action.alias, self.store

        def delete(frame: Frame) -> None:
            env = self._env(frame)
            for before in store.documents(collection):
                env[alias] = before
                if test(env) is True:
                    store.remove(collection, before, origin)

        return delete

    def upsert(self, collection: str, conflict: Conflict, origin: Origin) -> RowWriter:
        test, change = self._test(conflict.condition), self._change(conflict.assignments, conflict.target)

        def upsert(frame: Frame, row: Row) -> None:
            excluded = {str(path[0]): value for path, value in row}
            existing = self._existing(collection, {name: excluded[name] for name in conflict.columns})
            if existing is None:
                self.store.insert(collection, excluded, self.now(), origin)
                return
            env = {**self._env(frame), conflict.target: existing, "EXCLUDED": excluded}
            if conflict.assignments and test(env) is True:
                self.store.replace(collection, existing, change(env), origin)

        return upsert

    def _existing(self, collection: str, keys: Document) -> Document | None:
        rows = self.store.documents(collection)
        return next((row for row in rows if all(equal(row.get(name), value) for name, value in keys.items())), None)

    def _env(self, frame: Frame) -> Env:
        return {**frame.env, SCAN: self.store.documents}

    def _test(self, condition: Expr | None) -> Evaluator:
        return compile_expr(condition, compile_query) if condition is not None else (lambda env: True)

    def _change(self, assignments: Assignments, alias: str) -> Callable[[Env], Document]:
        """The row with its assignments made; all of them see the old row."""
        compiled = [(path, compile_expr(value, compile_query)) for path, value in assignments]

        def change(env: Env) -> Document:
            values = [(path, value(env)) for path, value in compiled]
            row = env[alias]
            for path, value in values:
                row = assigned(row, path, value)
            return row  # type: ignore[no-any-return]

        return change


def assigned(place: Any, path: Path, value: Value) -> Any:
    """``place`` with the value at the path, as ``$set`` in a pipeline does it: what is no document on the way becomes
    one, and in an array each element."""
    if not path:
        return value
    if isinstance(place, list):
        return [assigned(each, path, value) for each in place]
    name = str(path[0])
    fields = place if isinstance(place, dict) else {}
    return {**fields, name: assigned(fields.get(name), path[1:], value)}
