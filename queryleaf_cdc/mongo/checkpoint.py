"""How far the work has come, and whose turn it is: one document per database.

``seq`` counts the commits. Every commit filters on the previous value inside its own transaction, so a second worker,
or a first one that comes back from the dead, cannot commit: its update matches nothing, or conflicts. The lease only
keeps two workers from wasting work; it is not what makes effects happen once."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

from bson.binary import Binary
from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo import names
from queryleaf_cdc.mongo.decoding import OPTIONS
from queryleaf_cdc.mongo.deployment import cluster_now, stream_identity
from queryleaf_cdc.mongo.faults import Fenced, batch_faults
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.mongo.worker_identity import WorkerIdentity, surely_dead

_ID = "stream"
FORMAT = 1
_MAJORITY = WriteConcern("majority", j=True)


@frozen
class Checkpoint:
    """What a worker finds when it takes over."""

    position: Position | None
    provenance: list[dict[str, Any]]
    counters: dict[str, dict[str, int]]
    view_time: datetime | None = None


class CheckpointStore:
    """The checkpoint of one database, as one worker sees it."""

    def __init__(
        self, database: Database[dict[str, Any]], worker: WorkerIdentity, session_id: Binary, lease_seconds: float
    ) -> None:
        self._database = database
        self._documents = database.get_collection(names.CHECKPOINT, OPTIONS, write_concern=_MAJORITY)
        self._worker = worker
        self._session_id = session_id
        self._lease_seconds = lease_seconds
        self._seq = -1

    def acquire(self) -> Checkpoint | None:
        """Takes the lease, or returns None while another worker holds it. Ends what a dead holder left open."""
        mine = {"worker": self._worker.document(), "session": self._session_id, "released": False}
        mine["lease_seconds"] = self._lease_seconds
        with batch_faults():
            found = self._read_with_age()
            if found is None:
                return self._create(mine)
            if not self._may_take(found):
                return None
            if not found["released"] and found["session"] != self._session_id:
                self._end_session_of(found)  # after a clean stop the driver's pool has given it to somebody else
            taken = self._documents.update_one(
                {"_id": _ID, "seq": found["seq"]},
                {"$set": {**mine, "seq": found["seq"] + 1}, "$currentDate": {"renewed": True}},
            )
        if taken.matched_count == 0:
            return None
        self._seq = found["seq"] + 1
        with batch_faults():
            self._refuse_foreign(found)
        stored = found.get("position")
        counters = {each["name"]: each for each in found.get("counters", ())}
        position = Position.of(stored) if stored else None
        return Checkpoint(position, found.get("provenance", []), counters, found.get("view_time"))

    def save(self, fields: dict[str, Any], session: ClientSession | None = None) -> None:
        """Compare-and-set: writes ``fields`` and renews the lease. Inside a transaction, or by itself as a heartbeat.

        Raises Fenced when this worker is no longer the one. ``saved`` must follow once it is committed."""
        with batch_faults():
            result = self._documents.update_one(
                {"_id": _ID, "seq": self._seq},
                {"$set": {**fields, "seq": self._seq + 1}, "$currentDate": {"renewed": True}},
                session=session,
            )
        if result.matched_count == 0:
            raise Fenced("another worker has taken over, or this batch was committed before")

    def saved(self) -> None:
        self._seq += 1

    def renew(self) -> None:
        """Only the lease: ``seq`` stays, so what is being computed can still be committed."""
        with batch_faults():
            self._documents.update_one({"_id": _ID, "seq": self._seq}, {"$currentDate": {"renewed": True}})

    def refuse_fenced(self) -> None:
        """Raises Fenced when this worker is no longer the one; for when nothing is to be saved yet."""
        with batch_faults():
            if self._documents.find_one({"_id": _ID, "seq": self._seq}, {"_id": 1}) is None:
                raise Fenced("another worker has taken over")

    def release(self) -> None:
        """A clean stop: a successor need not wait. Never fails."""
        with contextlib.suppress(PyMongoError):
            self._documents.update_one({"_id": _ID, "seq": self._seq}, {"$set": {"released": True}})

    def refuse_future(self, position: Position) -> None:
        """Raises ServerError (QL507): a stream from the future opens fine, and drops everything until then."""
        now = cluster_now(self._database)
        time = position.time
        if time is not None and time > now:
            raise ServerError(
                "QL507",
                f"the checkpoint is ahead of the server's clock: {_shown(time)} > {_shown(now)}",
                hint="was the data restored from an older backup? to give up this position: "
                f'db.getSiblingDB("{self._database.name}").getCollection("{names.CHECKPOINT}").drop()',
            )

    def _create(self, mine: dict[str, Any]) -> Checkpoint | None:
        identity = {"format": FORMAT, "identity": stream_identity(self._database)}
        try:
            self._documents.insert_one({"_id": _ID, "seq": 0, **identity, **mine})
            self._documents.update_one({"_id": _ID, "seq": 0}, {"$currentDate": {"renewed": True}})
        except DuplicateKeyError:
            return None
        self._seq = 0
        return Checkpoint(None, [], {})

    def _read_with_age(self) -> dict[str, Any] | None:
        age = {"$subtract": ["$$NOW", {"$ifNull": ["$renewed", datetime(1970, 1, 1)]}]}
        with self._documents.aggregate([{"$match": {"_id": _ID}}, {"$addFields": {"age_ms": age}}]) as cursor:
            return next(iter(cursor), None)

    def _may_take(self, found: dict[str, Any]) -> bool:
        holder = found["worker"]
        if found["released"] or holder["instance"] == self._worker.instance or surely_dead(holder):
            return True
        return bool(found["age_ms"] > found["lease_seconds"] * 1000)

    def _end_session_of(self, found: dict[str, Any]) -> None:
        """A killed worker's open transaction would keep its locks for up to a minute."""
        with contextlib.suppress(PyMongoError):
            self._database.client.admin.command("killSessions", [{"id": found["session"]}])

    def _refuse_foreign(self, found: dict[str, Any]) -> None:
        if found.get("format") != FORMAT:
            raise ServerError("QL508", f"the checkpoint has format {found.get('format')}, this version knows {FORMAT}")
        expected, here = found.get("identity"), stream_identity(self._database)
        if expected != here:
            raise ServerError(
                "QL508",
                f"the checkpoint belongs to another deployment or database ({expected and expected['database']})",
                hint="its position means nothing here; to give it up: "
                f'db.getSiblingDB("{self._database.name}").getCollection("{names.CHECKPOINT}").drop()',
            )


def read_checkpoint(database: Database[dict[str, Any]]) -> dict[str, Any] | None:
    """The stored document plus ``age_ms`` since its last renewal; None before the first worker."""
    documents = database.get_collection(names.CHECKPOINT, OPTIONS)
    age = {"$subtract": ["$$NOW", "$renewed"]}
    with documents.aggregate([{"$match": {"_id": _ID}}, {"$addFields": {"age_ms": age}}]) as cursor:
        return next(iter(cursor), None)


def _shown(time: Timestamp) -> str:
    moment: datetime = time.as_datetime()
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
