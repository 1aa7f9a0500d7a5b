"""The collections of one build of a view: its operators' state, and its rows until they take the target's place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import IndexModel, ReadPreference
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.read_concern import ReadConcern

from queryleaf_cdc.dataflow.state import StateChange
from queryleaf_cdc.dataflow.view import RowChange
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.faults import batch_faults
from queryleaf_cdc.mongo.write_buffer import DELETE, INSERT, UPDATE, Op
from queryleaf_cdc.values import Document, Value

_NAMESPACE_NOT_FOUND, _NAMESPACE_EXISTS = 26, 48
PARALLEL_ARRAYS = 171
"""code of a write that no index of several fields takes"""
_IDS_BYTES, _ID_OVERHEAD = 12 * 1024 * 1024, 16
"""of one find: the command must stay under 16 MB; beside each id stands its place in the list"""

Indexes = tuple[tuple[tuple[str, int], ...], ...]


def state_name(uid: str) -> str:
    return names.STATE + uid


def rows_name(uid: str) -> str:
    return names.ROWS + uid


class MongoStateStore:
    """Implements ``dataflow.state.StateStore``. Read outside of the batch's transaction: nobody but the holder of the
    lease writes here, and who is not the holder any more cannot commit what it computes from it."""

    def __init__(self, database: Database[dict[str, Any]], uid: str, is_empty: bool) -> None:
        self._documents = database.get_collection(
            state_name(uid), OPTIONS, read_preference=ReadPreference.PRIMARY, read_concern=ReadConcern("local")
        )
        self.is_empty = is_empty
        """known to hold nothing: a build that has only begun"""

    def load(self, ids: Sequence[bytes]) -> Mapping[bytes, Document]:
        if self.is_empty:
            return {}
        found: dict[bytes, Document] = {}
        step = _IDS_BYTES // (max(map(len, ids), default=0) + _ID_OVERHEAD)
        for start in range(0, len(ids), step):
            query = {"_id": {"$in": list(ids[start : start + step])}}
            with batch_faults(), self._documents.find(query, batch_size=step) as cursor:
                for document in cursor:
                    found[document.pop("_id")] = document
        return found


def state_ops(collection: str, changes: Iterable[StateChange]) -> list[Op]:
    """The changes as operations of a ``WriteBuffer``."""
    return _by_kind(collection, ((each.id, each.document, each.is_new) for each in changes))


def row_ops(collection: str, changes: Iterable[RowChange]) -> list[Op]:
    """The changes of the view's rows as operations of a ``WriteBuffer``."""
    return _by_kind(collection, ((each.id, each.after, each.before is None) for each in changes))


def _by_kind(collection: str, changes: Iterable[tuple[Value, Document | None, bool]]) -> list[Op]:
    """(id, document, whether it is new): each id is in them once, so they go by kind, in few commands."""
    inserts: list[Op] = []
    updates: list[Op] = []
    deletes: list[Op] = []
    for id, document, is_new in changes:
        if document is None:
            deletes.append((DELETE, collection, {"q": {"_id": id}, "limit": 1}, None))
        elif is_new:
            inserts.append((INSERT, collection, {"_id": id, **document}, None))
        else:
            updates.append((UPDATE, collection, {"q": {"_id": id}, "u": {"_id": id, **document}}, None))
    return deletes + updates + inserts


def create_collections(database: Database[dict[str, Any]], uid: str, indexes: Indexes) -> None:
    """Makes the build's collections, if they are not there."""
    with batch_faults():
        there = _options(database, {"$in": [state_name(uid), rows_name(uid)]})
        for name in (state_name(uid), rows_name(uid)):
            if name not in there:
                _create(database, name)
        if indexes:
            database[rows_name(uid)].create_indexes([IndexModel(list(each)) for each in indexes])


def create_state(database: Database[dict[str, Any]], collection: str) -> bool:
    """Makes a collection of state, if it is not there. True when it holds nothing."""
    with batch_faults():
        if collection not in _options(database, collection):
            _create(database, collection)
        return database[collection].find_one({}, {"_id": 1}) is None


def drop_indexes_of_several_fields(database: Database[dict[str, Any]], collection: str) -> None:
    """MongoDB refuses a document with arrays in two fields of one index: then the row matters more than the index."""
    with batch_faults():
        for name, index in database[collection].index_information().items():
            if len(index["key"]) > 1:
                database[collection].drop_index(name)


def swap(database: Database[dict[str, Any]], uid: str, target: str) -> None:
    """The build's rows take the target's place, at once for all readers. May be called again.

    Whoever watches the target with images of its documents, keeps them."""
    options = _options(database, target).get(target, {})
    images = options.get("changeStreamPreAndPostImages")
    if "viewOn" in options:  # it showed the rows under this name, and no collection can be renamed over it
        drop_collections(database, [target])
    try:
        if images:
            database.command("collMod", rows_name(uid), changeStreamPreAndPostImages=images)
        database.client.admin.command(
            "renameCollection", f"{database.name}.{rows_name(uid)}", to=f"{database.name}.{target}", dropTarget=True
        )
    except OperationFailure as error:
        if error.code != _NAMESPACE_NOT_FOUND:
            with batch_faults():
                raise


def drop_collections(database: Database[dict[str, Any]], collections: Iterable[str]) -> None:
    with batch_faults():
        for name in collections:
            database.drop_collection(name)


def collections_of_builds(database: Database[dict[str, Any]]) -> set[str]:
    """Names of all collections that builds of views have or had."""
    with batch_faults():
        pattern = {"$regex": r"^_queryleaf\.(state|rows)\."}
        return set(database.list_collection_names(filter={"name": pattern}))


def show_under_name(database: Database[dict[str, Any]], name: str, target: str) -> None:
    """A view whose rows have another name is readable under its own, too."""
    if name == target:
        return
    with batch_faults():
        if name not in _options(database, name):
            database.create_collection(name, viewOn=target, pipeline=[])


def _create(database: Database[dict[str, Any]], name: str) -> None:
    try:
        database.create_collection(name)
    except CollectionInvalid:
        return
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


def _options(database: Database[dict[str, Any]], name: Any) -> dict[str, Document]:
    found = database.command("listCollections", filter={"name": name})["cursor"]["firstBatch"]
    return {each["name"]: each.get("options", {}) for each in found}
