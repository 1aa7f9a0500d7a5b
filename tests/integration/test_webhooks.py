"""Webhook sinks against real receivers on loopback that fail in every way, and a worker that is killed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from pymongo.database import Database
from receivers import Receiver, in_turn, receiver, status

from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.runtime.limits import Limits
from queryleaf_cdc.runtime.worker import Worker

Db = Database[dict[str, Any]]
Handler = BaseHTTPRequestHandler
QUICK = {"retry_seconds": 0.01, "heartbeat_seconds": 0.2, "call_retry_seconds": 0.02, "max_call_retry_seconds": 0.1}


class QuickLeaf(QueryLeaf):
    """With short pauses."""

    def _make_worker(self) -> Worker:
        return Worker(self.client, self.database.name, self._build, self._procedures, limits=Limits(**QUICK))  # type: ignore[arg-type]


@pytest.fixture
def ql(db: Db) -> Iterator[QueryLeaf]:
    each = QuickLeaf(client=db.client, database=db.name)
    yield each
    each.close()


def create(ql: QueryLeaf, url: str, options: str = "", name: str = "hook", verb: str = "CREATE") -> None:
    """A sink of all of orders, which may go to loopback."""
    ql.execute(
        f"{verb} SINK {name} WITH (allow_private = TRUE{options}) AS "
        f"SELECT _id, total FROM orders WHERE CHANGE_DETECTED() INTO WEBHOOK '{url}'"
    )


def deliver(ql: QueryLeaf, db: Db, answer: Callable[[int, Handler], None], options: str = "") -> Receiver:
    """One change, until its row is delivered or given up."""
    with receiver(answer) as found:
        create(ql, found.url, options)
        with ql:
            db.orders.insert_one({"_id": 1, "total": 5})
            ql.drain(20)
    return found


def letters(db: Db) -> list[str]:
    return [f"{each['code']} {each['error']}" for each in db["_queryleaf.dead_letters"].find()]


class TestRequest:
    def test_the_row_arrives_with_its_change(self, ql: QueryLeaf, db: Db) -> None:
        (received,) = deliver(ql, db, status(200)).received
        message = received.message
        change = {key: message["change"][key] for key in ("operation", "collection", "key")}
        assert (message["sink"], message["row"]) == ("hook", {"_id": 1, "total": 5})
        assert change == {"operation": "INSERT", "collection": "orders", "key": {"_id": 1}}

    def test_values_of_mongodb_are_extended_json(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(status(204)) as found:
            create(ql, found.url)
            with ql:
                key = db.orders.insert_one({"total": 5}).inserted_id
                ql.drain()
        assert found.rows() == [{"_id": {"$oid": str(key)}, "total": 5}]

    def test_the_key_of_the_header_is_that_of_the_message(self, ql: QueryLeaf, db: Db) -> None:
        (received,) = deliver(ql, db, status(200)).received
        assert received.headers["Idempotency-Key"] == received.message["id"]

    def test_the_query_of_the_url_is_sent(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(status(200)) as found:
            create(ql, found.url + "?source=shop")
            with ql:
                db.orders.insert_one({"_id": 1})
                ql.drain()
        assert [each.path for each in found.received] == ["/hook?source=shop"]

    def test_without_a_secret_nothing_is_signed(self, ql: QueryLeaf, db: Db) -> None:
        (received,) = deliver(ql, db, status(200)).received
        assert "QueryLeaf-Signature" not in received.headers


class TestSecret:
    SIGNED = ", secret = ENV 'HOOK_SECRET'"

    def test_the_receiver_can_check_the_signature(self, ql: QueryLeaf, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOOK_SECRET", "hush")
        (received,) = deliver(ql, db, status(200), self.SIGNED).received
        time_, digits = (part.partition("=")[2] for part in received.headers["QueryLeaf-Signature"].split(","))
        expected = hmac.new(b"hush", time_.encode() + b"." + received.body, hashlib.sha256).hexdigest()
        assert (digits, abs(time.time() - int(time_)) < 60) == (expected, True)

    def test_the_secret_is_stored_nowhere(self, ql: QueryLeaf, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOOK_SECRET", "a-secret-of-its-own")
        deliver(ql, db, status(400), self.SIGNED)
        stored = [str(each) for name in db.list_collection_names() for each in db[name].find()]
        assert any("HOOK_SECRET" in each for each in stored)
        assert not any("a-secret-of-its-own" in each for each in stored)

    def test_a_wrong_name_sends_nothing(self, ql: QueryLeaf, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HOOK_SECRET", raising=False)
        found = deliver(ql, db, status(200), self.SIGNED + ", max_retries = 1")
        assert found.received == []
        assert letters(db) == ["QL623 the secret is not here: the worker has no environment variable HOOK_SECRET"]


class TestAnswers:
    def test_an_error_of_the_receiver_is_tried_again_with_the_same_key(self, ql: QueryLeaf, db: Db) -> None:
        found = deliver(ql, db, in_turn(status(500), status(503), status(200)))
        assert len(found.received) == 3
        assert len({each.headers["Idempotency-Key"] for each in found.received}) == 1

    @pytest.mark.parametrize("code", [408, 429])
    def test_a_receiver_without_time_is_asked_again(self, ql: QueryLeaf, db: Db, code: int) -> None:
        found = deliver(ql, db, in_turn(status(code), status(200)))
        assert (len(found.received), letters(db)) == (2, [])

    def test_it_is_left_alone_for_as_long_as_it_asks(self, ql: QueryLeaf, db: Db) -> None:
        came: list[float] = []

        def answer(number: int, handler: Handler) -> None:
            came.append(time.monotonic())
            (status(503, Retry_After="1") if number == 1 else status(200))(number, handler)

        deliver(ql, db, answer)
        assert len(came) == 2
        assert 1.0 <= came[1] - came[0] < 4.0

    def test_another_url_does_not_wait_for_what_the_old_one_asked(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(status(503, Retry_After="600")) as old, receiver(status(200)) as new:
            create(ql, old.url)
            with ql:
                db.orders.insert_one({"_id": 1, "total": 5})
                wait_for(lambda: len(old.received) == 1)
                create(ql, new.url, name="hook", verb="CREATE OR REPLACE")
                db.orders.update_one({"_id": 1}, {"$set": {"total": 6}})
                wait_for(lambda: len(new.received) == 1)
                assert ql.status()["hook"]["pending"] == 1
        assert (new.rows(), len(old.received)) == ([{"_id": 1, "total": 6}], 1)

    def test_after_the_last_attempt_it_is_a_dead_letter(self, ql: QueryLeaf, db: Db) -> None:
        found = deliver(ql, db, status(500, b"on fire"), ", max_retries = 3")
        assert (len(found.received), letters(db)) == (4, ["QL620 127.0.0.1 answered 500: on fire"])

    def test_a_refusal_is_a_dead_letter_at_once(self, ql: QueryLeaf, db: Db) -> None:
        found = deliver(ql, db, status(422, b"no such team"))
        assert (len(found.received), letters(db)) == (1, ["QL620 127.0.0.1 answered 422: no such team"])

    def test_a_redirect_is_not_followed(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(status(200)) as other:
            found = deliver(ql, db, status(307, Location=other.url), ", max_retries = 1")
        assert (len(found.received), other.received) == (2, [])

    @pytest.mark.parametrize(("code", "refused"), [(200, 0), (400, 1)])
    def test_an_endless_answer_is_not_read(self, ql: QueryLeaf, db: Db, code: int, refused: int) -> None:
        sent: list[int] = []

        def endless(number: int, handler: Handler) -> None:
            handler.send_response(code)
            handler.end_headers()
            for _ in range(160):
                handler.wfile.write(b"x" * 65536)
                sent.append(65536)

        deliver(ql, db, endless)
        assert [len(letter) < 300 for letter in letters(db)] == [True] * refused
        assert sum(sent) < 10 * 1024 * 1024

    def test_what_is_no_http_is_tried_again(self, ql: QueryLeaf, db: Db) -> None:
        def babble(number: int, handler: Handler) -> None:
            handler.wfile.write(b"hello\r\n\r\n")

        deliver(ql, db, babble, ", max_retries = 1")
        (letter,) = letters(db)
        assert letter.startswith("QL621 127.0.0.1 cannot be reached: BadStatusLine")

    def test_nobody_there(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(status(200)) as gone:
            url = gone.url
        create(ql, url, ", max_retries = 1")
        with ql:
            db.orders.insert_one({"_id": 1})
            ql.drain()
        (letter,) = letters(db)
        assert letter.startswith("QL621 127.0.0.1 cannot be reached: ConnectionRefusedError")


class TestPrivateAddresses:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
    def test_they_are_refused(self, ql: QueryLeaf, db: Db, host: str) -> None:
        with receiver(status(200)) as found:
            url = found.url.replace("127.0.0.1", host)
            ql.execute(f"CREATE SINK hook AS SELECT _id FROM orders WHERE CHANGE_DETECTED() INTO WEBHOOK '{url}'")
            with ql:
                db.orders.insert_one({"_id": 1})
                ql.drain()
        (letter,) = letters(db)
        assert (letter[:5], "no public address" in letter, found.received) == ("QL622", True, [])


class TestTime:
    def test_a_receiver_that_says_nothing_has_its_time_and_no_more(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(lambda number, handler: time.sleep(3)) as found:
            create(ql, found.url, ", timeout_ms = 100, max_retries = 0")
            with ql:
                db.orders.insert_one({"_id": 1})
                began = time.monotonic()
                ql.drain(20)
                took = time.monotonic() - began
        assert letters(db) == ["QL621 127.0.0.1 did not answer within 0.1 s"]
        assert took < 2

    def test_one_that_answers_a_byte_at_a_time_neither(self, ql: QueryLeaf, db: Db) -> None:
        def drip(number: int, handler: Handler) -> None:
            for each in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20:
                handler.wfile.write(bytes([each]))
                time.sleep(0.03)

        deliver(ql, db, drip, ", timeout_ms = 200, max_retries = 0")
        assert letters(db) == ["QL621 127.0.0.1 did not answer within 0.2 s"]

    def test_one_that_hangs_holds_up_nobody_else(self, ql: QueryLeaf, db: Db) -> None:
        calls: list[Any] = []
        ql.procedure("P")(lambda row, *, change: calls.append(row))
        released = threading.Event()

        def hang(number: int, handler: Handler) -> None:
            released.wait(20)

        with receiver(hang) as hanging, receiver(status(200)) as quick:
            create(ql, hanging.url, ", timeout_ms = 15000", "hanging")
            create(ql, quick.url, "", "quick")
            ql.execute("CREATE SINK p AS SELECT _id FROM orders WHERE CHANGE_DETECTED() INTO PROCEDURE p")
            with ql:
                db.orders.insert_many([{"_id": n} for n in range(30)])
                began = time.monotonic()
                wait_for(lambda: len(quick.received) == 30 and len(calls) == 30)
                took = time.monotonic() - began
                released.set()
        assert took < 5
        assert len(hanging.received) >= 1

    def test_with_fewer_threads_than_sinks_each_has_its_turn(
        self, ql: QueryLeaf, db: Db, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(QUICK, "sink_threads", 1)
        with receiver(lambda number, handler: time.sleep(0.3)) as slow, receiver(status(200)) as quick:
            create(ql, slow.url, ", timeout_ms = 100, max_retries = 1", "a_slow")
            for name in ("b", "c", "d"):
                create(ql, quick.url, "", name)
            with ql:
                db.orders.insert_many([{"_id": n} for n in range(6)])
                ql.drain(30)
        assert (len(quick.received), len(slow.received)) == (18, 12)

    def test_an_outage_uses_up_few_attempts(self, ql: QueryLeaf, db: Db) -> None:
        back = threading.Event()

        def answer(number: int, handler: Handler) -> None:
            status(200 if back.is_set() else 503)(number, handler)

        with receiver(answer) as found:
            create(ql, found.url)
            with ql:
                db.orders.insert_many([{"_id": n} for n in range(200)])
                wait_for(lambda: len(found.received) >= 8)
                failed = len(found.received)
                back.set()
                ql.drain(20)
        assert letters(db) == []
        assert len(found.received) < 200 + 2 * failed


class TestStatus:
    def test_it_tells_what_waits_and_why(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(status(503)) as found:
            create(ql, found.url, ", max_retries = 1000")
            with ql:
                db.orders.insert_many([{"_id": n} for n in range(3)])
                wait_for(lambda: len(found.received) >= 8)
                told = ql.status()["hook"]
        assert (told["pending"], told["reason"]) == (3, "127.0.0.1 answered 503")


class TestGivenUp:
    def test_it_can_be_delivered_after_all(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(in_turn(status(400), status(200))) as found:
            create(ql, found.url)
            with ql:
                db.orders.insert_one({"_id": 1, "total": 5})
                ql.drain()
                revived = db["_queryleaf.outbox"].update_many({"state": "dead"}, {"$set": {"state": "pending"}})
                ql.drain()
        assert (revived.modified_count, len(found.received)) == (1, 2)
        assert db["_queryleaf.outbox"].count_documents({}) == 0


class TestOrder:
    def test_changes_of_a_document_arrive_in_order_though_one_fails(self, ql: QueryLeaf, db: Db) -> None:
        totals: dict[Any, list[int]] = {}
        lock = threading.Lock()

        def answer(number: int, handler: Handler) -> None:
            if number % 5 == 0:
                return status(500)(number, handler)
            with lock:
                row = found.received[number - 1].message["row"]
                totals.setdefault(row["_id"], []).append(row["total"])
            return status(200)(number, handler)

        with receiver(answer) as found:
            create(ql, found.url)
            with ql:
                db.orders.insert_many([{"_id": n, "total": 0} for n in range(6)])
                for total in range(1, 8):
                    db.orders.update_many({}, {"$set": {"total": total}})
                ql.drain(30)
        assert totals == {n: list(range(8)) for n in range(6)}

    def test_a_row_that_is_given_up_lets_the_next_one_through(self, ql: QueryLeaf, db: Db) -> None:
        with receiver(in_turn(status(400), status(200))) as found:
            create(ql, found.url)
            with ql:
                db.orders.insert_one({"_id": 1, "total": 0})
                db.orders.update_one({"_id": 1}, {"$set": {"total": 1}})
                ql.drain()
        assert [row["total"] for row in found.rows()] == [0, 1]
        assert len(letters(db)) == 1


_WORKER = """
import sys
from queryleaf_cdc import QueryLeaf
QueryLeaf(sys.argv[1], database=sys.argv[2]).run()
"""


class TestCrash:
    def test_a_row_whose_delivery_was_cut_off_is_sent_again(self, ql: QueryLeaf, db: Db, mongo_uri: str) -> None:
        """The worker is killed while the receiver has the row and has not answered yet."""
        arrived, released = threading.Event(), threading.Event()

        def answer(number: int, handler: Handler) -> None:
            arrived.set()
            if number == 1:
                released.wait(20)
            status(200)(number, handler)

        with receiver(answer) as found:
            create(ql, found.url)
            process = subprocess.Popen([sys.executable, "-c", _WORKER, mongo_uri, db.name], env={**os.environ})
            try:
                db.orders.insert_one({"_id": 1, "total": 5})
                assert arrived.wait(30)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()
            released.set()
            with ql:
                ql.drain(30)
        assert [row["total"] for row in found.rows()] == [5, 5]
        assert len({each.headers["Idempotency-Key"] for each in found.received}) == 1


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen in time")
