"""A tree that was built as a view's becomes a stream's: its sources of changes only ever add rows, in order of commit.

What a view recomputes, a stream does once, as rows come; what would have to be taken back is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.lowering.streams.bounds import beyond_bound, bound_of
from queryleaf_cdc.lowering.streams.delays import lag_of
from queryleaf_cdc.lowering.streams.lineage import commit_order, is_commit_time, is_stream, is_united, scans_in
from queryleaf_cdc.lowering.streams.lookups import lookup, swapped_lookup
from queryleaf_cdc.lowering.streams.sessions import OwnSessions, own_sessions
from queryleaf_cdc.lowering.streams.windows import comes_at_once, ends_of, looking_back
from queryleaf_cdc.lowering.views.relation import column, columns_read
from queryleaf_cdc.plans.dataflow import (
    Along,
    Closing,
    Combine,
    Concat,
    Group,
    Join,
    Lookup,
    Map,
    Meet,
    Node,
    Over,
    Scan,
    Sessions,
    Sort,
    Top,
    Unnest,
    While,
)
from queryleaf_cdc.source import Span


@dataclass
class AppendOnly:
    """``every_change``: groups come with each row that joins them (EMIT CHANGES), not when their window ends."""

    span: Span
    every_change: bool
    _known: dict[int, tuple[Node, Node]] = field(default_factory=dict)
    """each node beside what became of it: while it is held here, no other node can have its id"""

    def node(self, node: Node) -> Node:
        if id(node) not in self._known:
            self._known[id(node)] = node, self._changed(node)
        return self._known[id(node)][1]

    def _changed(self, node: Node) -> Node:
        match node:
            case Scan():
                return node
            case Map(input) | Unnest(input):
                return replace(node, input=self.node(input))
            case Concat(inputs):
                return self._concat(replace(node, inputs=tuple(map(self.node, inputs))))
            case Join():
                return self._join(node)
            case Over():
                return self._over(node, self.node(node.input))
            case Group(input) if (own := own_sessions(input)) is not None:
                return self._sessions(node, own)
            case Group():
                return self._group(node, self.node(node.input))
            case Combine() | Top() | While():
                raise self._refusal(*_NOT_IN_STREAMS[type(node)])
            case Along() | Lookup() | Meet() | Closing() | Sessions() | Sort():
                return node
            case _:
                assert_never(node)

    def _refusal(self, text: str, hint: str | None = None, code: str = "QL303") -> CompileError:
        return CompileError(code, text, self.span, hint)

    def _concat(self, node: Concat) -> Node:
        kinds = {is_stream(each) for each in node.inputs}
        if len(kinds) > 1:
            raise self._refusal("UNION ALL of changes and of a collection's rows", "each part needs CHANGE_DETECTED()")
        order = commit_order(node) if kinds == {True} else ()
        return Sort(node, order) if order else node

    # -- joins -----------------------------------------------------------------------------------------------------

    def _join(self, node: Join) -> Node:
        left, right = tuple(scans_in(node.left)), tuple(scans_in(node.right))
        if {each.number for each in left if each.changes} & {each.number for each in right}:
            text = "a subquery of a stream is tied to the change by equalities with fields of its collection"
            raise self._refusal(text, "WHERE c.field = ... AND ..., or join the collection", "QL321")
        match any(each.changes for each in left), any(each.changes for each in right):
            case True, True:
                return self._meet(replace(node, left=self.node(node.left), right=self.node(node.right)))
            case True, False if node.kind in ("INNER", "LEFT", "MARK"):
                return lookup(replace(node, left=self.node(node.left)), self.span)
            case False, True if node.kind in ("INNER", "RIGHT"):
                return swapped_lookup(replace(node, right=self.node(node.right)), self.span)
            case False, False:
                raise self._refusal("two collections joined with each other", "join each of them with the changes")
            case _:
                text = f"a {node.kind} JOIN keeps rows of a collection that no change is joined with"
                raise self._refusal(text, "LEFT JOIN the collection to the changes")

    def _meet(self, node: Join) -> Node:
        if node.kind == "MARK":
            raise self._refusal(
                "IN and EXISTS of a stream look into a collection, not into changes", "join the changes"
            )
        bound = bound_of(node)
        if bound is None:
            text = "a join of two streams needs a bound of the times of their changes, or it would remember everything"
            hint = (
                "ON a.at BETWEEN b.at - INTERVAL '1 minute' AND b.at + INTERVAL '1 minute', "
                "where both select CHANGE_TIMESTAMP() AS at"
            )
            raise self._refusal(text, hint, "QL320")
        return Meet(
            node.left, node.right, node.kind, node.left_keys, node.right_keys, bound.left_time, bound.right_time,
            bound.before, bound.after, beyond_bound(node), node.left_width, node.right_width,
            lag_of(node.left, bound.left_time), lag_of(node.right, bound.right_time),
        )  # fmt: skip

    # -- windows, groups -------------------------------------------------------------------------------------------

    def _over(self, node: Over, input: Node) -> Node:
        if not is_stream(input):
            raise self._refusal("a window over a collection's rows cannot be joined with changes")
        order = node.order_by
        if comes_at_once(input, node.partition_by) and not any("SESSION" in each.name for each in node.functions):
            return Along(input, node.partition_by, order, node.functions, in_order=False, at_once=True)
        in_order = not order or (
            len(order) == 1 and not order[0].descending and is_commit_time(input, order[0].expr)
        )  # fmt: skip
        functions = tuple(looking_back(each, bool(order)) for each in node.functions)
        if in_order and order and is_united(input):
            input = Sort(input, order)
        return Along(input, node.partition_by, order, functions, in_order)

    def _group(self, node: Group, input: Node) -> Node:
        if not is_stream(input):
            raise self._refusal("a collection's groups cannot be joined with changes")
        ends = ends_of(input, node.keys)
        if ends is None and not self.every_change:
            text = "aggregates over a stream need a window of time that ends, or EMIT CHANGES"
            raise self._refusal(text, "GROUP BY TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '1 minute')", "QL322")
        start, size, lag = ends if ends is not None else (-1, 0, 0)
        return Closing(input, node.keys, node.aggregates, start, size, self.every_change, lag)

    def _sessions(self, node: Group, own: OwnSessions) -> Node:
        if own.elsewhere or any(at in (own.start, own.end) for each in node.aggregates for at in columns_read(each)):
            raise self._refusal("an aggregate of a stream cannot read where its session begins or ends")
        input = self.node(own.rows.input)
        if not is_stream(input):
            raise self._refusal("a collection's groups cannot be joined with changes")
        rows = replace(own.rows, input=input)
        in_order, lag = is_commit_time(rows, column(own.start)), lag_of(rows, column(own.start))
        return Sessions(rows, node.keys, node.aggregates, own.start, own.end, self.every_change, in_order, lag)


_FIRST = "QUALIFY ROW_NUMBER() OVER (PARTITION BY ... ORDER BY CHANGE_TIMESTAMP()) = 1 gives the first of each"
_NOT_IN_STREAMS: dict[type[Node], tuple[str, str | None]] = {
    Combine: (
        "DISTINCT, UNION, INTERSECT and EXCEPT do not fit a stream, which would have to remember every row", _FIRST,
    ),
    Top: ("LIMIT, OFFSET and DISTINCT ON do not fit a stream, which never ends", _FIRST),
    While: ("a moving clock does not fit a stream", None),
}  # fmt: skip
