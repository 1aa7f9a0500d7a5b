"""GROUP BY: a row for each group, from what is kept of it, whatever the number of its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime

from queryleaf_cdc.aggregates import AGGREGATES, Linear
from queryleaf_cdc.dataflow.distinct_values import DistinctValues
from queryleaf_cdc.dataflow.group_feeds import Feeds
from queryleaf_cdc.dataflow.group_orders import Orders
from queryleaf_cdc.dataflow.group_state import GroupCodec, Kept
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import PLAIN, Delta, Row, Touched, exact, identity, identity_of
from queryleaf_cdc.dataflow.state import Cells, NegativeWeight, fetch
from queryleaf_cdc.plans.dataflow import Group
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Value

Result = Callable[[Hashable, Kept], Value]


class GroupBy:
    def __init__(self, node: Group, context: Context) -> None:
        self._keys = node.keys
        self._always = node.always and not node.keys
        feeds, orders = Feeds(context), Orders()
        self._results = [_result(each, feeds, orders) for each in node.aggregates]
        self._feeds = [(feed.values, feed.places) for feed in feeds.all(distinct=False)]
        self._groups: Cells[Kept] = context.state.cells(GroupCodec(feeds.tallies, self._always))
        self._distinct = [
            (DistinctValues(feed.values, node.keys, context), feed.places) for feed in feeds.all(distinct=True)
        ]
        self._orders = orders.open(context)

    def step(self, inputs: Sequence[Delta], now: datetime) -> Delta:
        touched = self._touched(inputs[0])
        keys = {group: rows[0][: self._keys] for groups in touched.values() for group, rows in groups.items()}
        if self._always:
            keys[()] = ()
        self._fetch(keys, touched)
        groups = self._recalled(keys)
        self._apply(touched)
        self._apply_distinct()
        for order in self._orders:
            order.apply()
        return self._changes(groups)

    def _fetch(self, keys: Mapping[Hashable, Row], touched: Touched) -> None:
        """By one read, and one more where groups have many rows in an order."""
        distinct = [each.wanting(touched) for each, _ in self._distinct]
        fetch([(self._groups, keys), *distinct, *(order.wanting(keys, touched) for order in self._orders)])
        for order in self._orders:
            order.read(keys)

    def _touched(self, delta: Delta) -> Touched:
        touched: Touched = defaultdict(lambda: defaultdict(list))
        if self._keys == 1:
            for row, weight in delta:
                key = row[0]
                touched[weight][key if type(key) in PLAIN else identity(key)].append(row)
        else:
            group_of = identity_of(self._keys)
            for row, weight in delta:
                touched[weight][group_of(row)].append(row)
        touched.pop(0, None)
        _drop_what_cancels(touched)
        return touched

    def _recalled(self, keys: Iterable[Hashable]) -> list[tuple[Hashable, Kept]]:
        """The groups. Of those that were read from the state, their row in the output: their state tells it exactly."""
        get = self._groups.get
        groups = [(group, get(group)) for group in keys]
        for group, kept in groups:
            if kept.row is None and kept.is_out:
                kept.row = self._row(group, kept)
        return groups

    def _apply(self, touched: Touched) -> None:
        change, feeds = self._groups.change, self._feeds
        for weight in sorted(touched, reverse=True):  # what goes may have come in the same batch
            for group, rows in touched[weight].items():
                kept = change(group).value
                kept.rows += weight * len(rows)
                tallies = kept.tallies
                for values_of, positions in feeds:
                    values = values_of(rows)
                    for position in positions:
                        tallies[position].add(values, weight)

    def _apply_distinct(self) -> None:
        get = self._groups.get
        for distinct, positions in self._distinct:
            for weight, groups in distinct.changes().items():
                for group, values in groups.items():
                    tallies = get(group).tallies
                    for position in positions:
                        tallies[position].add(values, weight)

    def _changes(self, groups: Iterable[tuple[Hashable, Kept]]) -> Delta:
        changed: Delta = []
        for group, kept in groups:
            if kept.rows < 0:
                raise NegativeWeight(repr(kept.key))
            old = kept.row
            new = self._row(group, kept) if kept.rows or self._always else None
            if old is not None:
                if old == new and exact(old) == exact(new):
                    continue
                changed.append((old, -1))
            if new is not None:
                changed.append((new, 1))
            if kept.is_out is not (new is not None):
                self._groups.change(group)
                kept.is_out = new is not None
            kept.row = new
        return changed

    def _row(self, group: Hashable, kept: Kept) -> Row:
        return (*kept.key, *[result(group, kept) for result in self._results])


def _result(node: Aggregate, feeds: Feeds, orders: Orders) -> Result:
    if node.name == "COUNT" and not node.args and node.filter is None:
        return lambda group, kept: kept.rows
    spec = AGGREGATES[node.name]
    if isinstance(spec, Linear):
        position, result = feeds.position(node, spec), spec.result
        return lambda group, kept: result(kept.tallies[position])
    of_group = orders.serve(spec, node)
    return lambda group, kept: of_group(group)


def _drop_what_cancels(touched: Touched) -> None:
    """Groups whose rows come and go all the same, as those of updates of other fields."""
    came, went = touched.get(1), touched.get(-1)
    if came and went:
        for group in [group for group, rows in went.items() if came.get(group) == rows]:
            if list(map(exact, came[group])) == list(map(exact, went[group])):
                del came[group], went[group]
