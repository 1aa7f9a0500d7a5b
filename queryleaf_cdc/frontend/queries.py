"""sqlglot's queries to ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from sqlglot import exp

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend import time_tables
from queryleaf_cdc.frontend.calls import order_items
from queryleaf_cdc.frontend.expressions import Converter
from queryleaf_cdc.frontend.faults import UNEXPECTED, unsupported
from queryleaf_cdc.frontend.limits import MAX_DEPTH, too_deep
from queryleaf_cdc.frontend.nodes import only, span_of
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Expr, Literal, Star
from queryleaf_cdc.syntax.queries import (
    Cte,
    FromItem,
    Join,
    Query,
    Select,
    SelectItem,
    SetOperation,
    SubqueryRef,
    TableRef,
    UnnestRef,
)

_MAX_GROUPING_SETS = 64
_SET_OPERATIONS = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}
_TAIL = ("order", "limit", "offset", "with_")
_SELECT = (
    "expressions", "from_", "joins", "where", "group", "having", "qualify", "windows", "distinct", *_TAIL,
)  # fmt: skip


def query(self: Converter, node: exp.Expr) -> Query:
    self.depth += 1
    if self.depth > MAX_DEPTH:
        raise too_deep(span_of(node))
    try:
        if isinstance(node, exp.Subquery):
            return _parenthesized(self, node)
        if isinstance(node, exp.SetOperation):
            return _set_operation(self, node)
        if isinstance(node, exp.Select):
            return _select(self, node)
        if isinstance(node, exp.Values):
            return _values(self, node)
    finally:
        self.depth -= 1
    raise unsupported("this query", span_of(node))


def _parenthesized(self: Converter, node: exp.Subquery) -> Query:
    """What stands behind the parentheses is the inner query's own; a second LIMIT is one of the rows that it gives."""
    only(node, "this", *_TAIL)
    ctes = _ctes(self, node)
    inner = query(self, node.this)
    if not any(node.args.get(name) for name in _TAIL):
        return inner
    if inner.limit is not None or inner.offset is not None:
        rows = SubqueryRef(inner, "rows", (), span_of(node.this))
        inner = _plain((SelectItem(Star(None, span_of(node.this)), None, span_of(node.this)),), rows, span_of(node))
    return replace(
        inner,
        order_by=tuple(order_items(self, node.args.get("order"))) or inner.order_by,
        limit=_limit(self, node),
        offset=_offset(self, node),
        with_ties=_with_ties(node),
        ctes=(*ctes, *inner.ctes),
    )


def _plain(items: tuple[SelectItem, ...], rows: FromItem | None, span: Span) -> Select:
    return Select(items, rows, (), None, (), None, None, (), None, None, None, (), None, span)


def _values(self: Converter, node: exp.Expr) -> Query:
    """``VALUES (1, 'a'), (2, 'b')``: its rows by UNION ALL, with columns column1, column2 as in PostgreSQL."""
    only(node, "expressions", *_TAIL)
    rows: list[Query] = []
    for row in node.expressions:
        if len(row.expressions) != len(node.expressions[0].expressions):
            raise CompileError(UNEXPECTED, "the rows of VALUES are of different lengths", span_of(row))
        values = [(self.expr(each), span_of(each)) for each in row.expressions]
        items = tuple(SelectItem(value, f"column{at}", span) for at, (value, span) in enumerate(values, 1))
        rows.append(_plain(items, None, span_of(row)))
    found = _together(rows, span_of(node))
    if not any(node.args.get(name) for name in _TAIL):
        return found
    return replace(
        found,
        order_by=tuple(order_items(self, node.args.get("order"))),
        limit=_limit(self, node),
        offset=_offset(self, node),
        with_ties=_with_ties(node),
        ctes=_ctes(self, node),
    )


def _together(rows: list[Query], span: Span) -> Query:
    """All of them by UNION ALL, nested no deeper than it must be."""
    if len(rows) == 1:
        return rows[0]
    middle = len(rows) // 2
    left, right = _together(rows[:middle], span), _together(rows[middle:], span)
    return SetOperation("UNION", True, left, right, (), None, None, (), span)


def _select(self: Converter, node: exp.Select) -> Select:
    only(node, *_SELECT)
    ctes = _ctes(self, node)
    for each in node.args.get("windows") or []:
        self.windows[self.single(each.this, "a window")] = each
    items = tuple(_item(self, each) for each in node.expressions)
    if not items:
        raise CompileError(UNEXPECTED, "SELECT without columns", span_of(node), "name them, or write *")
    from_item, joins = _from(self, node)
    group_by, sets = _group_by(self, node.args.get("group"))
    distinct = node.args.get("distinct")
    return Select(
        items=items,
        from_item=from_item,
        joins=joins,
        where=_clause(self, node, "where"),
        group_by=group_by,
        having=_clause(self, node, "having"),
        qualify=_clause(self, node, "qualify"),
        order_by=tuple(order_items(self, node.args.get("order"))),
        limit=_limit(self, node),
        offset=_offset(self, node),
        distinct_on=_distinct(self, distinct) if distinct is not None else None,
        ctes=ctes,
        emit=None,
        span=span_of(node),
        grouping_sets=sets,
        with_ties=_with_ties(node),
    )


def _set_operation(self: Converter, node: exp.SetOperation) -> SetOperation:
    only(node, "this", "expression", "distinct", *_TAIL)
    ctes = _ctes(self, node)
    return SetOperation(
        kind=_SET_OPERATIONS[type(node)],
        all=not node.args.get("distinct"),
        left=query(self, node.this),
        right=query(self, node.args["expression"]),
        order_by=tuple(order_items(self, node.args.get("order"))),
        limit=_limit(self, node),
        offset=_offset(self, node),
        ctes=ctes,
        span=span_of(node),
        with_ties=_with_ties(node),
    )


def _ctes(self: Converter, node: exp.Expr) -> tuple[Cte, ...]:
    with_ = node.args.get("with_")
    if with_ is None:
        return ()
    if with_.args.get("recursive"):
        raise unsupported("WITH RECURSIVE", span_of(with_))
    only(with_, "expressions")
    return tuple(_cte(self, each) for each in with_.expressions)


def _cte(self: Converter, node: exp.Expr) -> Cte:
    only(node, "this", "alias")
    name, columns = _alias(self, node.args["alias"])
    return Cte(name, columns, self.query(node.this), span_of(node))


def _alias(self: Converter, node: exp.Expr) -> tuple[str, tuple[str, ...]]:
    only(node, "this", "columns")
    columns = tuple(self.single(each, "a column") for each in node.args.get("columns") or [])
    return self.single(node.this, "an alias"), columns


def _item(self: Converter, node: exp.Expr) -> SelectItem:
    if not isinstance(node, exp.Alias):
        return SelectItem(self.expr(node), None, span_of(node))
    value = self.expr(node.this)
    if isinstance(value, Star):
        raise CompileError(UNEXPECTED, "* has no alias", span_of(node))
    return SelectItem(value, self.single(node.args["alias"], "an alias"), span_of(node))


def _clause(self: Converter, node: exp.Expr, name: str) -> Expr | None:
    clause = node.args.get(name)
    return None if clause is None else self.expr(clause.this)


def _limit(self: Converter, node: exp.Expr) -> Expr | None:
    limit = node.args.get("limit")
    if limit is None or isinstance(limit.args["expression"], exp.Null):
        return None
    only(limit, "expression")
    return self.expr(limit.args["expression"])


def _with_ties(node: exp.Expr) -> bool:
    limit = node.args.get("limit")
    if limit is None or not limit.meta.get("ties"):
        return False
    if node.args.get("order") is None:
        raise CompileError(UNEXPECTED, "WITH TIES needs an ORDER BY", span_of(limit))
    return True


def _offset(self: Converter, node: exp.Expr) -> Expr | None:
    offset = node.args.get("offset")
    return None if offset is None else self.expr(offset.args["expression"])


def _distinct(self: Converter, node: exp.Expr) -> tuple[Expr, ...]:
    only(node, "on")
    on = node.args.get("on")
    if on is not None and not on.expressions:
        raise CompileError(UNEXPECTED, "DISTINCT ON needs a column", span_of(node))
    return () if on is None else self.exprs(on.expressions)


# FROM


def _from(self: Converter, node: exp.Select) -> tuple[FromItem | None, tuple[Join, ...]]:
    from_ = node.args.get("from_")
    if from_ is None:
        return None, ()
    only(from_, "this")
    first = from_.this
    joins = [*(first.args.get("joins") or []), *(node.args.get("joins") or [])]
    return _from_item(self, first), _joins(self, joins)


def _joins(self: Converter, nodes: Sequence[exp.Expr]) -> tuple[Join, ...]:
    """A comma is CROSS JOIN that binds last, which makes a difference only where the join's right side is kept."""
    commas = [at for at, node in enumerate(nodes) if node.args["kind"] == ","]
    for node in nodes[commas[0] :] if commas else ():
        if node.args["kind"] in ("RIGHT", "FULL"):
            what = f"{node.args['kind']} JOIN behind a comma in FROM"
            raise unsupported(what, span_of(node), "write CROSS JOIN for the comma, or put the comma's sources last")
    return tuple(_join(self, node) for node in nodes)


def _join(self: Converter, node: exp.Expr) -> Join:
    only(node, "this", "kind", "on", "using")
    using = tuple(self.single(each, "a column") for each in node.args.get("using") or [])
    on = self.optional(node.args.get("on"))
    kind = "CROSS" if node.args["kind"] == "," else str(node.args["kind"])
    return Join(kind, _from_item(self, node.this), on, using, span_of(node))


def _from_item(self: Converter, node: exp.Expr) -> FromItem:
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Anonymous):
        return _time_table(self, node)
    if isinstance(node, exp.Table):
        return _table(self, node)
    if isinstance(node, exp.Subquery):
        only(node, "this", "alias", "joins")
        alias, columns = _alias_or_number(self, node)
        return SubqueryRef(self.query(node.this), alias, columns, span_of(node), bool(node.meta.get("lateral")))
    if isinstance(node, exp.Unnest):
        only(node, "expressions", "alias", "offset", "joins")
        alias, columns = _required_alias(self, node, "UNNEST")
        (array,) = node.expressions
        return UnnestRef(self.expr(array), alias, columns, node.args.get("offset") is not None, span_of(node))
    raise unsupported("this in FROM", span_of(node))


def _table(self: Converter, node: exp.Table) -> TableRef:
    only(node, "this", "alias", "joins")
    name = self.single(node.this, "a collection")
    alias = node.args.get("alias")
    if alias is None:
        return TableRef(name, name, span_of(node))
    written, columns = _alias(self, alias)
    if columns:
        raise unsupported("a column list behind a collection", span_of(alias), "name the columns in a subquery")
    return TableRef(name, written, span_of(node))


def _time_table(self: Converter, node: exp.Table) -> SubqueryRef:
    only(node, "this", "alias", "joins")
    source, partition, time, *lengths = node.this.expressions
    item = _from_item(self, source)
    alias, columns = _alias(self, node.args["alias"]) if node.args.get("alias") is not None else (item.alias, ())
    kind, span = str(node.this.this), span_of(node.this)
    by = self.exprs(partition.expressions)
    inner = time_tables.windowed(kind, item, by, self.expr(time), self.exprs(lengths), span)
    return SubqueryRef(inner, alias, columns, span, in_windows=True)


def _alias_or_number(self: Converter, node: exp.Expr) -> tuple[str, tuple[str, ...]]:
    """A query in FROM need not have an alias: nothing but its columns can be named then."""
    alias = node.args.get("alias")
    if alias is not None:
        return _alias(self, alias)
    self.unnamed += 1
    return f"unnamed_subquery{self.unnamed if self.unnamed > 1 else ''}", ()


def _required_alias(self: Converter, node: exp.Expr, what: str) -> tuple[str, tuple[str, ...]]:
    alias = node.args.get("alias")
    if alias is None:
        raise CompileError(UNEXPECTED, f"{what} needs an alias", span_of(node), "write ... AS name behind it")
    return _alias(self, alias)


# GROUP BY


def _group_by(self: Converter, node: exp.Expr | None) -> tuple[tuple[Expr, ...], tuple[tuple[Expr, ...], ...]]:
    """All grouping expressions, each once; and the grouping sets if there are several."""
    if node is None:
        return (), ()
    only(node, "expressions")
    factors = [_sets(self, each) for each in node.expressions]
    plain = all(len(sets) == 1 for sets in factors) and not any(_is_grouping(each) for each in node.expressions)
    sets = [tuple(expr for part in choice for expr in part) for choice in product(*_bounded(factors, node))]
    every: list[Expr] = []
    for expr in (expr for group in sets for expr in group):
        if not any(_same(expr, known) for known in every):
            every.append(expr)
    return tuple(every), () if plain else tuple(sets)


def _is_grouping(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).upper() in ("ROLLUP", "CUBE", "GROUPING SETS")


def _bounded(factors: list[list[tuple[Expr, ...]]], node: exp.Expr) -> list[list[tuple[Expr, ...]]]:
    count = 1
    for sets in factors:
        count *= len(sets)
        if count > _MAX_GROUPING_SETS:
            raise CompileError("QL103", f"more than {_MAX_GROUPING_SETS} grouping sets", span_of(node))
    return factors


def _sets(self: Converter, node: exp.Expr) -> list[tuple[Expr, ...]]:
    """The grouping sets that one item of GROUP BY stands for; a plain expression is one set."""
    if isinstance(node, exp.Tuple):
        return [self.exprs(node.expressions)]
    if not _is_grouping(node):
        return [(self.expr(node.this if isinstance(node, exp.Paren) else node),)]
    name = str(node.this).upper()
    if name == "GROUPING SETS":
        return [each for item in node.expressions for each in _sets(self, item)]
    parts = [_sets(self, item)[0] for item in node.expressions]
    if name == "ROLLUP":
        return [_joined(parts[:count]) for count in range(len(parts), -1, -1)]
    if len(parts) > 6:
        raise CompileError("QL103", "CUBE takes at most 6 items", span_of(node))
    return [
        _joined([part for part, taken in zip(parts, choice, strict=True) if taken])
        for choice in product((True, False), repeat=len(parts))
    ]


def _joined(parts: list[tuple[Expr, ...]]) -> tuple[Expr, ...]:
    return tuple(expr for part in parts for expr in part)


def _same(one: Expr, other: Expr) -> bool:
    """Whether both were written alike; enough to list an expression of ROLLUP once."""
    if isinstance(one, Literal) and isinstance(other, Literal):
        return bool(one.value == other.value)
    return one.span == other.span or (getattr(one, "path", 1) == getattr(other, "path", 2))
