"""Every example on a real server, with exact results; and every construct of the language in some example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from queryleaf_cdc import QueryLeaf
from queryleaf_cdc.cli.connection import register_from

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FOLDERS = sorted(each.parent for each in EXAMPLES.glob("*/triggers.sql"))
Db = Database[dict[str, Any]]

MOMENT = datetime(2025, 3, 31, 12)


@contextmanager
def running(db: Db, example: str) -> Iterator[QueryLeaf]:
    """The example's triggers at work on ``db``."""
    ql = QueryLeaf(client=db.client, database=db.name)
    folder = EXAMPLES / example
    if (folder / "procedures.py").exists():
        register_from(str(folder / "procedures.py"), ql)
    ql.execute((folder / "triggers.sql").read_text(), name=f"{example}/triggers.sql")
    with ql:
        yield ql


def documents(db: Db, name: str, *hidden: str) -> list[dict[str, Any]]:
    """All documents in order of their keys, without the fields that differ from run to run."""
    found = list(db[name].find({}, dict.fromkeys(hidden, 0) or None))
    return sorted(found, key=lambda each: str(sorted(each.items(), key=str)))


# -- bookshop -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bookshop(db: Db) -> Iterator[QueryLeaf]:
    db.books.insert_many([{"_id": n, "isbn": f"b{n}", "shelf": f"s{n}", "on_hand": 10, "reserved": 0} for n in (1, 2)])
    lines = [(1, "b1", 2), (1, "b2", 1), (1, "b1", 1), (2, "b2", 4), (3, "b1", 1)]
    db.order_lines.insert_many([{"order_id": order, "isbn": isbn, "copies": copies} for order, isbn, copies in lines])
    with running(db, "bookshop") as ql:
        placed = {"customer": "ada", "status": "placed", "ordered_at": MOMENT}
        db.orders.insert_many([{**placed, "_id": number, "total": 10.5 * number} for number in (1, 2, 3)])
        ql.drain(30)
        yield ql


def stock(db: Db) -> list[tuple[int, int]]:
    return [(book["on_hand"], book["reserved"]) for book in db.books.find().sort("_id", 1)]


def test_bookshop_an_order_reserves_every_line(bookshop: QueryLeaf, db: Db) -> None:
    assert stock(db) == [(10, 4), (10, 5)]
    picked = [(each["order_id"], each["isbn"], each["copies"], each["shelf"]) for each in db.picking_list.find()]
    assert sorted(picked) == [
        (1, "b1", 1, "s1"),
        (1, "b1", 2, "s1"),
        (1, "b2", 1, "s2"),
        (2, "b2", 4, "s2"),
        (3, "b1", 1, "s1"),
    ]
    assert documents(db, "greetings", "_id") == [{"customer": "ada", "first_order": 1}]


def test_bookshop_sent_and_deleted_orders(bookshop: QueryLeaf, db: Db) -> None:
    db.orders.update_many({"_id": {"$in": [1, 2]}}, {"$set": {"status": "sent"}})
    db.orders.delete_one({"_id": 3})
    bookshop.drain(30)
    assert stock(db) == [(7, 0), (5, 0)]
    assert documents(db, "picking_list") == []
    assert documents(db, "sales", "_id") == [{"customer": "ada", "month": "2025-03", "orders": 2, "total": 31.5}]
    history = [(each["order_id"], each["action"], each["status"]) for each in db.order_history.find().sort("_id", 1)]
    assert history == [
        (1, "INSERT", "placed"),
        (2, "INSERT", "placed"),
        (3, "INSERT", "placed"),
        (1, "UPDATE", "sent"),
        (2, "UPDATE", "sent"),
        (3, "DELETE", "deleted"),
    ]


# -- helpdesk -----------------------------------------------------------------------------------------------------


@pytest.fixture
def helpdesk(db: Db) -> Iterator[QueryLeaf]:
    db.customers.insert_many([{"_id": "acme", "plan": "gold"}, {"_id": "bolt", "plan": "free"}])
    db.agents.insert_many(
        [
            {"_id": "ann", "topics": ["mail", "billing"], "open_tickets": 0},
            {"_id": "ben", "topics": ["mail"], "open_tickets": 0},
            {"_id": "lea", "topics": [], "open_tickets": 0},
        ]
    )
    db.topics.insert_many([{"_id": "mail", "lead": "lea"}, {"_id": "billing", "lead": "lea"}])
    with running(db, "helpdesk") as ql:
        for number, customer, severity, topic in [
            (1, "acme", "down", "mail"),
            (2, "bolt", "down", "mail"),
            (3, "acme", "question", "billing"),
            (4, "bolt", "question", "mail"),
        ]:
            ticket = {"customer": customer, "severity": severity, "topic": topic, "subject": f"ticket {number}"}
            db.tickets.insert_one({"_id": number, **ticket})
        ql.drain(30)
        yield ql


def test_helpdesk_deadline_agent_and_mail(helpdesk: QueryLeaf, db: Db) -> None:
    tickets = list(db.tickets.find().sort("_id", 1))
    assert [each["agent"] for each in tickets] == ["ann", "ben", "ann", "ben"]
    assert [each["state"] for each in tickets] == ["open"] * 4
    due = [each["due_at"] for each in tickets]
    assert [round((later - due[0]) / timedelta(hours=1)) for later in due] == [0, 3, 23, 71]
    assert [each["open_tickets"] for each in db.agents.find().sort("_id", 1)] == [2, 2, 0]
    mails = [(each["customer"], each["text"]) for each in db.sent_mails.find()]
    assert sorted(mails) == [
        ("acme", "we have received: ticket 1"),
        ("acme", "we have received: ticket 3"),
        ("bolt", "we have received: ticket 2"),
        ("bolt", "we have received: ticket 4"),
    ]
    assert documents(db, "ticket_history") == []


def test_helpdesk_changes_by_people_are_kept(helpdesk: QueryLeaf, db: Db) -> None:
    db.tickets.update_one({"_id": 1}, {"$set": {"state": "solved", "answer": "restart it"}})
    helpdesk.drain(30)
    assert documents(db, "ticket_history", "_id", "at") == [{"ticket": 1, "fields": ["state", "answer"]}]
    assert [each["open_tickets"] for each in db.agents.find().sort("_id", 1)] == [1, 2, 0]
    assert db.sent_mails.count_documents({"customer": "acme", "text": "solved: ticket 1"}) == 1


def test_helpdesk_a_ticket_without_a_subject_is_a_dead_letter(helpdesk: QueryLeaf, db: Db) -> None:
    db.tickets.insert_many([{"_id": 5, "customer": "bolt", "subject": "  "}, {"_id": 6, "subject": "hello"}])
    helpdesk.drain(30)
    (letter,) = db["_queryleaf.dead_letters"].find()
    assert (letter["trigger"], letter["key"], letter["code"]) == ("ticket_opened", {"_id": 5}, "QL601")
    assert letter["error"] == "a ticket needs a subject"
    assert "state" not in (db.tickets.find_one({"_id": 5}) or {})
    assert (db.tickets.find_one({"_id": 6}) or {})["state"] == "open"


def test_helpdesk_an_agent_leaves(helpdesk: QueryLeaf, db: Db) -> None:
    db.agents.delete_one({"_id": "ann"})
    helpdesk.drain(30)
    assert [each["agent"] for each in db.tickets.find().sort("_id", 1)] == ["lea", "ben", "lea", "ben"]
    assert [(each["_id"], each["open_tickets"]) for each in db.agents.find().sort("_id", 1)] == [("ben", 2), ("lea", 2)]


# -- payments -----------------------------------------------------------------------------------------------------


@pytest.fixture
def payments(db: Db) -> Iterator[QueryLeaf]:
    db.accounts.insert_many([{"_id": name, "balance": 20_000, "owner": name.title()} for name in ("eve", "max", "zoe")])
    db.blocked.insert_one({"account": "zoe"})
    waiting = [("max", 50), ("max", 5000), ("eve", 70)]
    db.scheduled.insert_many([{"_id": n, "payer": payer, "amount": sum_} for n, (payer, sum_) in enumerate(waiting, 1)])
    with running(db, "payments") as ql:
        yield ql


def pay(db: Db, number: int, payer: str, payee: str, amount: int, minute: int) -> None:
    at = MOMENT + timedelta(minutes=minute)
    db.payments.insert_one({"_id": number, "payer": payer, "payee": payee, "amount": amount, "paid_at": at})


def test_payments_balances_and_quiet_payments(payments: QueryLeaf, db: Db) -> None:
    for number in range(8):  # four within any ten minutes
        pay(db, number, "eve", "max", 100, number * 3)
    payments.drain(30)
    balances = {each["_id"]: each["balance"] for each in db.accounts.find()}
    assert balances == {"eve": 19_200, "max": 20_800, "zoe": 20_000}
    assert documents(db, "cases") == []


@pytest.mark.parametrize(
    ("paid", "reason"),
    [
        ([("eve", 10, minute) for minute in range(5)], "many payments: 5"),
        ([("eve", 6000, 0), ("eve", 6000, 1)], "large sum: 12000"),
        ([("zoe", 1, 0)], "blocked payee"),
    ],
)
def test_payments_an_odd_account_gets_a_case(
    payments: QueryLeaf, db: Db, paid: list[tuple[str, int, int]], reason: str
) -> None:
    for number, (payee, amount, minute) in enumerate(paid, 1):
        pay(db, number, "max", payee, amount, minute)
    pay(db, 100, "max", "zoe", 1, 60)  # a second reason opens no second case
    payments.drain(30)
    assert documents(db, "cases", "_id") == [{"account": "max", "opened_by": len(paid), "reason": reason}]
    frozen = db.accounts.find_one({"_id": "max"}) or {}
    assert (frozen["frozen"], frozen["frozen_by"]) == (True, 1)
    assert [each.get("held") for each in db.scheduled.find().sort("_id", 1)] == [True, None, None]
    assert documents(db, "approvals") == [{"_id": 2, "account": "max", "amount": 5000}]


def test_payments_accounts_are_audited(payments: QueryLeaf, db: Db) -> None:
    db.accounts.update_one({"_id": "eve"}, {"$set": {"owner": "Eva"}})
    db.accounts.update_one({"_id": "eve"}, {"$set": {"note": "not looked at"}})
    db.accounts.update_one({"_id": "zoe"}, {"$set": {"balance": 0}})
    db.accounts.delete_many({"_id": {"$in": ["zoe", "max"]}})
    payments.drain(30)
    kept = [(each["account"], each["action"], each["fields"]) for each in db.audit.find().sort("_id", 1)]
    assert kept[0] == ("eve", "UPDATE", ["owner"])
    assert [each[:2] for each in kept[1:]] == [("zoe", "DELETE")]
    (letter,) = db["_queryleaf.dead_letters"].find()
    assert (letter["key"], letter["error"]) == ({"_id": "max"}, "an account with a balance was deleted")


# -- all of them --------------------------------------------------------------------------------------------------

CONSTRUCTS = {
    "ON coll FOR events": r"TRIGGER \w+\s+ON \w+\s+FOR INSERT, UPDATE, DELETE",
    "AFTER event ON coll": r"TRIGGER \w+ AFTER INSERT ON",
    "both mixed": r"TRIGGER \w+ ON \w+ AFTER UPDATE OF \w+, \S+ OR DELETE",
    "OR REPLACE": r"CREATE OR REPLACE TRIGGER",
    "IF NOT EXISTS": r"TRIGGER IF NOT EXISTS",
    "FOR EACH ROW": r"FOR EACH ROW",
    "AS": r"\nAS\nBEGIN",
    "WHEN": r"\nWHEN \(",
    "UPDATE OF": r"UPDATE OF",
    "on_error": r"on_error = 'retry'",
    "on_error dead_letter": r"on_error = 'dead_letter'",
    "on_error stop": r"on_error = 'stop'",
    "max_retries": r"max_retries = \d",
    "start": r"start = 'beginning'",
    "IF": r"  IF .* THEN",
    "ELSIF": r"ELSIF .* THEN",
    "ELSE": r"ELSE\n",
    "searched CASE": r"\n +CASE\n",
    "simple CASE": r"\n +CASE \S.*\n",
    "DECLARE": r"DECLARE \w+ \w+;",
    "DECLARE with a value": r"DECLARE \w+ \w+ := ",
    "SET": r"\n +SET \w+ = [^;]*;\n +END CASE",
    ":=": r"\n +\w+ := ",
    "SELECT INTO": r"SELECT [^;]* INTO \w+",
    "SELECT INTO several": r"SELECT [^;]* INTO \w+, \w+",
    "FOR loop": r"FOR \w+ IN \(SELECT [^;]*\) LOOP",
    "RETURN": r"RETURN;",
    "RAISE": r"RAISE '",
    "CALL": r"CALL \w+\(",
    "INSERT VALUES": r"INSERT INTO [^;]*VALUES \([^;]*\);",
    "INSERT SELECT": r"INSERT INTO \w+ \([^)]*\)\s+SELECT",
    "DO UPDATE": r"ON CONFLICT \([^)]*\) DO UPDATE\s+SET [^;]*EXCLUDED",
    "DO NOTHING": r"ON CONFLICT \([^)]*\) DO NOTHING",
    "UPDATE FROM": r"UPDATE \w+\s+SET [^;]*\s+FROM \w+",
    "UPDATE": r"UPDATE \w+ SET [^;]* WHERE",
    "DELETE USING": r"DELETE FROM \w+ \w+ USING \w+",
    "DELETE": r"DELETE FROM \w+ WHERE",
    "DROP TRIGGER": r"DROP TRIGGER IF EXISTS",
    "TRIGGER_ACTION": r"TRIGGER_ACTION",
    "TG_OP": r"TG_OP",
    "CHANGE_TYPE": r"CHANGE_TYPE\(\)",
    "CHANGE_TIMESTAMP": r"CHANGE_TIMESTAMP\(\)",
    "CHANGED_FIELDS": r"CHANGED_FIELDS\(\)",
    "TRIGGER_DEPTH": r"TRIGGER_DEPTH\(\)",
    "EXISTS": r"EXISTS \(SELECT",
}


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_every_construct_of_a_trigger_is_in_some_example(name: str) -> None:
    code = "\n".join(re.sub(r"--.*", "", (folder / "triggers.sql").read_text()) for folder in FOLDERS)
    assert re.search(CONSTRUCTS[name], code), name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_example_says_how_to_run_it(folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    command = f"queryleaf-cdc run --embedded examples/{folder.name}/triggers.sql"
    if (folder / "procedures.py").exists():
        command += f" --procedures examples/{folder.name}/procedures.py"
    assert f"{command}\n" in readme


def test_there_are_three_examples() -> None:
    assert len(FOLDERS) >= 3
