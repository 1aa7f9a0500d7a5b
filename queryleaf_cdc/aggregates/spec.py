"""What an aggregate is: how its values are kept while rows come and go, and what it is worth then.

A linear aggregate keeps a tally, of the same size however many rows there are. The others read the group's rows in an
order: ``ordered.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.syntax.expressions import Aggregate, Call, Expr
from queryleaf_cdc.values import Value


class Tally(Protocol):
    """What is kept of a group's values. A new one is zero; what went leaves no trace in it."""

    def add(self, values: Sequence[Value], weight: int) -> None:
        """Each value comes ``weight`` times, or goes where that is negative; only what came before can go. Values of
        other kinds than the aggregate counts are passed over."""

    def document(self) -> Value:
        """As BSON."""

    @classmethod
    def load(cls, document: Any) -> Self:
        """What ``document`` gave."""


def first_argument(node: Aggregate) -> Expr:
    return node.args[0]


def all_arguments(node: Aggregate) -> Expr:
    """As an array."""
    return Call("JSON_BUILD_ARRAY", node.args, node.span)


@frozen
class Linear:
    """``result`` is a function of the tally alone. Aggregates of one argument with the same tally share it."""

    name: str
    tally: type[Tally]
    result: Callable[[Any], Value]
    argument: Callable[[Aggregate], Expr] = first_argument
    """what the tally counts of a row"""
