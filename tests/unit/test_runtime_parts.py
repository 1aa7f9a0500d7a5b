"""The parts of the runtime that need no server."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.timestamp import Timestamp
from pymongo.errors import AutoReconnect, OperationFailure

from queryleaf_cdc.mongo.change_source import stream_pipeline
from queryleaf_cdc.mongo.faults import BatchTooLarge, Conflict, Todo, operation_fault, stream_todo
from queryleaf_cdc.mongo.large_events import TOO_LARGE_CODE, isolate_large_event
from queryleaf_cdc.mongo.positions import Position, token_time
from queryleaf_cdc.mongo.write_buffer import collections_read
from queryleaf_cdc.runtime.batch_size import BatchSize
from queryleaf_cdc.runtime.limits import Limits, backoff
from queryleaf_cdc.runtime.provenance import Provenance, Written


def _event(token: str, **more: Any) -> dict[str, Any]:
    return {"_id": {"_data": token}, "operationType": "update", "ns": {"db": "shop", "coll": "orders"}, **more}


def test_a_token_names_its_cluster_time() -> None:
    assert token_time({"_data": "82" + "65000000" + "0000000A" + "2B"}) == Timestamp(0x65000000, 10)


@pytest.mark.parametrize("data", ["", "82zz", "83" + "0" * 30, None, 7])
def test_a_token_of_another_form_names_none(data: Any) -> None:
    assert token_time({"_data": data}) is None


def test_a_position_survives_storage() -> None:
    for position in (Position(), Position({"_data": "82AB"}), Position(None, Timestamp(5, 1), "82CD")):
        assert Position.of(position.document()) == position


@pytest.mark.parametrize(
    ("code", "todo"),
    [
        (43, Todo.RESUME),
        (136, Todo.RESUME),
        (286, Todo.POSITION_LOST),
        (280, Todo.BAD_POSITION),
        (10334, Todo.TOO_LARGE),
        (40573, Todo.STAND_ALONE),
        (13, Todo.UNAUTHORIZED),
        (40324, Todo.REJECTED),
    ],
)
def test_what_a_stream_failure_asks_for(code: int, todo: Todo) -> None:
    assert stream_todo(OperationFailure("failed", code)) is todo


def test_a_label_and_a_lost_connection_mean_to_resume() -> None:
    labelled = OperationFailure("failed", 99999, {"errorLabels": ["ResumableChangeStreamError"]})
    assert stream_todo(labelled) is Todo.RESUME
    assert stream_todo(AutoReconnect("gone")) is Todo.RESUME


def test_what_an_aborted_transaction_asks_for() -> None:
    transient = {"errorLabels": ["TransientTransactionError"]}
    assert isinstance(operation_fault(OperationFailure("conflict", 112, transient)), Conflict)
    assert isinstance(operation_fault(OperationFailure("cache", 388, transient)), BatchTooLarge)


def test_every_match_lets_the_catalog_pass() -> None:
    opened = stream_pipeline([{"$match": {"a": 1}}, {"$unset": "b"}, {"$match": {"c": 1}}])
    matches = [stage["$match"] for stage in opened if "$match" in stage]
    assert all("_queryleaf.catalog" in str(match["$or"][1]) for match in matches)
    assert [match["$or"][0] for match in matches] == [{"a": 1}, {"c": 1}]


def test_collections_that_a_pipeline_reads_at_any_depth() -> None:
    inner = [{"$unionWith": {"coll": "c", "pipeline": [{"$unionWith": "d"}]}}]
    assert collections_read([{"$lookup": {"from": "b", "pipeline": inner, "as": "x"}}]) == {"b", "c", "d"}


@pytest.mark.parametrize("large", range(7))
def test_bisection_finds_the_large_event(large: int) -> None:
    """A stream of seven changes of which only one concerns the pipeline, and that one is too large."""
    events = [_event(f"82{n}") for n in range(7)]

    def probe(stages: list[dict[str, Any]], in_full: bool, count: int) -> Any:
        yield from ()
        if not in_full:
            return events[:count]
        limit = stages[0]["$match"]["_id._data"]["$lte"] if stages else "83"
        return None if f"82{large}" <= limit else []

    with pytest.raises(StopIteration) as end:
        next(isolate_large_event(probe))
    [found] = end.value.value
    assert (found["_id"], found["poison"]["code"]) == ({"_data": f"82{large}"}, TOO_LARGE_CODE)


def _written(number: int, at: Timestamp | None) -> Written:
    return Written(b"0123456789abcdef", number, 2, {"orders": ["a", "b"]}, at)


def test_events_of_our_own_transactions_are_one_deeper() -> None:
    provenance = Provenance.restored([_written(7, None).document()], Timestamp(50, 1))
    lsid = {"id": Binary(b"0123456789abcdef", 4)}
    ours, other = _event("82", lsid=lsid, txnNumber=7), _event("82", lsid=lsid, txnNumber=8)
    assert (provenance.depth(ours), provenance.chain(ours)) == (3, ["a", "b"])
    assert (provenance.depth(other), provenance.chain(other)) == (0, [])
    assert provenance.depth(_event("82")) == 0


def test_what_lies_behind_the_position_is_forgotten() -> None:
    provenance = Provenance()
    provenance.add(_written(1, Timestamp(10, 1)))
    provenance.add(_written(2, Timestamp(20, 1)))
    provenance.add(_written(3, None))
    provenance.prune(Timestamp(20, 1))
    assert [each["number"] for each in provenance.document()] == [2, 3]


def test_pauses_grow_to_a_bound_and_vary() -> None:
    assert [backoff(n, 1.0, 8.0, lambda: 1.0) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 8]
    assert backoff(3, 1.0, 8.0, lambda: 0.0) == 2
    assert backoff(10_000, 1.0, 8.0, lambda: 1.0) == 8


def _settled(seconds_of: Any, target: float = 1.0) -> int:
    size = BatchSize(500, 5000)
    for _ in range(30):
        events = size.most
        size.took(events, seconds_of(events) / target)
    return size.most


def test_transactions_grow_while_they_are_quick_and_shrink_where_they_are_slow() -> None:
    assert _settled(lambda events: 0.00001 * events) == 5000
    assert 50 <= _settled(lambda events: 0.01 * events) <= 100
    assert _settled(lambda events: 5.0 * events) == 1


def test_what_does_not_fit_is_halved_and_grows_again_slowly() -> None:
    size = BatchSize(500, 5000)
    size.too_large(400)
    assert size.most == 200
    size.took(200, 0.01)
    assert size.most == 221


def test_views_are_computed_well_within_the_lease() -> None:
    assert Limits().max_computing_seconds * 2 < Limits().lease_seconds
