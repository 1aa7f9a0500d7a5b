"""A stream that is read twice by a query (WITH, or a name) meets itself as another one would."""

from __future__ import annotations

import pytest

from tests.streams.queries import Question
from tests.streams.test_random_streams import check

P = "SELECT _id AS id, k, v, CHANGE_TIMESTAMP() AS ts FROM a WHERE CHANGE_DETECTED()"
WITHIN = "x.k = y.k AND x.ts BETWEEN y.ts - INTERVAL '1 minute' AND y.ts"
THEIRS = f"SELECT x.id AS x, y.id AS y, x.v - y.v AS d FROM a x JOIN a y ON {WITHIN}"


@pytest.mark.parametrize("seed", range(4))
def test_with(seed: int) -> None:
    sql = f"WITH p AS ({P}) SELECT x.id AS x, y.id AS y, x.v - y.v AS d FROM p x JOIN p y ON {WITHIN}"
    check(Question(sql, THEIRS), seed)


@pytest.mark.parametrize("seed", range(4))
def test_names_within_names(seed: int) -> None:
    pairs = f"CREATE VIEW pairs AS SELECT x.id AS x, y.id AS y, x.v - y.v AS d FROM p x JOIN p y ON {WITHIN}"
    named = "CREATE VIEW named AS SELECT q.*, c.name FROM pairs q LEFT JOIN c ON c._id = q.y"
    mine = f"CREATE VIEW p AS {P}; {pairs}; {named}; SELECT x, y, d, name FROM named"
    check(Question(mine, f"SELECT t.*, c.name FROM ({THEIRS}) t LEFT JOIN c ON c.id = t.y"), seed)
