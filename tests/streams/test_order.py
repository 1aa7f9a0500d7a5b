"""ORDER BY sorts what arrives together."""

from __future__ import annotations

from random import Random

import pytest

from queryleaf_cdc import compile_sql
from tests.streams.changes import draw_history
from tests.streams.engine import Stream
from tests.streams.test_random_streams import ask, oracle


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("SELECT _id AS id, v FROM a {} ORDER BY v DESC, k, _id", "SELECT id, v FROM a {} ORDER BY v DESC, k, id"),
        (
            "SELECT _id AS id FROM a {} ORDER BY v + k NULLS FIRST, 1",
            "SELECT id FROM a {} ORDER BY v + k NULLS FIRST, 1",
        ),
        (
            "SELECT _id AS id, ROW_NUMBER() OVER (ORDER BY CHANGE_TIMESTAMP()) AS n FROM a {} ORDER BY n DESC",
            "SELECT id, ROW_NUMBER() OVER (ORDER BY seq) AS n FROM a {} ORDER BY n DESC",
        ),
    ],
)
def test_batches_are_sorted(mine: str, theirs: str, seed: int) -> None:
    """DuckDB is asked for each batch; numbers run on from one to the next."""
    history = draw_history(Random(seed), 120)
    connection, stream = oracle(history), Stream(mine.format("WHERE CHANGE_DETECTED()"))
    seen = 0
    for start in range(0, 120, 30):
        rows = [row.values for row in stream.batch(history.events[start : start + 30])]
        names, expected = ask(connection, theirs.format(f"WHERE seq BETWEEN {start} AND {start + 29}"))
        found = [tuple(row[name] for name in names) for row in rows]
        if "n" in names:
            expected = [(id, n + seen) for id, n in expected]
        assert found == expected
        seen += len(rows)


def test_a_union_is_sorted_as_one() -> None:
    part = "SELECT _id AS id, v FROM {} WHERE CHANGE_DETECTED() AND v IS NOT NULL"
    stream = Stream(f"{part.format('a')} UNION ALL {part.format('b')} ORDER BY v, id DESC")
    rows = [(row.values["v"], -row.values["id"]) for row in stream.batch(draw_history(Random(2), 80).events)]
    assert rows == sorted(rows)


def test_it_warns() -> None:
    program = compile_sql("SELECT * FROM a WHERE CHANGE_DETECTED() ORDER BY v")
    (warned,) = program.diagnostics
    assert warned.code == "QL310"
    assert "arrives together" in warned.message
