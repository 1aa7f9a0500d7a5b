"""Reading sqlglot's nodes without overlooking anything: a node's span, and that every argument it has is read."""

from __future__ import annotations

from sqlglot import exp

from queryleaf_cdc.frontend.faults import unsupported
from queryleaf_cdc.source import NO_SPAN, Span


def span_of(node: exp.Expr) -> Span:
    """Where the node was written: its mark, or from the start of its leftmost part to the end of its rightmost."""
    left = right = node
    while "ql" not in left.meta and (step := _leftmost(left)) is not None:
        left = step
    while "ql" not in right.meta and (step := _rightmost(right)) is not None:
        right = step
    start, end = _edges(left), _edges(right)
    if start is None or end is None:
        return start or end or NO_SPAN
    return Span(start.start, end.end)


def _edges(node: exp.Expr) -> Span | None:
    if "ql" in node.meta:
        return Span(*node.meta["ql"])
    if "start" in node.meta:
        return Span(node.meta["start"], node.meta["end"] + 1)
    return None


def _leftmost(node: exp.Expr) -> exp.Expr | None:
    return next(_parts(node), None) if "start" not in node.meta else None


def _rightmost(node: exp.Expr) -> exp.Expr | None:
    return next(reversed(list(_parts(node))), None) if "start" not in node.meta else None


def _parts(node: exp.Expr):  # type: ignore[no-untyped-def]
    for value in node.args.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, exp.Expr):
                yield part


def only(node: exp.Expr, *names: str) -> None:
    """Raise if the node has an argument besides ``names``: what is not read must not be dropped."""
    for name, value in node.args.items():
        if name not in names and value not in (None, False, []):
            raise unsupported(f"{name.strip('_').replace('_', ' ').upper()} here", span_of(node))
