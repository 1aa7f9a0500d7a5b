"""Which values feed which tallies of a group."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.aggregates import Linear, Tally
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, Literal
from queryleaf_cdc.values import Value

Values = Callable[[list[Row]], list[Value]]


class Feed:
    """One argument of aggregates, under one filter; ``positions`` are those of its tallies among the group's."""

    def __init__(self, values: Values, distinct: bool) -> None:
        self.values = values
        self.distinct = distinct
        self.positions: dict[type[Tally], int] = {}

    @property
    def places(self) -> tuple[int, ...]:
        return tuple(self.positions.values())


class Feeds:
    """Aggregates of the same argument under the same filter share its values, and their tally if it is of one kind."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._feeds: dict[str, Feed] = {}
        self.tallies: list[type[Tally]] = []

    def position(self, node: Aggregate, spec: Linear) -> int:
        """Where the aggregate's tally stands among the group's. COUNT(*) with a filter counts its rows."""
        argument = spec.argument(node) if node.args else Literal(True, node.span)
        key = repr((argument, node.filter, node.distinct))
        if key not in self._feeds:
            self._feeds[key] = Feed(values_of(argument, node.filter, self._context), node.distinct)
        positions = self._feeds[key].positions
        if spec.tally not in positions:
            positions[spec.tally] = len(self.tallies)
            self.tallies.append(spec.tally)
        return positions[spec.tally]

    def all(self, distinct: bool) -> list[Feed]:
        return [feed for feed in self._feeds.values() if feed.distinct is distinct]


def values_of(argument: Expr, condition: Expr | None, context: Context) -> Values:
    """The function from rows to the values of those that meet the condition."""
    value = context.row(argument)
    if condition is None:
        return lambda rows: list(map(value, rows))
    test = context.row(condition)
    return lambda rows: [value(row) for row in rows if test(row) is True]
