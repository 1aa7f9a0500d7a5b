"""What kind of server this is, what time it has, and which deployment it belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.write_concern import WriteConcern

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.faults import server_errors

_NAMESPACE_EXISTS = 48


def require_replica_set(client: MongoClient[dict[str, Any]]) -> str:
    """The name of the replica set (or "sharded"). Raises ServerError (QL503 unreachable, QL504 stand-alone)."""
    with server_errors("hello"):
        hello = client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        return "sharded"
    if "setName" not in hello:
        raise stand_alone()
    return str(hello["setName"])


def is_away(client: MongoClient[dict[str, Any]]) -> bool:
    """Whether the client knows of no server that takes writes. Nothing is asked, so nothing is waited for."""
    return not client.topology_description.has_writable_server()


def address(client: MongoClient[dict[str, Any]]) -> str:
    """host:port of the server that writes go to. Raises ServerError QL503."""
    with server_errors("find the server"):
        found = client.address
    return f"{found[0]}:{found[1]}" if found is not None else "several servers"


def stand_alone() -> ServerError:
    return ServerError(
        "QL504",
        "this server is not a replica set, so it has no change streams and no transactions",
        hint="start mongod with --replSet and run rs.initiate(), or use --embedded",
    )


def cluster_now(database: Database[dict[str, Any]]) -> Timestamp:
    """The latest operation time that the server knows of. Raises ServerError (QL504) when it has none."""
    time: Timestamp | None = database.command("ping").get("operationTime")
    if time is None:  # a server that has just become primary may not say it yet
        hello = database.command("hello")
        if "lastWrite" not in hello:
            raise stand_alone()
        time = hello["lastWrite"]["opTime"]["ts"]
    return time


IN_FLIGHT = timedelta(seconds=1)
"""A write gets its time a moment before it can be seen, and beside others a moment before its place in the stream: of
12,000 inserts of eight clients 12 had a time before that of the one before them, by a millisecond."""


def passed_at(database: Database[dict[str, Any]], position: Timestamp | None) -> datetime | None:
    """A time that no change after this position is before; None where the server (a mongos) does not tell.

    Where nothing is left to be read, the server's clock: an idle server writes nothing into its oplog for ten seconds,
    and the stream itself does not tell that time passes. Else, since others may write all the time, the position's,
    which a new primary's clock may be behind."""
    hello = database.client.admin.command("hello", codec_options=OPTIONS)
    last = hello.get("lastWrite", {}).get("opTime", {}).get("ts")
    if last is None or position is None:
        return None
    now: datetime = hello["localTime"]
    if position < last:
        now = min(now, position.as_datetime().replace(tzinfo=None))
    return now - IN_FLIGHT


def latest_time(database: Database[dict[str, Any]]) -> int:
    """Seconds since 1970: the server's clock, or the cluster's time if that is ahead. (It stands still for up to ten
    seconds where nothing is written.)"""
    clock: datetime = database.command("hello")["localTime"]
    return max(int(clock.replace(tzinfo=UTC).timestamp()), cluster_now(database).time)


def ensure_internal_collections(database: Database[dict[str, Any]]) -> None:
    """A transaction that creates collections conflicts with others; so they are there before the first one."""
    with server_errors("create the internal collections", f"readWrite on {database.name}"):
        there = set(database.list_collection_names(filter={"name": {"$regex": "^_queryleaf\\."}}))
        for name in names.ALL:
            if name not in there:
                try:
                    database.create_collection(name)
                except CollectionInvalid:
                    continue
                except OperationFailure as error:
                    if error.code != _NAMESPACE_EXISTS:
                        raise
        database[names.OUTBOX].create_index([("state", 1), ("place", 1), ("order", 1)])


def stream_identity(database: Database[dict[str, Any]]) -> dict[str, Any]:
    """Names this deployment and database. The checkpoint collection's UUID is the strong part: a dump that is
    restored elsewhere, or another database, has another one."""
    reply = database.command("listCollections", filter={"name": names.CHECKPOINT})
    found = reply["cursor"]["firstBatch"]
    return {"uuid": found[0]["info"].get("uuid") if found else None, "database": database.name}


def oldest_time(client: MongoClient[dict[str, Any]]) -> Timestamp:
    """Where the oplog begins. Raises ServerError (QL505) when this user may not read it."""
    with server_errors("read the beginning of the oplog", "read on the database local"):
        first = client.local["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    if first is None:
        raise ServerError("QL506", "the oplog is empty, or this is a sharded cluster: start = 'beginning' needs one")
    time: Timestamp = first["ts"]
    return time


def note_first_registration(database: Database[dict[str, Any]], now: Timestamp) -> None:
    """The first worker starts here, even when what was registered first has been dropped since."""
    database[names.SIGNAL].update_one({"_id": "first"}, {"$setOnInsert": {"registered_at": now}}, upsert=True)


def first_registration(database: Database[dict[str, Any]]) -> Timestamp | None:
    found = database[names.SIGNAL].find_one({"_id": "first"})
    return found["registered_at"] if found else None


def signal(database: Database[dict[str, Any]]) -> Timestamp:
    """Leaves a mark in the stream; its cluster time is later than that of everything committed before the call."""
    with server_errors("write a mark", f"readWrite on {database.name}"), database.client.start_session() as session:
        marks = database.get_collection(names.SIGNAL, write_concern=WriteConcern("majority"))
        marks.update_one({"_id": "drain"}, {"$inc": {"count": 1}}, upsert=True, session=session)
        time: Timestamp | None = session.operation_time
        return time if time is not None else cluster_now(database)  # as there: a new primary may not say it yet
