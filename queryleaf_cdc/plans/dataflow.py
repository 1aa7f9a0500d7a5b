"""A materialized view, or a stream, as a dataflow: a tree of operators over weighted rows.

A row is a tuple of values. Expressions of a node read its input's row as ``Field(ROW, (column, *path))``; those of a
join's condition read the left row's columns, then the right's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, Frame, OrderItem

ROW = "$row"
"""The source of the row that an expression of a node is computed from."""


@frozen
class Scan:
    """Rows of a collection (or of another view): its documents that meet the condition.

    ``columns`` and ``condition`` read the document as ``Field(alias, path)``; ``number`` is the input's number. With
    ``changes`` the rows are the collection's changes, which stay (see ``syntax.queries.TableRef``)."""

    number: int
    collection: str
    alias: str
    columns: tuple[Expr, ...]
    condition: Expr | None
    span: Span
    changes: bool = False


@frozen
class Map:
    """The rows that meet the condition, with other columns."""

    input: Node
    columns: tuple[Expr, ...]
    condition: Expr | None = None


@frozen
class Unnest:
    """The row and one element of the array: two more columns, the element and its place from 1.

    With ``outer`` a row without elements stays, with NULLs."""

    input: Node
    array: Expr
    outer: bool


@frozen
class Concat:
    """UNION ALL: the inputs have equally many columns. Without inputs there is no row."""

    inputs: tuple[Node, ...]


@frozen
class Combine:
    """DISTINCT (one input), UNION, INTERSECT, EXCEPT, with or without ALL: rows are compared as SQL compares them.

    ``kind`` is DISTINCT, INTERSECT or EXCEPT (UNION is DISTINCT of a Concat)."""

    inputs: tuple[Node, ...]
    kind: str
    all: bool = False


@frozen
class Join:
    """``kind`` is INNER, LEFT, RIGHT, FULL, or MARK (the left row and whether any right row matches).

    Rows match when the keys are equal, pair by pair, and the condition is true. NULL equals NULL where ``null_safe``
    says so."""

    left: Node
    right: Node
    kind: str
    left_keys: tuple[Expr, ...]
    right_keys: tuple[Expr, ...]
    null_safe: tuple[bool, ...]
    condition: Expr | None
    left_width: int
    right_width: int


@frozen
class Group:
    """GROUP BY the first ``keys`` columns, which are those of the output, then a column for each aggregate.

    Aggregates (also their FILTER and ORDER BY) read the input's row. Without keys there is always one row, if
    ``always``."""

    input: Node
    keys: int
    aggregates: tuple[Aggregate, ...]
    always: bool


@frozen
class WindowFunction:
    """``name`` is a window function (ROW_NUMBER, LAG, ..., SESSION_START) or an aggregate, over arguments and frame."""

    name: str
    args: tuple[Expr, ...]
    distinct: bool
    filter: Expr | None
    order_by: tuple[OrderItem, ...]
    frame: Frame | None
    span: Span
    ignore_nulls: bool = False


@frozen
class Over:
    """Window functions of one PARTITION BY and ORDER BY: the row, and a column for each function.

    With ``first`` only rows with ROW_NUMBER (``first_by`` ROW_NUMBER) or RANK up to it are wanted."""

    input: Node
    partition_by: tuple[Expr, ...]
    order_by: tuple[OrderItem, ...]
    functions: tuple[WindowFunction, ...]
    first: int | None = None
    first_by: str = "ROW_NUMBER"


@frozen
class Top:
    """ORDER BY with LIMIT and OFFSET, for each value of the partition's columns."""

    input: Node
    partition_by: tuple[Expr, ...]
    order_by: tuple[OrderItem, ...]
    limit: int | None
    offset: int


@frozen
class While:
    """Rows that are there from ``since`` (included) until ``until`` (excluded). Where such an expression is given and
    does not yield a timestamp, the row is not there at all."""

    input: Node
    since: Expr | None
    until: Expr | None


# -- of streams: their rows come in the order of commits, and stay ----------------------------------------------------


@frozen
class Along:
    """Window functions over a stream: a row sees those that came before it and do not sort behind it.

    With ``in_order`` rows come in the order of ORDER BY, so that only what frames reach is kept. With ``at_once`` all
    rows of a partition come together, and no more of them later: they see each other as in ``Over``, and nothing is
    kept."""

    input: Node
    partition_by: tuple[Expr, ...]
    order_by: tuple[OrderItem, ...]
    functions: tuple[WindowFunction, ...]
    in_order: bool
    at_once: bool = False


@frozen
class Lookup:
    """A stream's row with the rows that ``table`` has for it now, as a Join of this ``kind``: INNER, LEFT or MARK.

    ``table`` is computed of one Scan of a collection, whose rows are found by ``path``, which is the key with number
    ``asked_by``; rows that differ in it have nothing to do with each other. A MARK without keys asks whether there is
    any row: ``path`` is None."""

    input: Node
    table: Node
    kind: str
    input_keys: tuple[Expr, ...]
    table_keys: tuple[Expr, ...]
    null_safe: tuple[bool, ...]
    condition: Expr | None
    input_width: int
    table_width: int
    path: str | None
    asked_by: int


@frozen
class Meet:
    """Two streams joined within a bound of time: rows match when their keys are equal, the condition is true, and
    ``right_time - before <= left_time <= right_time + after`` (milliseconds). A row of an outer side that has matched
    nothing comes alone once nothing can match it any more. A side's rows come no later than ``delay`` behind their
    time."""

    left: Node
    right: Node
    kind: str
    left_keys: tuple[Expr, ...]
    right_keys: tuple[Expr, ...]
    left_time: Expr
    right_time: Expr
    before: int
    after: int
    condition: Expr | None
    left_width: int
    right_width: int
    left_delay: int = 0
    right_delay: int = 0


@frozen
class Closing:
    """GROUP BY windows of time over a stream, as ``Group``. The key ``start`` is where a window begins, ``size`` its
    length in milliseconds. A group comes once when the time has passed its end (or, with ``every_change``, with each
    row that joins it); rows of windows that have ended are late, and left out. Rows may come ``lag`` milliseconds
    behind their time: so long each window waits."""

    input: Node
    keys: int
    aggregates: tuple[Aggregate, ...]
    start: int
    size: int
    every_change: bool
    lag: int = 0


@frozen
class Sessions:
    """GROUP BY SESSION over a stream, as ``Closing``. In a row of the input the keys ``start`` and ``end`` hold its
    time, and its time plus the gap. Rows with the same other keys, of which one begins before the other's end, are of
    one session: its start is that of the first, its end that of the last. With ``in_order`` rows come in order of time,
    so that two sessions never become one."""

    input: Node
    keys: int
    aggregates: tuple[Aggregate, ...]
    start: int
    end: int
    every_change: bool
    in_order: bool
    lag: int = 0


@frozen
class Sort:
    """ORDER BY of a stream: the rows that come with one batch, in this order."""

    input: Node
    order_by: tuple[OrderItem, ...]


Node = (
    Scan | Map | Unnest | Concat | Combine | Join | Group | Over | Top | While
    | Along | Lookup | Meet | Closing | Sessions | Sort
)  # fmt: skip


def inputs_of(node: Node) -> tuple[Node, ...]:
    match node:
        case Scan():
            return ()
        case Concat(inputs) | Combine(inputs):
            return inputs
        case Join(left, right) | Meet(left, right):
            return (left, right)
        case Lookup(input, table):
            return (input, table)
        case Map(input) | Unnest(input) | Group(input) | Over(input) | Top(input) | While(input):
            return (input,)
        case Along(input) | Closing(input) | Sessions(input) | Sort(input):
            return (input,)
        case _:
            assert_never(node)


def at_work(root: Node) -> Iterator[Node]:
    """The nodes that rows run through, each once. Not the tables of lookups: these are asked for rows."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += (node.input,) if isinstance(node, Lookup) else inputs_of(node)


def fed_scans(root: Node) -> set[int]:
    """The numbers of the scans that change streams feed."""
    return {each.number for each in at_work(root) if isinstance(each, Scan)}


@frozen
class Output:
    """What the view's collection holds. ``columns`` names the root's columns from the first on; a None is a document
    whose fields are columns (``*``). ``key`` are the root's columns that identify a row, by their names in ``_id``."""

    columns: tuple[str | None, ...]
    key: tuple[tuple[str, int], ...]


@frozen
class DataflowPlan:
    root: Node
    scans: tuple[Scan, ...]
    output: Output
