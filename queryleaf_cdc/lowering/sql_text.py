"""Bound expressions as SQL text: the compiled form of a view, and ``explain``, show the operators' own expressions,
which the user's text does not hold as such."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from bson import json_util
from bson.decimal128 import Decimal128

from queryleaf_cdc.frontend.expressions import WITHOUT_PARENTHESES
from queryleaf_cdc.frontend.tokens import RESERVED
from queryleaf_cdc.syntax.expressions import (
    Aggregate,
    Call,
    Case,
    Expr,
    Field,
    Frame,
    Literal,
    Name,
    OrderItem,
    Path,
    Star,
    Subquery,
    Variable,
    Window,
)
from queryleaf_cdc.values import Interval

_OR, _AND, _NOT, _IS, _COMPARISON, _PATTERN, _OTHER, _SUM, _PRODUCT, _POWER, _ZONE, _SIGN, _ATOM = range(13)
"""How tightly operators bind, the loosest first."""
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_BINARY = {
    **dict.fromkeys(_COMPARISONS, _COMPARISON), "IS DISTINCT FROM": _IS, "LIKE": _PATTERN, "ILIKE": _PATTERN,
    "||": _OTHER, "->": _OTHER, "->>": _OTHER, "~": _OTHER, "~*": _OTHER,
    "+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT, "^": _POWER, "AT TIME ZONE": _ZONE,
}  # fmt: skip
_CHAINS = (_OTHER, _SUM, _PRODUCT, _POWER)
"""Levels whose operators may follow each other, from left to right."""
_QUANTIFIED = {f"{operator} {word}" for operator in _COMPARISONS for word in ("ANY", "ALL")}
_TESTS = ("IS NULL", "IS TRUE", "IS FALSE", "IS UNKNOWN")
_NEGATED = {"IN": "NOT IN", "BETWEEN": "NOT BETWEEN", "LIKE": "NOT LIKE", "ILIKE": "NOT ILIKE"}


@dataclass(frozen=True)
class Text:
    """SQL of an expression, and how tightly the operator on top of it binds."""

    sql: str
    level: int = _ATOM

    def within(self, level: int) -> str:
        """As an operand that must bind at least as tightly."""
        return self.sql if self.level >= level else f"({self.sql})"


NameOf = Callable[[Field], Text]
"""What a field is called where the text is read; without its path if ``field.path`` is empty."""


def sql_text(expr: Expr, name_of: NameOf) -> Text:
    """No subqueries: a view's operators hold none."""
    return _Printer(name_of).text(expr)


def order_text(items: Iterable[OrderItem], name_of: NameOf) -> str:
    return _Printer(name_of).ordering(items)


def frame_text(frame: Frame, name_of: NameOf) -> str:
    return _Printer(name_of).frame(frame)


def below(text: Text, path: Path) -> Text:
    """A path below what a text stands for: ``items[0].sku``."""
    for part in path:
        base = text.within(_ATOM)
        text = Text(f"{base}[{part}]" if isinstance(part, int) else f"{base}.{identifier(part)}")
    return text


def identifier(name: str) -> str:
    """In double quotes where it could not be read otherwise."""
    word = name.upper()
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and word not in RESERVED and word not in WITHOUT_PARENTHESES:
        return name
    return '"' + name.replace('"', '""') + '"'


class _Printer:
    def __init__(self, name_of: NameOf) -> None:
        self.name_of = name_of

    def text(self, expr: Expr) -> Text:
        match expr:
            case Literal(value):
                return _literal(value)
            case Field("EVENT", ("now",)):
                return Text("CURRENT_TIMESTAMP")
            case Field():
                return self.name_of(expr)
            case Name(path):
                return below(Text(identifier(str(path[0]))), path[1:])
            case Variable(name):
                return Text(identifier(name))
            case Call():
                return self._call(expr)
            case Case(whens, default):
                parts = [f"WHEN {self.text(test).sql} THEN {self.text(value).sql}" for test, value in whens]
                parts += [f"ELSE {self.text(default).sql}"] if default is not None else []
                return Text(f"CASE {' '.join(parts)} END")
            case Aggregate():
                return self._aggregate(expr)
            case Window(function, partition_by, order_by, frame):
                inside = [f"PARTITION BY {self._list(partition_by)}"] if partition_by else []
                inside += [f"ORDER BY {self.ordering(order_by)}"] if order_by else []
                inside += [self.frame(frame)] if frame is not None else []
                nulls = " IGNORE NULLS" if expr.ignore_nulls else ""
                return Text(f"{self.text(function).sql}{nulls} OVER ({' '.join(inside)})")
            case Star(source):
                return Text(f"{identifier(source)}.*" if source is not None else "*")
            case Subquery():
                raise AssertionError(expr)
            case _:
                assert_never(expr)

    def ordering(self, items: Iterable[OrderItem]) -> str:
        return ", ".join(map(self._order_item, items))

    def frame(self, frame: Frame) -> str:
        excluded = f" EXCLUDE {frame.exclude}" if frame.exclude else ""
        return f"{frame.unit} BETWEEN {self._bound(*frame.start)} AND {self._bound(*frame.end)}{excluded}"

    def _bound(self, kind: str, offset: Expr | None, side: str) -> str:
        return f"{kind if offset is None else self.text(offset).sql} {side}".rstrip()

    def _order_item(self, item: OrderItem) -> str:
        words = [self.text(item.expr).sql, *(["DESC"] if item.descending else [])]
        if item.nulls_first != item.descending:
            words.append("NULLS FIRST" if item.nulls_first else "NULLS LAST")
        return " ".join(words)

    def _aggregate(self, node: Aggregate) -> Text:
        order = f" ORDER BY {self.ordering(node.order_by)}" if node.order_by else ""
        inside = ("DISTINCT " if node.distinct else "") + (self._list(node.args) or ("" if order else "*"))
        text = f"{node.name}({(inside + order).strip()})"
        if node.name in ("PERCENTILE_CONT", "PERCENTILE_DISC", "MODE"):
            text = f"{node.name}({inside}) WITHIN GROUP ({order.strip()})" if order else text
        if node.filter is not None:
            text += f" FILTER (WHERE {self.text(node.filter).sql})"
        return Text(text)

    def _list(self, exprs: Iterable[Expr]) -> str:
        return ", ".join(self.text(each).sql for each in exprs)

    # -- operators and functions -----------------------------------------------------------------------------------

    def _call(self, node: Call) -> Text:
        name, args = node.name, node.args
        if name in _BINARY:
            return self._binary(name, *args)
        if name in ("AND", "OR"):
            level = _AND if name == "AND" else _OR
            return Text(f" {name} ".join(self._operand(each, level + 1) for each in args), level)
        if name in _QUANTIFIED:
            return Text(f"{self._operand(args[0], _PATTERN)} {name}({self.text(args[1]).sql})", _COMPARISON)
        if name in _TESTS:
            return Text(f"{self._operand(args[0], _PATTERN)} {name}", _IS)
        match name:
            case "NOT":
                return self._not(args[0])
            case "NEG":
                return Text(f"-{self._operand(args[0], _ATOM)}", _SIGN)
            case "BETWEEN" | "IN":
                return self._ranged(name, args)
            case "[]":
                return Text(f"{self._operand(args[0], _ATOM)}[{self.text(args[1]).sql}]")
            case "ARRAY":
                return Text(f"ARRAY[{self._list(args)}]")
            case "EXTRACT":
                return self._extract(args)
            case _ if name.startswith("CAST "):
                return Text(f"CAST({self.text(args[0]).sql} AS {name.removeprefix('CAST ')})")
            case _ if not args and name in WITHOUT_PARENTHESES:
                return Text(name)
            case _:
                return Text(f"{name}({self._list(args)})")

    def _operand(self, expr: Expr, level: int) -> str:
        return self.text(expr).within(level)

    def _binary(self, name: str, left: Expr, right: Expr, *escape: Expr) -> Text:
        level = _BINARY[name]
        before = self._operand(left, level if level in _CHAINS else level + 1)
        text = f"{before} {name} {self._operand(right, level + 1)}"
        return Text(text + "".join(f" ESCAPE {self._operand(each, level + 1)}" for each in escape), level)

    def _not(self, inner: Expr) -> Text:
        match inner:
            case Call("IS DISTINCT FROM", (left, right)):
                return Text(f"{self._operand(left, _IS + 1)} IS NOT DISTINCT FROM {self._operand(right, _IS + 1)}", _IS)
            case Call(name, (operand,)) if name in _TESTS:
                return Text(f"{self._operand(operand, _PATTERN)} IS NOT {name.removeprefix('IS ')}", _IS)
            case Call("BETWEEN" | "IN" as name, args):
                return self._ranged(_NEGATED[name], args)
            case Call("LIKE" | "ILIKE" as name, (left, right)):
                text = f"{self._operand(left, _PATTERN + 1)} {_NEGATED[name]} {self._operand(right, _PATTERN + 1)}"
                return Text(text, _PATTERN)
            case _:
                return Text(f"NOT {self._operand(inner, _NOT)}", _NOT)

    def _ranged(self, name: str, args: tuple[Expr, ...]) -> Text:
        """[NOT] BETWEEN and IN."""
        value = self._operand(args[0], _PATTERN + 1)
        if name.endswith("IN"):
            return Text(f"{value} {name} ({self._list(args[1:])})", _PATTERN)
        low, high = (self._operand(each, _PATTERN + 1) for each in args[1:])
        return Text(f"{value} {name} {low} AND {high}", _PATTERN)

    def _extract(self, args: tuple[Expr, ...]) -> Text:
        unit = args[0].value if isinstance(args[0], Literal) else None
        return Text(f"EXTRACT({unit} FROM {self.text(args[1]).sql})")


# -- literals ---------------------------------------------------------------------------------------------------------


def _literal(value: object) -> Text:
    match value:
        case None:
            return Text("NULL")
        case bool():
            return Text(str(value).upper())
        case int():
            return Text(str(int(value)), _ATOM if value >= 0 else _SIGN)
        case float():
            return _double(value)
        case Decimal128():
            return Text(f"CAST('{value}' AS DECIMAL)")
        case str():
            return Text(_quoted(value))
        case datetime():
            digits = "milliseconds" if value.microsecond else "seconds"
            return Text(f"TIMESTAMP '{value.isoformat(sep=' ', timespec=digits)}'")
        case Interval():
            return Text(f"INTERVAL '{_interval(value)}'")
        case list():
            return Text(f"ARRAY[{', '.join(_literal(each).sql for each in value)}]")
        case _:
            return Text(f"CAST({_quoted(json_util.dumps(value))} AS JSON)")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(value: float) -> Text:
    if value != value or value in (float("inf"), float("-inf")):
        return Text(f"CAST('{str(value).replace('inf', 'Infinity').replace('nan', 'NaN')}' AS DOUBLE)")
    return Text(repr(value), _ATOM if repr(value)[0] != "-" else _SIGN)


def _interval(value: Interval) -> str:
    parts = [(value.months, "month"), (value.days, "day"), _time(value.milliseconds)]
    told = [f"{count} {unit}{'' if abs(count) == 1 else 's'}" for count, unit in parts if count]
    return " ".join(told) or "0 seconds"


def _time(milliseconds: int) -> tuple[int, str]:
    """In the largest unit that has no fraction."""
    units = ((3_600_000, "hour"), (60_000, "minute"), (1000, "second"))
    size, unit = next((each for each in units if milliseconds % each[0] == 0), (1, "millisecond"))
    return milliseconds // size, unit
