"""What all operators have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from queryleaf_cdc.dataflow.rows import Delta, Row
from queryleaf_cdc.dataflow.state import State
from queryleaf_cdc.lowering.worker_face import Evaluator, OfRow, evaluator
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.values import Value


class Operator(Protocol):
    """One node of a dataflow. Its output, all batches added up, is what the node means over its input, added up."""

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        """The change of the output that a change of the inputs makes (one delta for each input; each may be empty, may
        hold a row several times, and rows that cancel each other)."""


class Tables(Protocol):
    """Collections as they are now, in which streams look rows up."""

    def rows(self, scan: int, path: str | None, keys: Sequence[object]) -> Sequence[Row]:
        """The rows of a scan whose field may be one of the keys; perhaps some more. Without a field: any one, if there
        is one."""


class NoTables:
    def rows(self, scan: int, path: str | None, keys: Sequence[object]) -> Sequence[Row]:
        raise AssertionError("a view looks nothing up")


@dataclass(frozen=True)
class Context:
    """What operators are made with."""

    state: State
    functions: Mapping[str, Callable[..., Value]]
    tables: Tables = field(default_factory=NoTables)

    def row(self, expr: Expr) -> Evaluator:
        """The function from a row to the expression's value."""
        return evaluator(expr, OfRow(self.functions))

    def test(self, expr: Expr) -> Callable[[object], bool]:
        """Whether the condition is true for a row (and not false or NULL)."""
        value = self.row(expr)
        return lambda row: value(row) is True


class TooMuchAtOnce(Exception):
    """A step would need more memory than is sensible; smaller deltas one after another would not."""
