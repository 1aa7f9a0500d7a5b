"""sqlglot's expressions to ours. What has no entry in ``_CONVERT`` is an error, never a guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from queryleaf_cdc.errors import CompileError, Diagnostic, warning
from queryleaf_cdc.frontend import calls, days, literals
from queryleaf_cdc.frontend.faults import UNEXPECTED, unsupported
from queryleaf_cdc.frontend.limits import MAX_DEPTH, MAX_TERMS, too_deep, too_many_terms
from queryleaf_cdc.frontend.nodes import only, span_of
from queryleaf_cdc.frontend.types import TypeName
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Case, Expr, Literal, Name, Star, Subquery

if TYPE_CHECKING:
    from queryleaf_cdc.syntax.queries import Query

BINARY: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.Pow: "^", exp.DPipe: "||",
    exp.JSONBExtract: "->", exp.JSONBExtractScalar: "->>",
    exp.RegexpLike: "~", exp.RegexpILike: "~*", exp.NullSafeNEQ: "IS DISTINCT FROM",
}  # fmt: skip
_IGNORED = ("typed", "safe", "coalesce")  # how sqlglot would print the operator; no words of the user's
_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_COMPARISONS = tuple(_OPPOSITE)
_CHAINS: dict[type[exp.Expr], str] = {exp.And: "AND", exp.Or: "OR"}
WITHOUT_PARENTHESES = {
    "CURRENT_TIMESTAMP": "CURRENT_TIMESTAMP", "LOCALTIMESTAMP": "CURRENT_TIMESTAMP", "CURRENT_DATE": "CURRENT_DATE",
    "CURRENT_TIME": "CURRENT_TIME", "LOCALTIME": "CURRENT_TIME",
    "TRIGGER_ACTION": "TRIGGER_ACTION", "TG_OP": "TRIGGER_ACTION", "TG_TABLE_NAME": "CHANGE_COLLECTION",
}  # fmt: skip
_SESSION = ("CURRENT_USER", "SESSION_USER", "CURRENT_ROLE", "CURRENT_CATALOG", "CURRENT_SCHEMA")


class Converter:
    """One chunk of SQL. ``names`` are what its IDENTIFIER tokens stand for; ``warnings`` grows."""

    def __init__(
        self, names: list[Name], query: Callable[[Converter, exp.Expr], Query], warnings: list[Diagnostic]
    ) -> None:
        self.names = names
        self.query_of = query
        self.warnings = warnings
        self.depth = 0
        self.windows: dict[str, exp.Window] = {}
        self.unnamed = 0
        """queries in FROM without an alias, so far"""

    def query(self, node: exp.Expr) -> Query:
        outer = self.windows
        self.windows = {}
        try:
            return self.query_of(self, node)
        finally:
            self.windows = outer

    def expr(self, node: exp.Expr) -> Expr:
        """Raises CompileError for what the dialect does not have."""
        while type(node) is exp.Paren:
            node = node.this
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise too_deep(span_of(node))
        try:
            if type(node) in _CHAINS:
                return self._chain(node)
            if type(node) in BINARY:
                return self._binary(node)
            convert = _CONVERT.get(type(node))
            if convert is None:
                raise unsupported("this expression", span_of(node))
            return convert(self, node)
        finally:
            self.depth -= 1

    def exprs(self, nodes: list[exp.Expr]) -> tuple[Expr, ...]:
        return tuple(self.expr(node) for node in nodes)

    def optional(self, node: exp.Expr | None) -> Expr | None:
        return None if node is None else self.expr(node)

    # names

    def path(self, node: exp.Expr) -> Name:
        """The name that an Identifier stands for."""
        if node.args.get("quoted"):
            return self.names[int(node.name)]
        return Name((node.name,), span_of(node))

    def single(self, node: exp.Expr, what: str) -> str:
        """A name of one part, for aliases, columns and collections."""
        name = self.path(node)
        if len(name.path) > 1:
            dotted = ".".join(str(part) for part in name.path)
            raise CompileError(UNEXPECTED, f"{what} has one name, not a path", name.span, f'did you mean "{dotted}"?')
        return str(name.path[0])

    # chains of operators, without recursion on their left side

    def _chain(self, node: exp.Expr) -> Expr:
        kind = type(node)
        operands: list[exp.Expr] = []
        left: exp.Expr = node
        while type(left) is kind:
            operands.append(left.args["expression"])
            left = left.this
        operands.append(left)
        if len(operands) > MAX_TERMS:
            raise too_many_terms(span_of(node))
        return Call(_CHAINS[kind], self.exprs(operands[::-1]), span_of(node))

    def _binary(self, node: exp.Expr) -> Expr:
        spine: list[exp.Expr] = []
        left: exp.Expr = node
        while type(left) in BINARY:
            spine.append(left)
            left = left.this
        if self.depth + len(spine) > MAX_DEPTH:
            raise too_deep(span_of(node))
        self.depth += len(spine)
        start = span_of(left).start
        result, is_day = self.expr(left), days.is_day(left)
        for step in reversed(spine):
            only(step, "this", "expression", *_IGNORED)
            right = step.args["expression"]
            span = Span(start, span_of(right).end)
            operator = BINARY[type(step)]
            result, is_day = self._on_days(operator, result, right, (is_day, days.is_day(right)), span) or (
                self._operate(operator, result, right, span),
                False,
            )
        self.depth -= len(spine)
        return result

    def _operate(self, operator: str, left: Expr, right: exp.Expr, span: Span) -> Expr:
        if isinstance(right, exp.Anonymous) and operator in _COMPARISONS:
            quantifier = str(right.this).upper()
            if quantifier in ("ANY", "SOME", "ALL"):
                return self._quantified(operator, "ALL" if quantifier == "ALL" else "ANY", left, right, span)
        if isinstance(right, exp.Tuple):
            raise unsupported("comparing rows with " + operator, span, "compare the columns one by one, or use IN")
        value = self.expr(right)
        if operator in _COMPARISONS:
            self._warn_of_quotes(left, value)
        return Call(operator, (left, value), span)

    def _on_days(
        self, operator: str, left: Expr, right: exp.Expr, is_day: tuple[bool, bool], span: Span
    ) -> tuple[Expr, bool] | None:
        if operator not in ("+", "-") or not any(is_day):
            return None
        return days.operate(operator, left, self.expr(right), is_day, span)

    def _quantified(self, operator: str, quantifier: str, left: Expr, right: exp.Expr, span: Span) -> Expr:
        arguments = right.expressions
        if len(arguments) != 1:
            raise CompileError(UNEXPECTED, f"{quantifier} takes one array or query", span_of(right))
        if not isinstance(arguments[0], exp.Select | exp.SetOperation | exp.Subquery):
            return Call(f"{operator} {quantifier}", (left, self.expr(arguments[0])), span)
        if quantifier == "ANY":
            return Subquery("in", self.query(arguments[0]), left, span, operator)
        found = Subquery("in", self.query(arguments[0]), left, span, _OPPOSITE[operator])
        return Call("NOT", (found,), span)

    def _warn_of_quotes(self, left: Expr, right: Expr) -> None:
        """``status = "paid"``: in SQL that compares two fields."""
        if not isinstance(left, Name) or not isinstance(right, Name) or left.quoted or not right.quoted:
            return
        text = str(right.path[0])
        if len(right.path) == 1 and text.isidentifier():
            message = f'"{text}" in double quotes is a field, not a string'
            self.warnings.append(warning("QL112", message, right.span, f"for the string write '{text}'"))


def _literal(self: Converter, node: exp.Expr) -> Expr:
    span = span_of(node)
    text = str(node.this)
    return Literal(text if node.args.get("is_string") else literals.number(text, span), span)


def _boolean(self: Converter, node: exp.Expr) -> Expr:
    return Literal(bool(node.this), span_of(node))


def _null(self: Converter, node: exp.Expr) -> Expr:
    return Literal(None, span_of(node))


def _star(self: Converter, node: exp.Expr) -> Expr:
    only(node)
    return Star(None, span_of(node))


def _column(self: Converter, node: exp.Expr) -> Expr:
    if isinstance(node.this, exp.Star):
        only(node, "this", "table")
        return Star(self.single(node.args["table"], "a source"), span_of(node))
    only(node, "this")
    name = self.path(node.this)
    if not node.this.args.get("quoted"):
        word = name.path[0]
        function = WITHOUT_PARENTHESES.get(str(word).upper())
        if function:
            return Call(function, (), name.span)
        if str(word).upper() in _SESSION:
            raise unsupported(str(word).upper(), name.span, f'a field of this name is written "{word}"')
    return name


def _negative(self: Converter, node: exp.Expr) -> Expr:
    operand = node.this
    if isinstance(operand, exp.Literal) and not operand.args.get("is_string"):
        return Literal(literals.number(str(operand.this), span_of(node), negative=True), span_of(node))
    return Call("NEG", (self.expr(operand),), span_of(node))


def _not(self: Converter, node: exp.Expr) -> Expr:
    return Call("NOT", (self.expr(node.this),), span_of(node))


def _negated(expr: Call | Subquery, node: exp.Expr) -> Expr:
    return Call("NOT", (expr,), expr.span) if node.args.get("negate") else expr


def _is(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "expression", "negate")
    tested = node.args["expression"]
    if isinstance(tested, exp.Null):
        name = "IS NULL"
    elif isinstance(tested, exp.Boolean):
        name = "IS TRUE" if tested.this else "IS FALSE"
    elif isinstance(tested, exp.Column) and not tested.this.args.get("quoted") and tested.name.upper() == "UNKNOWN":
        name = "IS UNKNOWN"
    else:
        hint = "after IS comes NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM; to compare write ="
        raise CompileError(UNEXPECTED, "IS does not compare values", span_of(node), hint)
    return _negated(Call(name, (self.expr(node.this),), span_of(node)), node)


def _not_distinct(self: Converter, node: exp.Expr) -> Expr:
    args = (self.expr(node.this), self.expr(node.args["expression"]))
    return Call("NOT", (Call("IS DISTINCT FROM", args, span_of(node)),), span_of(node))


def _between(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "low", "high", "symmetric")
    span = span_of(node)
    value, low, high = self.expr(node.this), self.expr(node.args["low"]), self.expr(node.args["high"])
    between = Call("BETWEEN", (value, low, high), span)
    if not node.args.get("symmetric"):
        return between
    return Call("OR", (between, Call("BETWEEN", (value, high, low), span)), span)


def _like(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "expression", "negate")
    pattern = node.args["expression"]
    if isinstance(pattern, exp.Anonymous) and str(pattern.this).upper() in ("ANY", "ALL", "SOME"):
        raise unsupported("LIKE ANY", span_of(node), "chain LIKEs with OR, or use ~ with a regular expression")
    name = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
    return _negated(Call(name, (self.expr(node.this), self.expr(pattern)), span_of(node)), node)


def _escape(self: Converter, node: exp.Expr) -> Expr:
    like = node.this
    if not isinstance(like, exp.Like | exp.ILike):
        raise CompileError(UNEXPECTED, "ESCAPE belongs to LIKE", span_of(node))
    inner = _like(self, like)
    call = inner.args[0] if isinstance(inner, Call) and inner.name == "NOT" else inner
    assert isinstance(call, Call)
    span = span_of(node)
    return _negated(Call(call.name, (*call.args, self.expr(node.args["expression"])), span), like)


def _in(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "expressions", "query")
    if node.args.get("query") is not None:
        if isinstance(node.this, exp.Tuple):
            operand: Expr = Call("ROW", self.exprs(node.this.expressions), span_of(node.this))
        else:
            operand = self.expr(node.this)
        return Subquery("in", self.query(node.args["query"]), operand, span_of(node))
    if isinstance(node.this, exp.Tuple):
        return _row_in(self, node)
    return Call("IN", (self.expr(node.this), *self.exprs(node.expressions)), span_of(node))


def _row_in(self: Converter, node: exp.Expr) -> Expr:
    """``(a, b) IN ((1, 2), (3, 4))`` means ``(a = 1 AND b = 2) OR (a = 3 AND b = 4)``."""
    left = self.exprs(node.this.expressions)
    rows: list[Expr] = []
    for row in node.expressions:
        if not isinstance(row, exp.Tuple) or len(row.expressions) != len(left):
            raise CompileError(UNEXPECTED, f"expected a row of {len(left)} values", span_of(row))
        right = self.exprs(row.expressions)
        span = span_of(row)
        pairs = tuple(Call("=", pair, span) for pair in zip(left, right, strict=True))
        rows.append(Call("AND", pairs, span))
    return rows[0] if len(rows) == 1 else Call("OR", tuple(rows), span_of(node))


def _case(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "ifs", "default")
    subject = self.optional(node.this)
    whens: list[tuple[Expr, Expr]] = []
    for branch in node.args["ifs"]:
        test = self.expr(branch.this)
        if subject is not None:
            test = Call("=", (subject, test), test.span)
        whens.append((test, self.expr(branch.args["true"])))
    return Case(tuple(whens), self.optional(node.args.get("default")), span_of(node))


def _cast(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "to")
    span = span_of(node)
    literal = node.meta.get("literal")
    if literal in ("DATE", "TIMESTAMP"):
        return Literal(literals.timestamp(node.this.name, literal, span), span)
    if literal:
        if literal == "TIME" and not literals.is_time(node.this.name):
            raise CompileError(
                literals.BAD_LITERAL, f"'{node.this.name[:40]}' is no time", span, "write it like '10:00:00'"
            )
        return Call(f"CAST {literal}", (Literal(node.this.name, span),), span)
    return cast(self.expr(node.this), node.args["to"].meta["type"], span)


def cast(value: Expr, type_: TypeName, span: Span) -> Expr:
    """A cast; the scale of NUMERIC(p, s) rounds, the length of VARCHAR(n) cuts (of CHAR it is 1), as in PostgreSQL."""
    if type_.array or type_.name is None:
        raise unsupported(f"a cast to {type_.written}{'[]' if type_.array else ''}", span)
    call = Call(f"CAST {type_.name}", (value,), span)
    if type_.size and type_.name == "DECIMAL":
        scale = type_.size[1] if len(type_.size) > 1 else 0
        return Call("ROUND", (call, Literal(scale, span)), span)
    size = type_.size or ((1,) if type_.written in ("CHAR", "CHARACTER") else ())
    if size and type_.name == "TEXT":
        return Call("LEFT", (call, Literal(size[0], span)), span)
    return call


def _interval(self: Converter, node: exp.Expr) -> Expr:
    span = span_of(node)
    return Literal(literals.interval(str(node.this.this), str(node.args["unit"].this).lower(), span), span)


def _time_zone(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "zone")
    value, zone = self.expr(node.this), self.expr(node.args["zone"])
    if _is_local(value):
        hint = (
            "here it only leads from UTC to a zone; the start of a local day is DATE_TRUNC('day', t, 'Europe/Berlin')"
        )
        raise unsupported("AT TIME ZONE of a time that is local already", span_of(node), hint)
    if isinstance(zone, Literal) and not isinstance(zone.value, str | None):
        raise unsupported("a time zone that is no text", zone.span, "write 'Europe/Berlin' or '+02:00'")
    return Call("AT TIME ZONE", (value, zone), span_of(node))


_STAYS_LOCAL = ("+", "-", "DATE_TRUNC", "CAST TIMESTAMP", "CAST DATE", "COALESCE", "GREATEST", "LEAST", "NULLIF")


def _is_local(value: Expr) -> bool:
    """Whether the expression is the local time of some zone."""
    if not isinstance(value, Call):
        return False
    return value.name == "AT TIME ZONE" or (value.name in _STAYS_LOCAL and any(map(_is_local, value.args)))


def _array(self: Converter, node: exp.Expr) -> Expr:
    only(node, "expressions")
    return Call("ARRAY", self.exprs(node.expressions), span_of(node))


def _bracket(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this", "expressions")
    (index,) = node.expressions
    return Call("[]", (self.expr(node.this), self.expr(index)), span_of(node))


def _dot(self: Converter, node: exp.Expr) -> Expr:
    """``items[n].sku``: a field of what is no plain path."""
    field = node.args["expression"]
    if not isinstance(field, exp.Identifier):
        raise unsupported("this after a dot", span_of(field))
    return Call("->", (self.expr(node.this), Literal(self.single(field, "a field"), span_of(field))), span_of(node))


def _exists(self: Converter, node: exp.Expr) -> Expr:
    only(node, "this")
    return Subquery("exists", self.query(node.this), None, span_of(node))


def _scalar(self: Converter, node: exp.Expr) -> Expr:
    return Subquery("scalar", self.query(node), None, span_of(node))


def _tuple(self: Converter, node: exp.Expr) -> Expr:
    what = "a row of values" if node.expressions else "an empty pair of parentheses"
    raise unsupported(f"{what} here", span_of(node), "rows are known before IN, and in SET (a, b) = (1, 2)")


def _similar(self: Converter, node: exp.Expr) -> Expr:
    raise unsupported("SIMILAR TO", span_of(node), "use LIKE, or ~ with a regular expression")


def _side_by_side(self: Converter, node: exp.Expr) -> Expr:
    raise unsupported("a string beside a string", span_of(node), "join them with ||")


def _alias(self: Converter, node: exp.Expr) -> Expr:
    raise CompileError(UNEXPECTED, "an alias has no place here", span_of(node.args["alias"]))


_CONVERT: dict[type[exp.Expr], Callable[[Converter, Any], Expr]] = {
    exp.Literal: _literal, exp.Boolean: _boolean, exp.Null: _null, exp.Star: _star, exp.Column: _column,
    exp.Neg: _negative, exp.Not: _not, exp.Is: _is, exp.NullSafeEQ: _not_distinct,
    exp.Between: _between, exp.Like: _like, exp.ILike: _like, exp.Escape: _escape, exp.In: _in, exp.Case: _case,
    exp.Cast: _cast, exp.Interval: _interval, exp.AtTimeZone: _time_zone, exp.Array: _array, exp.Bracket: _bracket,
    exp.Dot: _dot, exp.Exists: _exists, exp.Subquery: _scalar, exp.Select: _scalar, exp.Union: _scalar,
    exp.Intersect: _scalar, exp.Except: _scalar,
    exp.Tuple: _tuple, exp.SimilarTo: _similar, exp.Alias: _alias, exp.Concat: _side_by_side,
    exp.Anonymous: calls.call, exp.Filter: calls.call, exp.WithinGroup: calls.call, exp.Window: calls.window,
}  # fmt: skip
