"""The Nexmark example: its views, DuckDB's form of them, and histories of its collections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from types import ModuleType

from tests.views.documents import Document
from tests.views.example_files import ExampleOracle, module_of, tables_of, text_of, views_of
from tests.views.histories import Change

TEXT = text_of("nexmark")
VIEWS = views_of(TEXT)
events: ModuleType = module_of("nexmark", "events")

_PLACES = {"person": 0, "auction": 1, "bid": 4}
"""One place of each kind among fifty events."""

_SLICE = "time_bucket(INTERVAL '10' SECOND, date_time)"


def _own_form(query: str) -> str:
    """What DuckDB says with other words."""
    replaced = (
        ("TO_CHAR(date_time, 'YYYY-MM-DD')", "strftime(date_time, '%Y-%m-%d')"),
        ("TO_CHAR(date_time, 'HH24:MI')", "strftime(date_time, '%H:%M')"),
        (
            "REGEXP_MATCH(url, '(&|^)channel_id=([^&]*)')[1]",
            "NULLIF(REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2), '')",
        ),
    )
    for ours, theirs in replaced:
        query = query.replace(ours, theirs)
    query = _GROUPED.sub(lambda found: f"FROM {_windows(found[3], found[1])} GROUP BY {found[2]}{_KEYS}", query)
    return _IN_FROM.sub(lambda found: f"FROM {_windows(found[1], found[2])}", query)


_GROUPED = re.compile(r"FROM (\w+)\n *GROUP BY ((?:\w+, )*)(TUMBLE)\(.*\)")
_IN_FROM = re.compile(r"FROM (TUMBLE|HOP)\((\w+), .*\)")
_KEYS = "window_start, window_end"


def _windows(kind: str, table: str) -> str:
    """The table's rows, each with every window that it lies in."""
    first = _SLICE if kind == "TUMBLE" else "time_bucket(INTERVAL '2' SECOND, date_time) - n * INTERVAL '2' SECOND"
    steps = 1 if kind == "TUMBLE" else 5
    columns = f"{first} AS window_start, {first} + INTERVAL '10' SECOND AS window_end"
    return f"(SELECT *, {columns} FROM {table}, range({steps}) AS steps(n))"


_SESSIONS = """
SELECT
  bidder, COUNT(*) AS bids, MIN(date_time) AS window_start, MAX(date_time) + INTERVAL '10' SECOND AS window_end
FROM (
  SELECT bidder, date_time, SUM(opens) OVER (PARTITION BY bidder ORDER BY date_time, _id) AS number
  FROM (
    SELECT *, CASE
        WHEN date_time - LAG(date_time) OVER (PARTITION BY bidder ORDER BY date_time, _id) < INTERVAL '10' SECOND THEN 0
        ELSE 1
      END AS opens
    FROM bid
  )
)
GROUP BY bidder, number
"""

DUCKDB = {name: _own_form(query) for name, query in VIEWS.items()} | {"nexmark_q11": _SESSIONS}


def oracle() -> ExampleOracle:
    return ExampleOracle(tables_of(TEXT))


def loaded(count: int, seed: int = 1, side_rows: int = 2_000) -> list[Change]:
    """The first events, and the side input. Twenty events are a second, so that there are windows to fill."""
    found = [("side_input", row) for row in events.side_input(side_rows, first=900)]
    found += events.Stream(seed, rate=20).events(0, count)
    return [Change(collection, "insert", None, document) for collection, document in found]


def history(before: list[Change], count: int, seed: int = 1) -> Iterator[Change]:
    """``count`` events more, and between them what a benchmark of insertions leaves out: updates and deletes."""
    known: dict[tuple[str, object], Document] = {(each.collection, each.key): each.after or {} for each in before}
    random = Random(seed)
    first = sum(collection != "side_input" for collection, _ in known)
    for collection, document in events.Stream(seed, rate=20).events(first, first + count):
        known[collection, document["_id"]] = document
        yield Change(collection, "insert", None, document)
        if random.random() < 0.5:
            at = random.choice(list(known)) if random.random() < 0.5 else _of_few(known, random)
            change = _change(at[0], known.pop(at), random)
            if change.after is not None:
                known[at] = change.after
            yield change


def _of_few(known: dict[tuple[str, object], Document], random: Random) -> tuple[str, object]:
    """A person, an auction or a row of the side input: there are fewer of them than bids."""
    return random.choice([each for each in known if each[0] != "bid"])


def _change(collection: str, before: Document, random: Random) -> Change:
    if random.random() < 0.4:
        return Change(collection, "delete", before, None)
    if collection == "side_input":
        number = random.randint(900, 1_300)
        return Change(collection, "update", before, before | {"key": number, "value": f"other {number}"})
    _, other = events.Stream(random.randrange(100), rate=20).event(50 * random.randrange(20) + _PLACES[collection])
    names = random.sample(sorted(other.keys() - {"_id"}), 2)
    return Change(collection, "update", before, before | {name: other[name] for name in names})
