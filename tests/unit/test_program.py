"""Which triggers of a program an event concerns."""

from __future__ import annotations

from typing import Any

import pytest

from queryleaf_cdc import compile_sql
from queryleaf_cdc.events import MissingImage
from queryleaf_cdc.lowering.shared_stream import SERVER_LIMIT
from queryleaf_cdc.plans.program import TriggerStatement
from queryleaf_cdc.runtime.program import CompiledProgram


def crowd(condition: str, event: str = "UPDATE") -> CompiledProgram:
    """More triggers than the server computes conditions for."""
    text = "\n".join(
        f"CREATE TRIGGER t{i:02} AFTER {event} ON src WHEN ({condition.format(i=i)})"
        " BEGIN INSERT INTO out (n) VALUES (1); END;"
        for i in range(SERVER_LIMIT + 4)
    )
    statements = compile_sql(text).statements
    return CompiledProgram([each for each in statements if isinstance(each, TriggerStatement)], {})


def change(kind: str, new: Any, old: Any = None) -> dict[str, Any]:
    where = {"ns": {"db": "shop", "coll": "src"}, "_id": {"_data": "00"}}
    return {"operationType": kind, "fullDocument": new, "fullDocumentBeforeChange": old, **where}


def names(program: CompiledProgram, event: dict[str, Any]) -> list[str]:
    return [each.name for each in program.triggers_for(event)]


def test_a_crowd_is_asked_by_its_conditions() -> None:
    program = crowd("NEW.kind = 'k{i}'")
    assert names(program, change("update", {"kind": "k3"})) == ["t03"]
    assert names(program, change("replace", {"kind": "k99"})) == []
    assert names(program, change("insert", {"kind": "k3"})) == []


def test_a_crowd_refuses_an_update_without_its_image() -> None:
    with pytest.raises(MissingImage) as refused:
        crowd("NEW.kind = 'k{i}'").triggers_for(change("update", None))
    assert len(refused.value.triggers) == SERVER_LIMIT + 4
    with pytest.raises(MissingImage):
        crowd("OLD.kind = 'k{i}'", "DELETE").triggers_for(change("delete", None))


def test_a_delete_has_no_image_after_it() -> None:
    program = crowd("TRIGGER_ACTION = 'DELETE' OR NEW.kind = 'k{i}'", "UPDATE OR DELETE")
    assert len(names(program, change("delete", None))) == SERVER_LIMIT + 4
