"""How each kind of operator follows changes: its rule, what a change costs, and what is kept.

A "row" is a row that comes or goes; an update is one of each. "Kept" means in the view's state, in pages of some
hundred rows, of which a batch reads and writes those that it touches."""

from __future__ import annotations

from typing import assert_never

from queryleaf_cdc.aggregates import AGGREGATES, Linear
from queryleaf_cdc.frozen import frozen
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
from queryleaf_cdc.syntax.expressions import Aggregate


@frozen
class Rule:
    """``op`` is the operator's name in the compiled form; ``state`` is None where nothing is kept."""

    op: str
    kind: str
    rule: str
    cost: str
    state: str | None


SCAN = Rule(
    "scan", "a collection's rows",
    "the row before a change goes, the row after it comes; each only if it meets the condition",
    "one event of the change stream, of which only what the view reads travels",
    None,
)  # fmt: skip
TABLE = Rule(
    "scan", "a collection that rows are looked up in",
    "its documents as they are when they are asked for",
    "the documents that are found, of which only what the query reads travels",
    None,
)  # fmt: skip
CHANGES = Rule(
    "changes", "a collection's changes",
    "each change that meets the condition comes as a row, and stays",
    "one event of the change stream, of which only what the query reads travels",
    None,
)  # fmt: skip
MAP = Rule(
    "map", "columns and conditions", "row by row", "the expressions, once per row", None,
)  # fmt: skip
UNNEST = Rule(
    "unnest", "UNNEST", "row by row: as many rows as the array has elements", "one row per element", None,
)  # fmt: skip
UNION_ALL = Rule(
    "union_all", "UNION ALL", "every row of every input", "nothing", None,
)  # fmt: skip
DISTINCT = Rule(
    "distinct", "DISTINCT, UNION",
    "a row is there while its count is above zero",
    "one count per row; most rows only count and change nothing above",
    "a count for each different row",
)  # fmt: skip
INTERSECT = Rule(
    "intersect", "INTERSECT",
    "a row is there while both sides have it; with ALL as often as the side that has it less often",
    "the counts of one row",
    "for each different row its count on each side",
)  # fmt: skip
EXCEPT = Rule(
    "except", "EXCEPT",
    "a row is there while only the first side has it; with ALL as often as it has it more often",
    "the counts of one row",
    "for each different row its count on each side",
)  # fmt: skip
INNER_JOIN = Rule(
    "join", "inner join",
    "the left side's change meets the right rows as they were, then the right side's change the left rows as they are",
    "the kept rows of the other side that have the same key",
    "the rows of both sides, by key; none with a NULL that its key cannot equal",
)  # fmt: skip
OUTER_JOIN = Rule(
    "join", "LEFT, RIGHT, FULL JOIN on keys alone",
    "as an inner join; a row stands alone, with NULLs, while the other side has no row of its key",
    "the kept rows of the other side that have the same key",
    "the rows of both sides, by key; none with a NULL that its key cannot equal",
)  # fmt: skip
MARK_JOIN = Rule(
    "join", "EXISTS, IN on keys alone",
    "a row is marked while the other side has a row of its key: only the first one and the last one change the mark",
    "one count; the kept rows of the key when the mark changes",
    "the rows of both sides, by key; none with a NULL that its key cannot equal",
)  # fmt: skip
CONDITIONAL_JOIN = Rule(
    "join", "outer join, EXISTS, IN with a further condition",
    "a row stands alone, or unmarked, while it matches no row: how many it matches is kept beside it",
    "the condition, once for each kept row of the other side that has the same key",
    "the rows of both sides, by key, with how many rows of the other side they match",
)  # fmt: skip
GROUP = Rule(
    "group", "GROUP BY with COUNT, SUM, AVG, STDDEV, VARIANCE, BOOL_AND, BOOL_OR",
    "each row is added to its group's tallies, or taken away from them; sums are exact, so nothing is left behind",
    "one step per aggregate, however large the group is",
    "for each group its key, its number of rows, and a tally per aggregate",
)  # fmt: skip
DISTINCT_GROUP = Rule(
    "group",
    "GROUP BY with DISTINCT in such an aggregate",
    "a value joins the tallies with its first row in the group, and leaves them with its last",
    "one count per row, and one step per aggregate when that begins or ends",
    "for each group its key, its number of rows and its tallies; for each different value in it how often it is there",
)
ORDERED_GROUP = Rule(
    "group", "GROUP BY with any other aggregate",
    "the group's values are kept in order; MIN, MAX, FIRST and LAST read an end of them, MEDIAN and percentiles a "
    "position, MODE, ARRAY_AGG and STRING_AGG all of them",
    "the page of values that the row is in; all values of the group for what reads them all",
    "for each group its key, its number of rows and its tallies; for each order that aggregates read, the values in it",
)  # fmt: skip
WINDOW = Rule(
    "window", "OVER (...)",
    "the rows of the partition that the change can reach are computed anew, and compared with what they were",
    "the rows from the change to as far as frames reach: a few for LAG or ROWS 5 PRECEDING, all that follow for a "
    "running total or ROW_NUMBER",
    "all rows of each partition, in order",
)  # fmt: skip
FIRST_WINDOW = Rule(
    "window", "ROW_NUMBER or RANK of which only the first n are wanted",
    "as OVER, but rows behind the first n are not computed",
    "at most n rows",
    "all rows of each partition, in order",
)  # fmt: skip
TOP = Rule(
    "top", "ORDER BY with LIMIT or OFFSET, DISTINCT ON",
    "a row that comes into the first n pushes the last of them out; one that goes lets the next one in",
    "the rows that come in or go out, and the page at the edge",
    "all rows of each partition, in order",
)  # fmt: skip
WHILE = Rule(
    "while", "conditions on CURRENT_TIMESTAMP",
    "a row's own values say when it comes and goes; at that moment it does, without any write",
    "one place in the order, when the row is written and when its time has come",
    "the rows that have yet to come or to go, in the order of when",
)  # fmt: skip

ALONG = Rule(
    "along", "OVER (...) of a stream",
    "each row is computed once, when it comes, from the rows of its partition that came before it",
    "the rows that its frames reach; one step where a function runs on from the first row",
    "for each partition the rows that frames may still reach; all of them, if ORDER BY is not the order of commits",
)  # fmt: skip
ALONG_AT_ONCE = Rule(
    "along_at_once", "OVER (PARTITION BY window_start) of a stream's groups",
    "the rows of a partition come together when their window has ended, and each is computed from all of them",
    "its rows are sorted",
    None,
)  # fmt: skip
LOOKUP = Rule(
    "lookup", "JOIN of a stream with a collection, IN, EXISTS and other subqueries",
    "each row meets the collection's rows as they are when it comes",
    "one question for each batch, by an index on the field",
    None,
)  # fmt: skip
MEET = Rule(
    "meet", "JOIN of two streams within a bound of time",
    "each row meets the kept rows of the other side; a row of an outer side that met none comes alone, once the time "
    "has passed its bound",
    "the kept rows of the other side that have the same key and lie within the bound",
    "the rows of both sides, for as long as the bound lasts",
)  # fmt: skip
CLOSING = Rule(
    "closing", "GROUP BY of a stream",
    "each row is added to its group, which comes when its window has ended, or with each row (EMIT CHANGES)",
    "one step per aggregate",
    "for each group whose window has not ended its key and tallies, or its rows where an aggregate reads them all",
)  # fmt: skip
SESSIONS = Rule(
    "sessions", "GROUP BY SESSION of a stream",
    "each row joins the sessions of its key that it touches, which become one; a session comes when it has ended, or "
    "with each row (EMIT CHANGES)",
    "one step per aggregate",
    "for each key its sessions that have not ended, each as a group; also their rows, if the time is not the commits'",
)  # fmt: skip
SORT = Rule(
    "sort", "ORDER BY of a stream", "the rows that come with one batch are sorted", "a comparison or a few", None
)

RULES = (
    SCAN, MAP, UNNEST, UNION_ALL, DISTINCT, INTERSECT, EXCEPT, INNER_JOIN, OUTER_JOIN, MARK_JOIN, CONDITIONAL_JOIN,
    GROUP, DISTINCT_GROUP, ORDERED_GROUP, WINDOW, FIRST_WINDOW, TOP, WHILE,
)  # fmt: skip
STREAM_RULES = (CHANGES, ALONG, ALONG_AT_ONCE, LOOKUP, MEET, CLOSING, SESSIONS, SORT)


def rule_of(node: Node) -> Rule:
    match node:
        case Along(at_once=at_once):
            return ALONG_AT_ONCE if at_once else ALONG
        case Lookup():
            return LOOKUP
        case Meet():
            return MEET
        case Closing():
            return CLOSING
        case Sessions():
            return SESSIONS
        case Sort():
            return SORT
        case Scan(changes=changes):
            return CHANGES if changes else SCAN
        case Map():
            return MAP
        case Unnest():
            return UNNEST
        case Concat():
            return UNION_ALL
        case Combine(kind=kind):
            return {"DISTINCT": DISTINCT, "INTERSECT": INTERSECT, "EXCEPT": EXCEPT}[kind]
        case Join():
            return _join_rule(node)
        case Group(aggregates=aggregates):
            return _group_rule(aggregates)
        case Over(first=first):
            return WINDOW if first is None else FIRST_WINDOW
        case Top():
            return TOP
        case While():
            return WHILE
        case _:
            assert_never(node)


def _join_rule(node: Join) -> Rule:
    if node.kind == "INNER":
        return INNER_JOIN
    if node.condition is not None:
        return CONDITIONAL_JOIN
    return MARK_JOIN if node.kind == "MARK" else OUTER_JOIN


def _group_rule(aggregates: tuple[Aggregate, ...]) -> Rule:
    if not all(isinstance(AGGREGATES[each.name], Linear) for each in aggregates):
        return ORDERED_GROUP
    return DISTINCT_GROUP if any(each.distinct for each in aggregates) else GROUP
