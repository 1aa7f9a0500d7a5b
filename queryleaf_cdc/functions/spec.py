"""What one SQL function or operator is: a name, its arity and type, and its two faces."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.functions.mql import Const, Mql
from queryleaf_cdc.values import Type, Value


class WorkerSide(Exception):
    """The expression cannot run in the server; the text says why, and ``explain`` prints it.

    ``to_mongo`` raises it where only some arguments keep a function out of the server (a pattern that is no
    constant, say)."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


@frozen
class Arg:
    """A lowered argument: its server expression and what it may yield.

    The expression may be *missing* at run time (a bare field path); it counts as NULL, and every ``to_mongo``
    must treat it so."""

    mongo: Mql
    type: Type

    @property
    def is_const(self) -> bool:
        """Whether the value is known now (a ``Param`` is not: it is filled in later)."""
        return isinstance(self.mongo, Const)

    @property
    def const(self) -> Value:
        """The constant's value; only when ``is_const``."""
        assert isinstance(self.mongo, Const)
        return self.mongo.value

    def may(self, type_: Type) -> bool:
        return bool(self.type & type_)

    def only(self, type_: Type) -> bool:
        """Whether nothing but ``type_`` can come out (so no guard is needed)."""
        return self.type & ~type_ == Type(0)


@frozen
class FunctionSpec:
    """One registry entry.

    ``evaluate(*values)`` and the server's evaluation of ``to_mongo(*args)`` give equal BSON for all inputs, except
    that a missing result equals NULL. Both are total: they never raise and never make the server fail.
    ``truth`` is an optional shorter form for places where NULL counts as false. ``to_mongo`` is None for what only
    a worker can do; then ``because`` says why.

    Two overloads are decided from the syntax alone (``lowering/overloads.py``), so that both faces take the same:
    ``for_intervals`` where an argument is an interval by its static type, ``for_literals(args)`` where literals
    among the arguments call for a spec of their own (a text that reads as a timestamp).

    ``repeatable`` is false where equal arguments may give another value.

    ``check`` tells a user what is wrong with constant arguments (a pattern that is none); None if nothing is. At run
    time such arguments give NULL."""

    name: str
    min_args: int
    max_args: int | None
    type: Type | Callable[[tuple[Arg, ...]], Type]
    evaluate: Callable[..., Value]
    to_mongo: Callable[..., Mql] | None
    truth: Callable[..., Mql] | None = None
    because: str = ""
    for_intervals: FunctionSpec | None = None
    for_literals: Callable[[tuple[Arg, ...]], FunctionSpec | None] | None = None
    check: Callable[[tuple[Arg, ...]], str | None] | None = None
    repeatable: bool = True

    def result_type(self, args: tuple[Arg, ...]) -> Type:
        return self.type(args) if callable(self.type) else self.type
