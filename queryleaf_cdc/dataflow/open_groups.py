"""Groups of a stream that rows still join: what aggregates keep of each, and their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from queryleaf_cdc.aggregates import AGGREGATES, Linear, Tally
from queryleaf_cdc.dataflow.group_feeds import Feeds
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.row_log import PageWriter, RowLog, pages_of, read_log
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import Found
from queryleaf_cdc.dataflow.windows.framed_aggregates import aggregate
from queryleaf_cdc.dataflow.windows.frames import bounds
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.plans.dataflow import WindowFunction
from queryleaf_cdc.syntax.expressions import Aggregate
from queryleaf_cdc.values import Document, Value

Result = Callable[["OpenGroup"], Value]


class OpenGroup:
    """Its key as first seen, how many rows it has, its tallies, and, where they are needed, the rows themselves."""

    __slots__ = ("count", "key", "log", "tallies")

    def __init__(self, key: Row, tallies: list[Tally]) -> None:
        self.key = key
        self.count = 0
        self.tallies = tallies
        self.log = RowLog()


class Aggregates:
    """``keeps_rows`` also where no aggregate needs them."""

    def __init__(self, nodes: Sequence[Aggregate], context: Context, keeps_rows: bool = False) -> None:
        feeds = Feeds(context)
        self._keeps_rows = keeps_rows
        self._results = [self._result(each, feeds, context) for each in nodes]
        self._feeds = [(feed.values, feed.places) for feed in feeds.all(distinct=False)]
        self._tallies = tuple(feeds.tallies)

    def _result(self, node: Aggregate, feeds: Feeds, context: Context) -> Result:
        if node.name == "COUNT" and not node.args and node.filter is None:
            return lambda group: group.count
        spec = AGGREGATES[node.name]
        if isinstance(spec, Linear) and not node.distinct:
            position, result = feeds.position(node, spec), spec.result
            return lambda group: result(group.tallies[position])
        self._keeps_rows = True
        of_all = WindowFunction(node.name, node.args, node.distinct, node.filter, node.order_by, None, node.span)
        function = aggregate(of_all, bounds(None, (), _no_order, context), context)
        return lambda group: function.values(Stretch(group.log.rows, _no_order, 0, 0, (), {}), 0, 1)[0]

    def new(self, key: Row) -> OpenGroup:
        return OpenGroup(key, [make() for make in self._tallies])

    def add(self, group: OpenGroup, rows: list[Row]) -> None:
        group.count += len(rows)
        for values_of, positions in self._feeds:
            values = values_of(rows)
            for position in positions:
                group.tallies[position].add(values, 1)
        if self._keeps_rows:
            group.log.rows += rows

    def values(self, group: OpenGroup) -> Row:
        return tuple([result(group) for result in self._results])

    def document(self, group: OpenGroup, pages: PageWriter) -> Document:
        """``k`` the key, ``n`` the number of rows, ``a`` the tallies, ``r`` the rows, where they are kept."""
        document: Document = {"k": group.key, "n": group.count, "a": [tally.document() for tally in group.tallies]}
        if group.log.rows:
            document["r"] = pages.document(group.log)
        return document

    def load(self, id: bytes, document: Document, found: Found) -> OpenGroup:
        tallies = [kind.load(each) for kind, each in zip(self._tallies, document["a"], strict=True)]
        group = OpenGroup(tuple(document["k"]), tallies)
        group.count = document["n"]
        if "r" in document:
            group.log = read_log(id, document["r"], found)
        return group


def pages_of_group(id: bytes, document: Document) -> list[bytes]:
    return pages_of(id, document["r"]) if "r" in document else []


def _no_order(row: Row) -> bytes:
    return b""
