"""TUMBLE, HOP and SESSION in FROM; DuckDB has none of them, and is given what they mean."""

from __future__ import annotations

from tests.views.drawing import Draw, Kind, Relation, Rows, Value
from tests.views.texts import Pair

_MINUTE = 60_000
_WINDOW = ("window_start", "window_end")


def time_window(draw: Draw, relation: Relation) -> Rows | None:
    """The collection's documents with their windows; None when it has no time."""
    times = [(path, name) for path, name, kind, _ in relation.columns if kind is Kind.TIME]
    if not times:
        return None
    (path, name), alias = draw.one_of(times), draw.alias()
    plain = relation.rows(alias)
    size = draw.pick(20, 60, 90, 150)
    text, unique = draw.pick(_tumble, _hop, _session)(draw, relation, path, name, size)
    columns = tuple(Value(f"{alias}.{each}", Kind.TIME, False, True) for each in _WINDOW)
    more = columns[:1] if unique else ()
    text = Pair(f"{text.ours} AS {alias}", f"({text.duckdb}) AS {alias}")
    return Rows(text, (*plain.columns, *columns), (*plain.unique, *more))


def _tumble(draw: Draw, relation: Relation, path: str, name: str, size: int) -> tuple[Pair, bool]:
    """The text, and whether a document may lie in several windows."""
    start = f"epoch_ms({name}) // {size * _MINUTE} * {size * _MINUTE}"
    return (
        Pair(
            f"TUMBLE({relation.name}, {path}, INTERVAL '{size} minutes')",
            f"SELECT *, make_timestamp({start} * 1000) AS window_start,"
            f" make_timestamp(({start} + {size * _MINUTE}) * 1000) AS window_end"
            f" FROM {relation.name} WHERE {name} IS NOT NULL",
        ),
        False,
    )


def _hop(draw: Draw, relation: Relation, path: str, name: str, size: int) -> tuple[Pair, bool]:
    slide = draw.pick(20, 30, 60)
    latest = f"epoch_ms({name}) // {slide * _MINUTE} * {slide * _MINUTE}"
    starts = f"range({latest}, epoch_ms({name}) - {size * _MINUTE}, -{slide * _MINUTE})"
    return (
        Pair(
            f"HOP({relation.name}, {path}, INTERVAL '{slide} minutes', INTERVAL '{size} minutes')",
            f"SELECT t.*, make_timestamp(u.s * 1000) AS window_start,"
            f" make_timestamp((u.s + {size * _MINUTE}) * 1000) AS window_end"
            f" FROM {relation.name} AS t, UNNEST({starts}) AS u(s) WHERE {name} IS NOT NULL",
        ),
        True,
    )


def _session(draw: Draw, relation: Relation, path: str, name: str, size: int) -> tuple[Pair, bool]:
    partition = draw.pick("", "k")
    by = f"PARTITION BY {partition} " if partition else ""
    gap = f"INTERVAL '{size} minutes'"
    begins = f"CASE WHEN {name} < LAG({name}) OVER ({by}ORDER BY {name}) + {gap} THEN 0 ELSE 1 END"
    numbered = f"SELECT *, {begins} AS begins FROM {relation.name} WHERE {name} IS NOT NULL"
    # Rows of the same moment are in one session: only the first of them can begin it.
    counted = f"SELECT * EXCLUDE (begins), SUM(begins) OVER ({by}ORDER BY {name}) AS session FROM ({numbered})"
    within = f"PARTITION BY {f'{partition}, ' if partition else ''}session"
    return (
        Pair(
            f"SESSION({relation.name}{f' {by}'.rstrip()}, {path}, {gap})",
            f"SELECT * EXCLUDE (session), MIN({name}) OVER ({within}) AS window_start,"
            f" MAX({name}) OVER ({within}) + {gap} AS window_end FROM ({counted})",
        ),
        False,
    )
