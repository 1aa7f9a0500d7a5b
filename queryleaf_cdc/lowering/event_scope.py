"""Where NEW, OLD and the change itself lie in a change event."""

from __future__ import annotations

from queryleaf_cdc.functions.mql import Array, Const, Mql, Ref, Switch, op
from queryleaf_cdc.functions.paths import read
from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.lowering.server_face import Reader, ServerScope
from queryleaf_cdc.syntax.expressions import Path

PREFIXES = {"NEW": "fullDocument", "OLD": "fullDocumentBeforeChange"}

OPERATION_TYPES = {"INSERT": ("insert",), "UPDATE": ("update", "replace"), "DELETE": ("delete",)}

_READERS: dict[str, Mql] = {
    "timestamp": Ref("$wallTime"),
    "id": Ref("$_id._data"),
    "key": Ref("$documentKey"),
    "row_id": Ref("$documentKey._id"),
    "collection": Ref("$ns.coll"),
    "database": Ref("$ns.db"),
    "action": Switch(
        (
            (op("$eq", Ref("$operationType"), Const("insert")), Const("INSERT")),
            (op("$eq", Ref("$operationType"), Const("delete")), Const("DELETE")),
        ),
        Const("UPDATE"),
    ),
    "now": Ref("$$NOW"),
}


def event_scope() -> ServerScope:
    """The scope of a trigger's expressions in the change stream."""
    sources: dict[str, str | Reader] = {
        "NEW": "$fullDocument",
        "OLD": "$fullDocumentBeforeChange",
        "EVENT": _read_event,
    }
    return ServerScope(sources, operation_test)


def _read_event(path: Path) -> Mql:
    name = str(path[0])
    if name == "depth":
        raise WorkerSide("the depth of a chain of triggers is known to the worker")
    if name == "changed_fields":
        raise WorkerSide("CHANGED_FIELDS compares the two images field by field")
    found = _READERS[name]
    if len(path) == 1:
        return found
    assert isinstance(found, Ref)
    return read(found.path, path[1:])


def operation_test(action: str) -> Mql:
    """Whether the event is an INSERT, UPDATE or DELETE."""
    types = OPERATION_TYPES.get(action, ())
    if len(types) == 1:
        return op("$eq", Ref("$operationType"), Const(types[0]))
    return op("$in", Ref("$operationType"), Array(tuple(Const(each) for each in types)))
