"""Pieces of the views' runtime, without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import Binary, MinKey, ObjectId
from bson.timestamp import Timestamp

from queryleaf_cdc import compile_sql
from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.state import StateChange
from queryleaf_cdc.dataflow.view import RowChange
from queryleaf_cdc.mongo.active import BEYOND, ActiveEntry, Build, Copied
from queryleaf_cdc.mongo.catalog import CatalogEntry, ViewFacts
from queryleaf_cdc.mongo.snapshot import Piece
from queryleaf_cdc.mongo.view_state import row_ops, state_ops
from queryleaf_cdc.mongo.write_buffer import DELETE, INSERT, UPDATE
from queryleaf_cdc.plans.program import ViewStatement
from queryleaf_cdc.runtime.feeds import ImageLacking, SnapshotScan, Watermarks
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.program import CompiledProgram
from queryleaf_cdc.runtime.view_states import after_change, copied_on, failed, rebuilt, swapped, troubled

NOW = datetime(2026, 11, 23)
LIMITS = Limits()
UUID = Binary(b"0123456789abcdef", 4)
SQL = "CREATE MATERIALIZED VIEW t AS SELECT c, COUNT(*) AS n, SUM(v) AS s FROM orders WHERE v > 0 GROUP BY c"


def entry(**changes: Any) -> CatalogEntry:
    facts = ViewFacts("t", ("orders",), ("c", "n", "s"), **changes)
    return CatalogEntry("t", SQL, kind="materialized_view", view=facts)


def running() -> ActiveEntry:
    return swapped(after_change(None, entry()), Timestamp(10, 1), UUID)


def live(known: ActiveEntry) -> str:
    assert known.live is not None
    return known.live.uid


def building(known: ActiveEntry) -> str:
    assert known.build is not None
    return known.build.version.uid


class TestStates:
    def test_created_then_running(self) -> None:
        first = after_change(None, entry())
        assert (first.state, first.followed) == ("backfilling", False)
        known = swapped(first, Timestamp(10, 1), UUID)
        assert (known.state, known.followed, known.build) == ("running", True, None)
        assert live(known) == building(first)

    def test_what_did_not_change_is_left_alone(self) -> None:
        known = running()
        assert after_change(known, entry()).build is None

    def test_refreshed_beside_the_old_version(self) -> None:
        known = after_change(running(), entry(refreshes=1))
        assert (known.state, known.followed) == ("rebuilding", True)
        assert live(known) != building(known)

    def test_paused_and_resumed(self) -> None:
        known = after_change(running(), replace(entry(), state="paused"))
        assert (known.state, known.followed, known.build) == ("paused", False, None)
        assert after_change(known, entry()).state == "rebuilding"

    def test_trouble_comes_back_until_it_is_given_up(self) -> None:
        known = running()
        known = troubled(known, live(known), "why", NOW, LIMITS)
        assert (known.state, known.followed, known.reason) == ("rebuilding", False, "why")
        states = []
        for _ in range(LIMITS.view_attempts):
            known = troubled(known, building(known), "again", NOW, LIMITS) if known.build else known
            states.append(known.state)
        assert states == ["rebuilding"] * (LIMITS.view_attempts - 1) + ["failed"]
        assert "again" in (known.reason or "")

    def test_trouble_of_long_ago_is_forgotten(self) -> None:
        known, now = running(), NOW
        for _ in range(20):
            known = swapped(troubled(known, live(known), "why", now, LIMITS), Timestamp(11, 1), UUID)
            now += timedelta(seconds=LIMITS.view_calm_seconds + 1)
        assert known.state == "running"

    def test_stopped_where_the_user_wants_it(self) -> None:
        known = swapped(after_change(None, entry(on_error="stop")), Timestamp(10, 1), UUID)
        known = troubled(known, live(known), "why", NOW, LIMITS)
        assert (known.state, known.reason, known.build) == ("stopped", "why", None)

    def test_a_replacement_that_fails_leaves_the_old_version_at_work(self) -> None:
        known = rebuilt(running(), None)
        known = failed(known, building(known), "no")
        assert (known.state, known.followed) == ("failed", True)

    def test_trouble_of_the_old_version_leaves_its_replacement_alone(self) -> None:
        known = rebuilt(running(), None)
        after = troubled(known, live(known), "why", NOW, LIMITS)
        assert after.build == known.build
        assert not after.followed

    def test_documents_give_entries_back(self) -> None:
        build = Build.new(SQL, "t", NOW)
        build = copied_on(build, 0, (encode_value(5), Timestamp(7, 1)), (5,), 5, None)
        known = replace(running(), build=build, attempts=2, troubled_at=NOW)
        found = ActiveEntry.of(known.document())
        changed = replace(found, entry=known.entry)  # its time of change is not read back
        assert changed == known


class TestCopying:
    def test_chunks_behind_the_lane_become_one(self) -> None:
        build = Build.new(SQL, "t")
        for key, time in ((1, 10), (2, 20), (3, 30), (4, 40)):
            build = copied_on(build, 0, (encode_value(key), Timestamp(time, 1)), (key,), 1, Timestamp(25, 1))
        ends = [encode_value(key) for key in (2, 3, 4)]
        assert [to for to, _ in build.copied[0].chunks] == ends
        assert not build.copied[0].done
        done = copied_on(build, 0, (BEYOND, Timestamp(50, 1)), (), 1, None)
        assert done.copied[0].done
        assert done.rows == 5

    def test_changes_count_from_the_time_of_their_chunk_on(self) -> None:
        chunks = ((encode_value(10), Timestamp(5, 0)), (encode_value("m"), Timestamp(8, 0)))
        marks = Watermarks(Copied(chunks, ("m",)))

        def event(key: Any, time: int) -> dict[str, Any]:
            return {"documentKey": {"_id": key}, "clusterTime": Timestamp(time, 0)}

        assert [marks(event(3, time)) for time in (4, 5, 6)] == [False, False, True]
        assert [marks(event(11, time)) for time in (6, 8, 9)] == [False, False, True]
        assert not marks.has_passed_over
        assert not marks(event("z", 9))
        assert marks.has_passed_over
        assert [marks.concerns(Timestamp(time, 0)) for time in (5, 6, 9)] == [False, True, True]

    def test_a_piece_compares_across_types_only_where_it_must(self) -> None:
        same = Piece("orders", (1,), (2.5,), 10).stages()
        assert same == [{"$match": {"_id": {"$gt": 1, "$lte": 2.5}}}]
        apart: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = [((1,), ("a",)), ((), (1,)), ((1,), ())]
        apart += [((MinKey(),), (ObjectId(),)), ((float("nan"),), (1,))]
        for after, to in apart:
            [stage] = Piece("orders", after, to, 10).stages()
            assert "$expr" in stage["$match"]
        assert Piece("orders", (), (), 10).stages() == []

    def test_rows_of_plain_fields_are_not_computed(self) -> None:
        scan = SnapshotScan(_view(SQL).plan.sources[0], {})
        assert scan.pipeline[-1] == {"$project": {"_id": 0, "c": 1, "v": 1}}
        assert scan.rows([{"c": 1, "v": 2}, {"v": 3}]) == [((1, 2), 1), ((None, 3), 1)]


class TestFeeds:
    def event(self, operation: str, before: Any, after: Any) -> dict[str, Any]:
        images = {"fullDocument": after, "fullDocumentBeforeChange": before}
        return {"operationType": operation, "ns": {"coll": "orders"}, "documentKey": {"_id": 1}, **images}

    def program(self, count: int) -> CompiledProgram:
        views = {f"uid{n}": _view(SQL).plan for n in range(count)}
        return CompiledProgram([], {}, views, ["t"])

    def test_what_the_server_made(self) -> None:
        [view] = self.program(1).views.values()
        [feed] = view.feeds.values()
        feed.collect([{"_ql": {"old": [1, 5], "new": [2, 5]}}, {"_ql": {"new": [3, 1]}}, {"_ql": {}}])
        assert feed.rows == [((1, 5), -1), ((2, 5), 1), ((3, 1), 1)]
        with pytest.raises(ImageLacking):
            feed.collect([{"_ql": {"old": False}}])

    def test_what_the_worker_makes_of_images_in_a_crowd(self) -> None:
        view = self.program(20).views["uid7"]
        [feed] = view.feeds.values()
        feed.collect(
            [
                self.event("insert", None, {"c": 1, "v": 5}),
                self.event("insert", None, {"c": 1, "v": 0}),
                self.event("update", {"c": 1, "v": 5}, {"c": 2, "v": 6}),
                self.event("delete", {"c": 2, "v": 6}, None),
            ]
        )
        assert feed.rows == [((1, 5), 1), ((1, 5), -1), ((2, 6), 1), ((2, 6), -1)]
        with pytest.raises(ImageLacking):
            feed.collect([self.event("update", None, {"c": 1, "v": 5})])

    def test_scans_of_other_views_are_not_in_the_stream(self) -> None:
        program = CompiledProgram([], {}, {"uid": _view(SQL).plan}, ["orders"])
        assert program.views["uid"].feeds == {}
        assert list(program.views["uid"].scans_of_views()) == [0]


def test_writes_of_rows_and_state_go_by_kind() -> None:
    rows = [RowChange(1, None, {"n": 1}), RowChange(2, {"n": 1}, {"n": 2}), RowChange(3, {"n": 1}, None)]
    assert [(verb, document) for verb, _, document, _ in row_ops("t", rows)] == [
        (DELETE, {"q": {"_id": 3}, "limit": 1}),
        (UPDATE, {"q": {"_id": 2}, "u": {"_id": 2, "n": 2}}),
        (INSERT, {"_id": 1, "n": 1}),
    ]
    changes = [StateChange(b"a", {"n": 1}, True), StateChange(b"b", {"n": 2}, False), StateChange(b"c", None, False)]
    assert [verb for verb, _, _, _ in state_ops("s", changes)] == [DELETE, UPDATE, INSERT]


def _view(sql: str) -> ViewStatement:
    [statement] = compile_sql(sql).statements
    assert isinstance(statement, ViewStatement)
    return statement
