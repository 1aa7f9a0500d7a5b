"""Expressions that may hold subqueries → Python functions, on top of the worker's own face.

A subquery becomes a field of the source ``$subqueries``, whose value is computed when it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queryleaf_cdc.errors import InputError
from queryleaf_cdc.logical.columns import output_columns
from queryleaf_cdc.logical.walk import any_node, rebuild
from queryleaf_cdc.lowering.worker_face import Env, Evaluator, evaluator
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Subquery, Window
from queryleaf_cdc.syntax.queries import Query
from queryleaf_cdc.values import Document, Value

Rows = Callable[[Env], list[Document]]
"""A compiled query: what it reads from outside is in the ``Env``, collections under ``SCAN``."""

SCAN = "$scan"
"""The entry of an ``Env`` that holds ``Callable[[collection], Iterable[Document]]``."""

_SUBQUERIES = "$subqueries"


def compile_expr(expr: Expr, compile_query: Callable[[Query], Rows]) -> Evaluator:
    """The function that computes the expression. Raises InputError QL423 for a window function."""
    if any_node(expr, lambda node: isinstance(node, Window)):
        raise InputError("QL423", "OVER (...) is not supported without a server", expr.span)
    if not any_node(expr, lambda node: isinstance(node, Subquery)):
        return evaluator(expr)
    found: dict[str, Evaluator] = {}
    plain = evaluator(_extracted(expr, found, compile_query))

    def evaluate(env: Env) -> Value:
        inner = dict(env)
        inner[_SUBQUERIES] = _Results(env, found)
        return plain(inner)

    return evaluate


class _Results(dict[str, Any]):
    """The results of an expression's subqueries for one row; each is computed when it is asked for."""

    def __init__(self, env: Env, found: dict[str, Evaluator]) -> None:
        super().__init__()
        self._env = env
        self._found = found

    def get(self, key: str, default: Any = None) -> Any:
        return self._found[key](self._env)


def _extracted(expr: Expr, found: dict[str, Evaluator], compile_query: Callable[[Query], Rows]) -> Expr:
    if not isinstance(expr, Subquery):
        return rebuild(expr, lambda child: _extracted(child, found, compile_query))
    name = str(len(found))
    found[name] = _result(expr, compile_query(expr.query))
    result = Field(_SUBQUERIES, (name,), expr.span)
    if expr.form != "in":
        return result
    assert expr.operand is not None
    return Call(f"{expr.operator} ANY", (_extracted(expr.operand, found, compile_query), result), expr.span)


def _result(node: Subquery, rows: Rows) -> Evaluator:
    if node.form == "exists":
        return lambda env: bool(rows(env))
    columns = output_columns(node.query)
    if columns is None or len(columns) != 1:
        raise InputError("QL423", "a subquery without a server needs exactly one named column", node.span)
    (column,) = columns
    if node.form == "in":
        return lambda env: [row.get(column) for row in rows(env)]

    def first(env: Env) -> Value:
        found = rows(env)
        return found[0].get(column) if found else None

    return first
