"""Parts of a statement that are known before it runs become holes, to be filled with values.

``UPDATE t SET n = t.n + NEW.qty WHERE t.id = NEW.id``: ``NEW.qty`` and ``NEW.id`` are holes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.functions.mql import Mql, Param
from queryleaf_cdc.logical.walk import map_in_scope, rebuild, walk
from queryleaf_cdc.plans.actions import Computed
from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Expr,
    Field,
    Literal,
    Path,
    Star,
    Subquery,
    Variable,
    Window,
)
from queryleaf_cdc.syntax.queries import Query

HOLE = "$hole"

VOLATILE = frozenset({"CLOCK_TIMESTAMP", "RANDOM", "UUID", "GEN_RANDOM_UUID"})
"""A value of their own for each row."""


class Holes:
    """Collects the holes of one template. ``compute`` decides where each one's value comes from.

    ``volatile`` tells that the template serves one row, so that UUID() in it may be a single value."""

    def __init__(self, outer: Collection[str], compute: Callable[[Expr], Computed], volatile: bool = False) -> None:
        self.outer = outer
        self.volatile = volatile
        self.values: list[Computed] = []
        self._compute = compute
        self._known: dict[str, int] = {}

    def expr(self, node: Expr, hidden: frozenset[str] = frozenset()) -> Expr:
        """The expression with its maximal known parts replaced by reads of ``HOLE``.

        ``hidden`` are sources that a query around the expression has of its own, whatever they are called outside."""
        if self._is_known(node, hidden):
            return Field(HOLE, (self.index(node),), node.span)
        if isinstance(node, Subquery):
            operand = self.expr(node.operand, hidden) if node.operand is not None else None
            return replace(node, query=self.query(node.query, hidden), operand=operand)
        return rebuild(node, lambda child: self.expr(child, hidden))

    def query(self, query: Query, hidden: frozenset[str] = frozenset()) -> Query:
        return map_in_scope(query, lambda own: lambda node: self.expr(node, hidden | own))

    def index(self, node: Expr) -> int:
        text = repr(node)
        if text not in self._known:
            self._known[text] = len(self.values)
            self.values.append(self._compute(node))
        return self._known[text]

    def _is_known(self, node: Expr, hidden: frozenset[str]) -> bool:
        """Known before the statement runs, and not just a constant."""
        known = False
        for part in walk(node):
            match part:
                case Subquery() | Aggregate() | Window() | Star():
                    return False
                case Field(source) if source not in self.outer or source in hidden:
                    return False
                case Field() | Variable():
                    known = True
                case Call(name) if name in VOLATILE and not self.volatile:
                    return False
                case Call(name) if name not in FUNCTIONS and name != "FIELD_EXISTS":
                    known = True
                case Call(name) if name in FUNCTIONS and FUNCTIONS[name].to_mongo is None:
                    known = True
                case Literal():
                    pass
        return known


def read_hole(path: Path) -> Mql:
    """The reader of the ``HOLE`` source for a ``ServerScope``."""
    (index,) = path
    assert isinstance(index, int)
    return Param(index)
