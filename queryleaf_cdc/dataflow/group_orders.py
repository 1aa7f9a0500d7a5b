"""Rows of groups in an order: for the aggregates that no tally can tell. Those of one order share it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from operator import itemgetter

from queryleaf_cdc.aggregates import Ordered, Positions
from queryleaf_cdc.aggregates.orders import ascending, everything
from queryleaf_cdc.dataflow import ordering
from queryleaf_cdc.dataflow.arranged import Arranged
from queryleaf_cdc.dataflow.arrangement import Arrangement
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Row, Touched, projection
from queryleaf_cdc.dataflow.state import Cells
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, OrderItem
from queryleaf_cdc.values import Value


class Order:
    """The rows that count for some aggregates, reduced to the columns which they read."""

    def __init__(self, items: tuple[OrderItem, ...], condition: Expr | None) -> None:
        self._items = items
        self._condition = condition
        self._columns: dict[str, Expr] = {}
        self._keeps: tuple[int, Callable[[Value], bool]] | None = None
        self._positions: list[Positions | None] = []
        self._net: dict[Hashable, dict[bytes, tuple[Row, int]]] = {}
        for item in items:
            self.column(item.expr)

    # -- making ----------------------------------------------------------------------------------------------------

    def column(self, expr: Expr) -> int:
        """The place of an expression's value in the rows."""
        self._columns.setdefault(repr(expr), expr)
        return list(self._columns).index(repr(expr))

    def serve(self, spec: Ordered, node: Aggregate) -> Callable[[Hashable], Value]:
        """The function from a group to the aggregate's value."""
        column, read = self.column(spec.value(node)), spec.read(node)
        if spec.keeps is not everything:
            self._keeps = column, spec.keeps
        self._positions.append(spec.positions(node))
        return lambda group: read(_Column(self._arrangement.get(group), column))

    def open(self, context: Context) -> None:
        """To be called once all aggregates are served."""
        self._row = projection([context.row(expr) for expr in self._columns.values()])
        self._test = context.test(self._condition) if self._condition is not None else None
        terms = [(itemgetter(self.column(item.expr)), ordering.term(item)) for item in self._items]
        self._arrangement = Arrangement(context.state, ordering.sort_key(terms))

    # -- a batch ---------------------------------------------------------------------------------------------------

    def wanting(self, keys: Mapping[Hashable, Row], touched: Touched) -> tuple[Cells[Arranged], Mapping[Hashable, Row]]:
        """Takes the batch; what ``state.fetch`` is to have at hand for it."""
        self._net = {}
        for weight, groups in touched.items():
            for group, rows in groups.items():
                self._add_up(self._net.setdefault(group, {}), rows, weight)
        return self._arrangement.wanting(keys)

    def read(self, keys: Iterable[Hashable]) -> None:
        """Of these groups, which were fetched, what the aggregates are read from now, and where rows come and go."""
        wanted = []
        for group in keys:
            arranged = self._arrangement.get(group)
            if len(arranged.pages) > 1:
                wanted.append((arranged, self._wanted(arranged) | arranged.wanted(self._net.get(group, ()))))
        self._arrangement.read(wanted)

    def apply(self) -> None:
        """Changes the groups, and reads what the aggregates will be read from."""
        for group, places in self._net.items():
            if any(weight for _, weight in places.values()):
                arranged = self._arrangement.change(group)
                for place, (row, weight) in places.items():
                    arranged.add_at(place, row, weight)
        groups, self._net = self._net, {}
        self.read(groups)

    def _add_up(self, net: dict[bytes, tuple[Row, int]], rows: Iterable[Row], weight: int) -> None:
        place_of = self._arrangement.place
        for row in self._counting(rows):
            place = place_of(row)
            net[place] = (row, weight + net[place][1] if place in net else weight)

    def _counting(self, rows: Iterable[Row]) -> Iterator[Row]:
        test, row_of = self._test, self._row
        reduced = map(row_of, rows) if test is None else (row_of(row) for row in rows if test(row))
        if self._keeps is None:
            return reduced
        column, keeps = self._keeps
        return (row for row in reduced if keeps(row[column]))

    def _wanted(self, arranged: Arranged) -> set[int]:
        total, numbers = arranged.total, set[int]()
        for positions in self._positions:
            if positions is None:
                return arranged.wanted_between()
            for position in positions(total):
                numbers |= arranged.wanted_at(position)
        return numbers


class Orders:
    """The orders of a GROUP BY."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}

    def serve(self, spec: Ordered, node: Aggregate) -> Callable[[Hashable], Value]:
        items = spec.order(node) or ascending(node)
        only = None if spec.keeps is everything else (spec.keeps.__name__, spec.value(node))
        key = repr((items, node.filter, only))
        if key not in self._orders:
            self._orders[key] = Order(items, node.filter)
        return self._orders[key].serve(spec, node)

    def open(self, context: Context) -> list[Order]:
        for order in self._orders.values():
            order.open(context)
        return list(self._orders.values())


class _Column:
    """One column of a group's rows in order: ``aggregates.Values``."""

    __slots__ = ("_arranged", "_column")

    def __init__(self, arranged: Arranged, column: int) -> None:
        self._arranged = arranged
        self._column = column

    @property
    def total(self) -> int:
        return self._arranged.total

    def at(self, position: int) -> Value:
        _, row, _ = next(self._arranged.from_position(position))
        return row[self._column]

    def weighted(self) -> Iterable[tuple[Value, int]]:
        column = self._column
        return [(row[column], weight) for row, weight in self._arranged.weighted()]

    def backwards(self) -> Iterator[Value]:
        column = self._column
        return (row[column] for _, row, _ in self._arranged.backwards())
