"""Expressions and documents on which the two faces once differed, or one of them failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal

_NOWHERE = Span(0, 0)


def call(name: str, *args: Expr) -> Call:
    return Call(name, args, _NOWHERE)


def field(*path: str | int) -> Field:
    return Field("NEW", path, _NOWHERE)


def literal(value: Any) -> Literal:
    return Literal(value, _NOWHERE)


REGRESSIONS: tuple[tuple[Expr, dict[str, Any]], ...] = (
    # The server's own reader takes year 0.
    (call("CAST TIMESTAMP", field("a")), {"a": "0000-01-01"}),
    *[
        (call("CAST TIME", field("a")), {"a": text})
        for text in ("10:00", " 10:00:00.5 ", "10:00\n", "10:00:00.1239", "25:00", "10:60", "10:00:60", "10:00+02")
    ],
    # The sign of a NaN.
    (call("%", field("a"), field("a")), {"a": float("inf")}),
    # An interval is a document.
    (call("JSON_OBJECT_KEYS", call("-", field("a"), field("a"))), {"a": datetime(2025, 9, 5)}),
    # $arrayToObject with one pair.
    (call("JSON_BUILD_OBJECT", literal("$x"), field("a")), {"a": 1}),
)
