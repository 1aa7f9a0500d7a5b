"""Streaming SELECTs that were written by hand, as people of other systems write them: the rows that DuckDB gives for
the table of changes, or the error that tells how it is said here. They stand in ``corpus``:

    -- case name
    the statement
    -- duckdb          what DuckDB is asked; left out where it is the same but for the functions about the change
    -- error QL302     and what the message or the hint must say"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import duckdb
import pytest

from queryleaf_cdc import CompileError, compile_sql
from queryleaf_cdc.plans.program import StreamStatement
from tests.streams.engine import Stream, one_by_one
from tests.streams.shop import DOCUMENTS, shop, tables
from tests.views.comparison import difference

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Case:
    name: str
    sql: str
    duckdb: str
    error: tuple[str, str] | None

    def __str__(self) -> str:
        return self.name


def read(path: Path) -> Iterator[Case]:
    for text in path.read_text().split("-- case ")[1:]:
        name, _, rest = text.partition("\n")
        sql, _, wanted = rest.partition("\n-- error ")
        if wanted:
            code, _, said = wanted.strip().partition("\n")
            yield Case(name.strip(), sql, "", (code, said))
            continue
        sql, _, theirs = rest.partition("\n-- duckdb\n")
        yield Case(name.strip(), sql, theirs or of_changes(sql), None)


def of_changes(sql: str) -> str:
    """The same, asked of the table of changes."""
    found = re.sub(r"CHANGE_DETECTED\(\w*\)", "TRUE", sql.strip().rstrip(";"))
    found = found.replace("CHANGE_TIMESTAMP()", "moment").replace("CHANGE_TYPE()", "op")
    found = re.sub(r"\bOLD\.(\w+)", r"old_\1", found)
    window = re.search(r"TUMBLE\((\w+(?:\.\w+)?), (INTERVAL '[^']*'(?: [A-Z]+)?)\)", found)
    if window is not None:
        found = re.sub(r"(?<!AS )\bwindow_start\b", window[0], found)
        found = re.sub(r"(?<!AS )\bwindow_end\b", f"({window[0]} + {window[2]})", found)
    return found


CASES = [case for path in sorted(FOLDER.glob("*.sql")) for case in read(path)]
ANSWERED = [case for case in CASES if case.error is None]
REFUSED = [case for case in CASES if case.error is not None]


def _unsorted(sql: str) -> str:
    return re.sub(r"\bORDER BY \w+\s*$", "", sql)


def _is_one_by_one(case: Case) -> bool:
    return isinstance(compile_sql(_unsorted(case.sql)).statements[0], StreamStatement)


ONE_BY_ONE = [case for case in ANSWERED if _unsorted(case.sql) != case.sql and _is_one_by_one(case)]


@cache
def oracle() -> duckdb.DuckDBPyConnection:
    return tables()


def test_names_are_given_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_says_what_duckdb_says(case: Case) -> None:
    cursor = oracle().execute(case.duckdb)
    names, expected = [column[0] for column in cursor.description or ()], cursor.fetchall()
    rows = Stream(case.sql, DOCUMENTS).run(shop().history, Random(1))
    wrong = difference([tuple(row.values[name] for name in names) for row in rows], expected)
    assert wrong is None, f"{case.duckdb}\n{wrong}"
    assert expected, "nothing is compared"


@pytest.mark.parametrize("case", ONE_BY_ONE, ids=str)
def test_one_change_at_a_time_says_the_same(case: Case) -> None:
    """What has no memory takes another way than the rest."""
    cursor = oracle().execute(case.duckdb)
    names, expected = [column[0] for column in cursor.description or ()], cursor.fetchall()
    rows = one_by_one(_unsorted(case.sql), shop().history)
    wrong = difference([tuple(row[name] for name in names) for row in rows], expected)
    assert wrong is None, f"{case.duckdb}\n{wrong}"


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_is_refused_and_told_how_to_say_it(case: Case) -> None:
    assert case.error is not None
    code, said = case.error
    with pytest.raises(CompileError) as raised:
        compile_sql(case.sql)
    assert raised.value.code == code
    assert raised.value.span is not None
    assert said in raised.value.render()
