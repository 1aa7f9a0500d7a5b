"""Procedures that CALL reaches: plain Python functions, called at least once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.values import Document, Value

Procedure = Callable[..., Any]


@frozen
class Change:
    """What a procedure is told about the change behind a call."""

    idempotency_key: str
    """the same for every attempt of one call, and for no other call"""
    operation: str
    """INSERT, UPDATE or DELETE"""
    collection: str
    key: Document
    timestamp: Value
    trigger: str
    attempt: int
    """from 1"""


def change_of(row: Document) -> Change:
    return Change(
        row["_id"],
        row["operation"],
        row["collection"],
        row["key"],
        row["timestamp"],
        row["trigger"],
        row["attempts"] + 1,
    )


def invoke(procedures: Mapping[str, Procedure], row: Document) -> None:
    """Calls the row's procedure. Raises what it raises, or RunError (QL610) when nobody registered it."""
    name = row["procedure"]
    function = procedures.get(name) or procedures.get(name.upper())
    if function is None:
        raise RunError("QL610", f"no procedure {name} is registered in this worker")
    function(*row["args"], change=change_of(row))
