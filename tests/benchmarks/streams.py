"""Rows per second of streaming SELECTs, against a bare read of the same events."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from queryleaf_cdc import QueryLeaf, compile_sql
from tests.benchmarks.place import Place, Rows, insert, read_all
from tests.benchmarks.rows import RUNS, Row, at_least, rate, ratios

EVENTS = 60_000
KEYS = 1_000
_INSERTED = "WHERE CHANGE_DETECTED() AND CHANGE_TYPE() = 'INSERT'"
_TIME = "CHANGE_TIMESTAMP() AS at"
_FRAME = "PARTITION BY k ORDER BY CHANGE_TIMESTAMP() ROWS BETWEEN 10 PRECEDING AND CURRENT ROW"


@dataclass(frozen=True)
class Case:
    """The bare read is that of the compiled pipeline where one change makes one row, else of the collection."""

    what: str
    sql: str
    target: float

    def pipeline(self) -> Rows | None:
        found = compile_sql(self.sql).to_json()["statements"][0]
        return found["watch"]["pipeline"] if "actions" in found else None


CASES = (
    Case("stateless", f"SELECT k, v FROM src {_INSERTED}", 0.9),
    Case(
        f"LAG by {KEYS:,} keys",
        f"SELECT k, v - LAG(v) OVER (PARTITION BY k ORDER BY CHANGE_TIMESTAMP()) AS d FROM src {_INSERTED}",
        0.4,
    ),
    Case(f"AVG over 10 rows by {KEYS:,} keys", f"SELECT k, AVG(v) OVER ({_FRAME}) AS d FROM src {_INSERTED}", 0.4),
    Case(f"looked up in {KEYS:,} documents", f"SELECT s.v, c.name FROM src s JOIN c ON c._id = s.k {_INSERTED}", 0.3),
    Case(
        "joined with another stream",
        f"SELECT p.v, q.v AS w FROM (SELECT k, v, {_TIME} FROM src {_INSERTED}) p"
        f" JOIN (SELECT k, v, {_TIME} FROM other {_INSERTED}) q"
        " ON p.k = q.k AND p.at BETWEEN q.at - INTERVAL '1 minute' AND q.at + INTERVAL '1 minute'",
        0.25,
    ),
)


def streams(place: Place) -> list[Row]:
    """Each stream reads the same backlog, from its beginning."""
    with place.database() as ql:
        insert(ql.database.c, [{"_id": key, "name": f"n{key}"} for key in range(KEYS)])
        for name in ("src", "other"):
            ql.database.create_collection(name)
        time.sleep(1.1)  # ``since`` counts whole seconds
        since, start = datetime.now(UTC), place.now()
        insert(ql.database.src, [{"k": i % KEYS, "v": i, "b": "x" * 50} for i in range(EVENTS)])
        insert(ql.database.other, [{"k": key, "v": key} for key in range(KEYS)])
        return [_measured(place, ql, case, since, start) for case in CASES]


def _measured(place: Place, ql: QueryLeaf, case: Case, since: datetime, start: object) -> Row:
    raw, stream = [], []
    for _ in range(RUNS):
        raw.append(read_all(ql.database, "src", start, EVENTS, case.pipeline()))  # type: ignore[arg-type]
        stream.append(_read(ql, case.sql, since))
    what = f"stream: {case.what}"
    of = "inserts" if case.pipeline() is None else "its pipeline"
    return at_least(what, rate(EVENTS, stream), ratios(raw, stream), case.target, f"the raw read of {of}")


def _read(ql: QueryLeaf, sql: str, since: datetime) -> float:
    """Seconds until every row has come."""
    began = time.perf_counter()
    with ql.stream(sql, since=since) as rows:
        for seen, _ in enumerate(rows, 1):
            if seen == EVENTS:
                break
    return time.perf_counter() - began
