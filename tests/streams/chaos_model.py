"""What the collections of ``chaos`` must hold, in plain Python, from the changes as the server tells them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from bson import Decimal128, Timestamp
from bson.json_util import loads
from pymongo.database import Database

Db = Database[dict[str, Any]]
Of = TypeVar("Of")

POISON = 13
"""a value that one trigger raises for, and one collection refuses"""
_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Change:
    """Of collection ``a`` or ``b``: the document that is there, of a delete the old one."""

    cid: str
    collection: str
    at: datetime
    id: int
    k: Hashable
    v: int


@dataclass(frozen=True)
class Registered:
    """A change of the catalog. ``sql`` is None for what was dropped."""

    name: str
    sql: str | None


Log = Sequence[Change | Registered]


def read_log(db: Db, start: Timestamp) -> Log:
    """Everything since then, in the order of the commits."""
    images = {"full_document": "whenAvailable", "full_document_before_change": "whenAvailable"}
    wanted = [{"$match": {"ns.coll": {"$in": ["a", "b", "_queryleaf.catalog"]}, "documentKey": {"$exists": True}}}]
    log: list[Change | Registered] = []
    with db.watch(wanted, start_at_operation_time=start, batch_size=1000, **images) as stream:
        while True:
            event = stream.try_next()
            if event is None:
                return log
            document = event.get("fullDocument") or event.get("fullDocumentBeforeChange") or {}
            id, collection = event["documentKey"]["_id"], event["ns"]["coll"]
            if collection in ("a", "b"):
                k, v = same(document.get("k")), document.get("v", 0)
                log.append(Change(event["_id"]["_data"], collection, event["wallTime"], id, k, v))
            else:
                log.append(Registered(id, None if event["operationType"] == "delete" else document["sql"]))


def same(value: Any) -> Hashable:
    """Equal for values that SQL groups together."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, list):
        return ("list", *map(same, value))
    if isinstance(value, dict):
        return ("dict", *((name, same(each)) for name, each in value.items()))
    return value if value == value else "NaN"


def by(key: Callable[[Of], Any], items: Iterable[Of]) -> dict[Any, list[Of]]:
    found: dict[Any, list[Of]] = defaultdict(list)
    for each in items:
        found[key(each)].append(each)
    return found


def in_order(changes: Sequence[Change]) -> bool:
    return all(one.at <= other.at for one, other in pairwise(changes))


def ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS


def moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


# -- what must be ------------------------------------------------------------------------------------------------


def steps(changes: Sequence[Change]) -> dict[str, tuple[Any, ...] | None]:
    """None where times are not in order: then it matters when a row came."""
    found: dict[str, tuple[Any, ...] | None] = {}
    for k, rows in by(lambda each: each.k, changes).items():
        for at, row in enumerate(rows):
            step = row.v - rows[at - 1].v if at else None
            four = sum(each.v for each in rows[max(0, at - 3) : at + 1])
            lately = sum(row.at - each.at <= 300 * _MS for each in rows[: at + 1])
            found[row.cid] = (k, step, at + 1, four, lately) if in_order(rows) else None
    return found


def nth(rows: Iterable[Change]) -> dict[str, int]:
    return {each.cid: number for number, each in enumerate(rows, 1)}


def totals(changes: Sequence[Change]) -> dict[Hashable, tuple[int, int, int]]:
    groups = by(lambda each: each.k, changes)
    return {k: (len(rows), sum(r.v for r in rows), max(r.v for r in rows)) for k, rows in groups.items()}


def tumbled(changes: Sequence[Change]) -> Counter[Any]:
    windows = by(lambda each: (each.k, ms(each.at) // 200 * 200), changes)
    return Counter((k, moment(start), len(rows), sum(r.v for r in rows)) for (k, start), rows in windows.items())


def hopped(changes: Sequence[Change]) -> Counter[Any]:
    starts = Counter(ms(each.at) // 100 * 100 - back for each in changes for back in (0, 100, 200))
    return Counter((moment(start), n) for start, n in starts.items())


def visits(changes: Sequence[Change]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for k, rows in by(lambda each: each.k, changes).items():
        session: list[Change] = []
        for row in [*sorted(rows, key=lambda each: each.at), None]:
            if session and (row is None or row.at >= session[-1].at + 40 * _MS):
                end = session[-1].at + 40 * _MS
                found[k, session[0].at, end, len(session), sum(each.v for each in session)] += 1
                session = []
            if row is not None:
                session.append(row)
    return found


def pairs(changes: Sequence[Change], answers: Sequence[Change]) -> Counter[Any]:
    of_id = by(lambda each: each.id, answers)
    found = Counter(
        (c.cid, d.cid) for c in changes for d in of_id[c.id] if c.at - 100 * _MS <= d.at <= c.at + 300 * _MS
    )
    left, right = {c for c, _ in found}, {d for _, d in found}
    alone = [(c.cid, None) for c in changes if c.cid not in left]
    return found + Counter([*alone, *((None, d.cid) for d in answers if d.cid not in right)])


def lives(log: Log, name: str) -> Iterator[tuple[str, list[Change]]]:
    """Of each definition of a sink, the changes of ``a`` that it has seen."""
    sql: str | None = None
    seen: list[Change] = []
    for each in log:
        if isinstance(each, Change):
            seen += [each] if each.collection == "a" else []
        elif each.name == name and each.sql != sql:
            if sql is not None:
                yield sql, seen
            sql, seen = each.sql, []
    if sql is not None:
        yield sql, seen


def halved(log: Log) -> dict[str, int]:
    found: dict[str, int] = {}
    for sql, seen in lives(log, "halved"):
        (rest,) = re.findall(r"v % 2 = (\d)", sql)
        found |= nth(each for each in seen if each.v % 2 == int(rest))
    return found


def extra(log: Log, name: str) -> dict[str, int]:
    return {cid: number for _, seen in lives(log, name) for cid, number in nth(seen).items()}


# -- what is -----------------------------------------------------------------------------------------------------


def disagreements(db: Db, log: Log, written: Path) -> list[str]:
    """What is not as it must be, in a line each."""
    found = _Comparing(db)
    changes = [each for each in log if isinstance(each, Change) and each.collection == "a"]
    answers = [each for each in log if isinstance(each, Change) and each.collection == "b"]
    of_id = by(lambda each: each.id, changes)
    poisoned = [each for each in changes if each.v == POISON]

    expected = steps(changes)
    columns = ("step", "nth", "four", "lately")
    rows = {each["cid"]: (same(each["k"]), *(each[name] for name in columns)) for each in db.out_steps.find()}
    found.same(
        "steps", {cid: row if expected.get(cid, ()) is not None else None for cid, row in rows.items()}, expected
    )
    found.numbers("ordered", {cid: n for rows in of_id.values() for cid, n in nth(rows).items()})
    found.numbers("both", nth(each for each in log if isinstance(each, Change)))
    found.numbers("halved", halved(log))
    for name in {each.name for each in log if isinstance(each, Registered) and each.name.startswith("extra_")}:
        found.numbers(name, extra(log, name))
    found.numbers("strict", {cid: n for cid, n in nth(changes).items() if cid not in {p.cid for p in poisoned}})

    found.rows("totals", ("n", "v", "most"), Counter((k, *values) for k, values in totals(changes).items()))
    found.rows("tumbled", ("window_start", "n", "v"), tumbled(changes))
    found.same("hopped", Counter((each["window_start"], each["n"]) for each in db.out_hopped.find()), hopped(changes))
    found.rows("visits", ("window_start", "window_end", "n", "v"), visits(changes))
    found.same("pairs", Counter((each["c"], each["d"]) for each in db.out_pairs.find()), pairs(changes, answers))

    kept = {row["v"]: row["n"] for row in db.kept.find()}
    found.same("kept", kept, dict(Counter(each["v"] for each in db.a.find())))
    found.same("plain", [each["n"] for each in db.out_plain.find()], [len(changes)] if changes else [])
    found.same("adds", {each["id"]: each["n"] for each in db.out_adds.find()}, _not_poisoned(of_id))
    sums = {id: sum(n for n, each in enumerate(rows, 1) if each.v != POISON) for id, rows in of_id.items()}
    rows = {each["id"]: each["nths"] for each in db.out_adds.find() if in_order(of_id[each["id"]])}
    found.same("adds (nth)", rows, {id: n for id, n in sums.items() if id in rows})
    letters = Counter(each["trigger"] for each in db["_queryleaf.dead_letters"].find())
    found.same("dead letters", letters, Counter({"adds": len(poisoned), "strict": len(poisoned)}))

    order = {each["origin"]: n for n, each in enumerate(db.hop_1.find().sort("_id", 1))}
    found.same("first_hop", list(order), [each.cid for each in changes])
    hops = {id: nth(rows) for id, rows in of_id.items()}
    second = {id: {row["origin"]: row["nth"] for row in rows} for id, rows in by(_id, db.hop_2.find()).items()}
    found.same("second_hop", second, hops)
    found.same("second_hop (rows)", db.hop_2.count_documents({}), len(changes))
    third = {each["id"]: (each["n"], each["nth"]) for each in db.hop_3.find()}
    found.same("third_hop", third, {id: (len(rows), len(rows)) for id, rows in of_id.items()})
    found.same(
        "written", _lines(written), {(k, n) for k, (most, *_) in totals(changes).items() for n in range(1, most + 1)}
    )
    return found.found


def _id(row: dict[str, Any]) -> Any:
    return row["id"]


def _not_poisoned(of_id: dict[Any, list[Change]]) -> dict[Any, int]:
    counts = {id: sum(each.v != POISON for each in rows) for id, rows in of_id.items()}
    return {id: n for id, n in counts.items() if n}


def _lines(written: Path) -> Any:
    """The rows of a file, in which one may come twice, with the same id; two rows never have the same."""
    by_id: dict[str, Any] = {}
    for line in written.read_text().splitlines() if written.exists() else []:
        each = loads(line)
        row = (same(each["row"]["k"]), each["row"]["n"])
        if by_id.setdefault(each["id"], row) != row:
            return f"{row} and {by_id[each['id']]} have one id"
    return set(by_id.values()) if len(set(by_id.values())) == len(by_id) else "rows come twice"


class _Comparing:
    def __init__(self, db: Db) -> None:
        self._db = db
        self.found: list[str] = []

    def same(self, name: str, found: Any, expected: Any) -> None:
        if found != expected:
            self.found.append(f"{name}: {_difference(found, expected)}")

    def numbers(self, name: str, expected: dict[str, int]) -> None:
        documents = list(self._db[f"out_{name}"].find())
        self.same(name, {each["cid"]: each["nth"] for each in documents}, expected)
        self.same(f"{name} (rows)", len(documents), len(expected))

    def rows(self, name: str, columns: Sequence[str], expected: Counter[Any]) -> None:
        documents = self._db[f"out_{name}"].find()
        self.same(name, Counter((same(each["k"]), *(each[c] for c in columns)) for each in documents), expected)


def _difference(found: Any, expected: Any) -> str:
    if isinstance(found, Counter):
        return f"not expected {list((found - expected).items())[:3]}, missing {list((expected - found).items())[:3]}"
    if isinstance(found, dict):
        wrong = [(k, found.get(k), expected.get(k)) for k in found | expected if found.get(k) != expected.get(k)]
        return f"{len(wrong)} of {len(expected)}: (key, found, expected) {wrong[:3]}"
    if isinstance(found, set):
        return f"not expected {list(found - expected)[:3]}, missing {list(expected - found)[:3]}"
    return f"{str(found)[:300]}, expected {str(expected)[:300]}"
