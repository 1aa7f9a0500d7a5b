"""A stream joined with what is computed of a collection: by which of its fields the rows are found."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.logical.walk import conjuncts
from queryleaf_cdc.lowering.streams.lineage import scans_in
from queryleaf_cdc.lowering.views.finish import width
from queryleaf_cdc.lowering.views.relation import column, with_columns_at
from queryleaf_cdc.plans.dataflow import ROW, Combine, Group, Join, Lookup, Map, Node, Over, Scan, Top, Unnest
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal

_TURNED = {"INNER": "INNER", "RIGHT": "LEFT"}


def lookup(node: Join, span: Span) -> Node:
    """The left side is a stream. Raises CompileError QL321 where nothing tells which rows of the right one to read."""
    constant = _constant(node)
    if constant is not None:
        return _by_constant(node, *constant, span)
    node = _with_constant_key(node)
    table = node.right
    if node.kind == "MARK" and isinstance(table, Combine) and table.kind == "DISTINCT":
        (table,) = table.inputs  # how often a row is there does not matter
    asked_by, path = _found_by(replace(node, right=table), span)
    return Lookup(
        node.left, table, node.kind, node.left_keys, node.right_keys, node.null_safe, node.condition,
        node.left_width, node.right_width, path, asked_by,
    )  # fmt: skip


def _constant(node: Join) -> tuple[Scan, Field, Literal] | None:
    """``c.kind = 'fees'``, where no key finds rows: a field of the collection, and its value."""
    scan = node.right
    if not isinstance(scan, Scan) or node.right_keys or node.kind not in ("INNER", "LEFT"):
        return None
    for term in conjuncts(scan.condition):
        match term:
            case Call("=", (Field() as field, Literal() as value)) | Call("=", (Literal() as value, Field() as field)):
                if _query_path(field, scan.alias) is not None:
                    return scan, field, value
    return None


def _with_constant_key(node: Join) -> Join:
    """The same, where it stands in ON."""
    if node.right_keys or node.kind not in ("INNER", "LEFT"):
        return node
    for term in conjuncts(node.condition):
        match term:
            case Call("=", (Field(source, (int() as at,)), Literal() as value)) if source == ROW:
                key = column(at - node.left_width)
                if at >= node.left_width and _field(node.right, key) is not None:
                    return replace(node, left_keys=(value,), right_keys=(key,), null_safe=(False,))
    return node


def _by_constant(node: Join, scan: Scan, field: Field, value: Literal, span: Span) -> Node:
    """The field is one more column, by which rows are found, and which nobody sees."""
    added = replace(scan, columns=(*scan.columns, field))
    left, right = node.left_width, node.right_width
    keyed = replace(
        node, right=added, left_keys=(value,), right_keys=(column(right),), null_safe=(False,), right_width=right + 1
    )
    return Map(lookup(keyed, span), tuple(map(column, range(left + right))))


def swapped_lookup(node: Join, span: Span) -> Node:
    """The right side is a stream: the changes first, then the columns in the order that was written."""
    left, right = node.left_width, node.right_width

    def place(at: int) -> int:
        return at + right if at < left else at - left

    condition = with_columns_at(node.condition, place) if node.condition is not None else None
    turned = Join(
        node.right, node.left, _TURNED[node.kind], node.right_keys, node.left_keys, node.null_safe, condition,
        right, left,
    )  # fmt: skip
    return Map(lookup(turned, span), tuple(column(place(at)) for at in range(left + right)))


def _found_by(node: Join, span: Span) -> tuple[int, str | None]:
    """Which of the keys is a field of the collection, and the field; None where any row will do."""
    scans = tuple(scans_in(node.right))
    if len(scans) == 1:
        if node.kind == "MARK" and isinstance(node.right, Scan) and not node.right_keys and node.condition is None:
            return 0, None
        for at in sorted(range(len(node.right_keys)), key=lambda at: node.null_safe[at]):
            path = _field(node.right, node.right_keys[at])
            if path is not None:
                return at, path
    name = scans[0].collection if scans else "the other side"
    hint = f"ON {scans[0].alias}._id = ..., and an index on the field" if scans else None
    text = f"rows of {name} are found by an equality with one of its fields"
    raise CompileError("QL321", text, span, hint)


def _field(node: Node, expr: Expr) -> str | None:
    """The collection's field that this column is. Rows that differ in it must not meet below."""
    if not isinstance(expr, Field) or expr.source != ROW or len(expr.path) != 1:
        return None
    (at,) = expr.path
    assert isinstance(at, int)
    match node:
        case Scan(columns=columns, alias=alias):
            return _query_path(columns[at], alias)
        case Map(input, columns):
            return _field(input, columns[at])
        case Combine((input,)):
            return _field(input, expr)
        case Unnest(input) if at < width(input):
            return _field(input, expr)
        case Group(input, keys) if at < keys:
            return _field(input, expr)
        case Top(input, partition_by) | Over(input, partition_by) if _is_among(partition_by, at):
            return _field(input, expr)
        case _:
            return None


def _is_among(partition_by: tuple[Expr, ...], at: int) -> bool:
    return any(isinstance(each, Field) and each.source == ROW and each.path == (at,) for each in partition_by)


def _query_path(found: Expr, alias: str) -> str | None:
    if not isinstance(found, Field) or found.source != alias or not found.path:
        return None
    is_query_path = all(isinstance(part, str) and is_plain(part) for part in found.path)
    return ".".join(map(str, found.path)) if is_query_path else None
