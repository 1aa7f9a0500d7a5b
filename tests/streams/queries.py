"""Random streaming SELECTs, each with what DuckDB is asked about the table of changes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Question:
    """``duckdb`` reads ``a`` and ``b``: tables of changes with seq, op, ts, id and the document's columns."""

    sql: str
    duckdb: str
    is_ordered: bool = False
    """rows come in the order in which DuckDB gives them"""


_FRAMES = (
    "",
    "ROWS UNBOUNDED PRECEDING",
    "ROWS BETWEEN 3 PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 10 PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING",
    "RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW",
    "RANGE BETWEEN INTERVAL '2 minutes' PRECEDING AND INTERVAL '10 seconds' PRECEDING",
    "GROUPS BETWEEN 2 PRECEDING AND CURRENT ROW",
)
_PLAIN = ("LAG({v})", "LAG({v}, 2, -1)", "ROW_NUMBER()", "RANK()", "DENSE_RANK()")
_OF_ROWS = tuple(each for each in _FRAMES if each.startswith("ROWS")), _PLAIN[:3]
"""what does not look at peers: DuckDB is told which of them came first by one more column of the order"""
_FRAMED = (
    "COUNT(*)", "COUNT({v})", "SUM({v})", "AVG({v})", "MIN({v})", "MAX({v})", "FIRST_VALUE({v})", "LAST_VALUE({v})",
    "NTH_VALUE({v}, 2)", "COUNT(DISTINCT {v})", "SUM({v}) FILTER (WHERE {v} > 0)",
)  # fmt: skip
_CONDITIONS = ("v > 3", "k <> 1", "x IS NOT NULL", "v IS NULL OR v < 15", "op <> 'DELETE'", "op = 'INSERT'")


def draw_windows(random: Random, order: str = "ts") -> Question:
    """Over one collection; ``order`` is the column of ORDER BY."""
    mine = "CHANGE_TIMESTAMP()" if order == "ts" else order
    functions = [_function(random, order) for _ in range(random.choice((1, 1, 2, 3)))]
    partition = random.choice(("", "PARTITION BY k ", "PARTITION BY k ", "PARTITION BY k, id "))
    columns = [
        f"{call} OVER ({partition}ORDER BY {{order}}{frame}) AS w{at}" for at, (call, frame) in enumerate(functions)
    ]
    items = ["id", "k", "v", "op", "ts", *columns]
    where = random.choice(("", random.choice(_CONDITIONS)))
    late = random.choice(("", "", "w0 > 2", "w0 IS NOT NULL"))
    computed = random.choice(("", "CASE WHEN w0 IS NULL THEN 'none' WHEN w0 > 3 THEN 'much' ELSE 'little' END AS c"))
    items += [computed] if computed else []
    sql = _select(items, [where, late], mine)
    inner = ", ".join(item.format(order=order) for item in items if item != computed)
    condition = f" WHERE {where}" if where else ""
    outer = f"SELECT {', '.join(['*', computed] if computed else ['*'])} FROM rows{f' WHERE {late}' if late else ''}"
    duckdb = f"WITH rows AS (SELECT {inner}, seq FROM a{condition}) SELECT * EXCLUDE (seq) FROM ({outer}) ORDER BY seq"
    return Question(sql, duckdb, True)


def _function(random: Random, order: str) -> tuple[str, str]:
    value = random.choice(("v", "v", "x", "v + k"))
    frames, plain = (_FRAMES, _PLAIN) if order == "ts" else _OF_ROWS
    if random.random() < 0.4:
        return random.choice(plain).format(v=value), ""
    frame = random.choice(frames)
    return random.choice(_FRAMED).format(v=value), f" {frame}" if frame else ""


def _select(items: list[str], terms: list[str], order: str) -> str:
    names = {"id": "_id AS id", "op": "CHANGE_TYPE() AS op", "ts": "CHANGE_TIMESTAMP() AS ts"}
    listed = ", ".join(names.get(item, item.format(order=order)) for item in items)
    return f"SELECT {listed} FROM a WHERE {' AND '.join(['CHANGE_DETECTED()', *(f'({t})' for t in terms if t)])}"


def draw_meeting(random: Random) -> Question:
    """A join of two streams."""
    kind = random.choice(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL OUTER JOIN"))
    before, after = random.choice((0, 1, 10, 60)), random.choice((0, 5, 60))
    terms = [f"p.ts BETWEEN q.ts - INTERVAL '{before} seconds' AND q.ts + INTERVAL '{after} seconds'"]
    terms += random.choice(([], ["p.k = q.k"], ["p.k = q.k"], ["p.v = q.v", "p.k = q.k"]))
    terms += random.choice(([], [], ["p.id < q.id"]))
    random.shuffle(terms)
    parts = [(each, random.choice(("", "v > 3", "op <> 'DELETE'"))) for each in ("a", "b")]
    filters = [f" AND {term}" if term else "" for _, term in parts]
    columns = "_id AS id, k, v, CHANGE_TYPE() AS op, CHANGE_TIMESTAMP() AS ts"
    mine = [
        f"(SELECT {columns} FROM {name} WHERE CHANGE_DETECTED(){term})"
        for (name, _), term in zip(parts, filters, strict=True)
    ]
    theirs = [f"(SELECT id, k, v, op, ts FROM {name}{f' WHERE {term}' if term else ''})" for name, term in parts]
    late = random.choice(("", "", " WHERE COALESCE(p.v, 0) + COALESCE(q.v, 0) > 4"))
    query = "SELECT p.id AS pid, p.k AS pk, p.ts AS pts, q.id AS qid, q.v AS qv, q.ts AS qts FROM {} p {} {} q ON {}{}"
    on = " AND ".join(terms)
    return Question(query.format(mine[0], kind, mine[1], on, late), query.format(theirs[0], kind, theirs[1], on, late))


def draw_lookup(random: Random) -> Question:
    """A join with a collection ``c`` (_id, k, name)."""
    kind = random.choice(("JOIN", "LEFT JOIN"))
    terms = ["a.k = c.k", *random.choice(([], ["c.id > 2"], ["a.v < c.id"]))]
    where = random.choice(("", "c.name <> 'n1'", "a.v > 2", "c.name IS NULL"))
    listed = "a.{id} AS id, a.v AS v, c.{id} AS cid, c.name AS name"
    rows = f"SELECT {listed} FROM a {kind} c ON {' AND '.join(terms)}"
    mine = f"{rows} WHERE CHANGE_DETECTED(a){f' AND ({where})' if where else ''}"
    theirs = f"{rows}{f' WHERE {where}' if where else ''}"
    return Question(mine.format(id="_id").replace("c.id", "c._id"), theirs.format(id="id"))


_AGGREGATES = (
    "COUNT(*)", "COUNT(v)", "SUM(v)", "AVG(x)", "MIN(v)", "MAX(x)", "COUNT(DISTINCT v)", "SUM(v) FILTER (WHERE v > 2)",
)  # fmt: skip


def draw_groups(random: Random) -> Question:
    """Groups by windows of time."""
    size = random.choice((10, 60, 300))
    hop = random.choice((None, None, size // 2))
    keys = random.choice(([], ["k"], ["k", "op"]))
    aggregates = [f"{each} AS g{at}" for at, each in enumerate(random.sample(_AGGREGATES, random.choice((1, 2, 3))))]
    where = random.choice(("", "v > 3"))
    having = random.choice(("", " HAVING COUNT(*) > 1"))
    window = f"TUMBLE(CHANGE_TIMESTAMP(), INTERVAL '{size} seconds')"
    if hop is not None:
        window = f"HOP(CHANGE_TIMESTAMP(), INTERVAL '{hop} seconds', INTERVAL '{size} seconds')"
    mine_keys = ["CHANGE_TYPE()" if key == "op" else key for key in keys]
    listed = [f"{key} AS {name}" for key, name in zip(mine_keys, keys, strict=True)]
    mine = (
        f"SELECT {', '.join(['window_start AS w', *listed, *aggregates])} FROM a"
        f" WHERE CHANGE_DETECTED(){f' AND {where}' if where else ''} GROUP BY {', '.join([window, *mine_keys])}{having}"
    )
    start = f"time_bucket(INTERVAL '{hop or size} seconds', ts, TIMESTAMP '2000-01-01')"
    rows = f"SELECT *, {start} AS w FROM a"
    if hop is not None:
        rows = f"SELECT *, {start} - n * INTERVAL '{hop} seconds' AS w FROM a, range({size // hop}) r(n)"
    theirs = (
        f"SELECT {', '.join(['w', *keys, *aggregates])} FROM ({rows}){f' WHERE {where}' if where else ''}"
        f" GROUP BY {', '.join(['w', *keys])}{having}"
    )
    return Question(mine, theirs)
