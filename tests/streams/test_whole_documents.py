"""OLD and NEW alone are the whole documents, in a stream with and without memory."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from tests.streams.changes import START, Document, History, change_event
from tests.streams.engine import Stream, one_by_one

FIRST, SECOND = {"_id": 1, "n": 1, "new": True}, {"_id": 1, "n": 2, "OLD": "field"}
STEPS = (("insert", None, FIRST), ("update", FIRST, SECOND), ("delete", SECOND, None))
HISTORY = History(
    tuple(
        change_event(at, kind, "a", 1, before, after, START + timedelta(seconds=at))
        for at, (kind, before, after) in enumerate(STEPS)
    ),
    (),
)


def asked(sql: str, remembers: bool) -> list[Document]:
    if not remembers:
        return one_by_one(sql, HISTORY)
    return [row.values for row in Stream(f"{sql} ORDER BY 1").run(HISTORY, Random(1))]


@pytest.mark.parametrize("remembers", [False, True])
def test_both(remembers: bool) -> None:
    found = asked("SELECT OLD AS was, NEW AS now, OLD IS NULL AS is_new FROM a WHERE CHANGE_DETECTED()", remembers)
    assert sorted(map(repr, found)) == sorted(
        repr({"was": before, "now": after, "is_new": before is None}) for _, before, after in STEPS
    )


@pytest.mark.parametrize("remembers", [False, True])
def test_fields_of_these_names(remembers: bool) -> None:
    found = asked('SELECT new, "OLD" AS old FROM a WHERE CHANGE_DETECTED()', remembers)
    assert sorted(map(repr, found)) == sorted(
        map(repr, [{"new": True, "old": None}, {"new": None, "old": "field"}, {"new": None, "old": "field"}])
    )


def test_the_document_before_this_one() -> None:
    sql = "SELECT LAG(NEW) OVER (ORDER BY CHANGE_TIMESTAMP()) AS before FROM a WHERE CHANGE_DETECTED()"
    assert [row.values["before"] for row in Stream(sql).run(HISTORY, Random(1))] == [None, FIRST, SECOND]
