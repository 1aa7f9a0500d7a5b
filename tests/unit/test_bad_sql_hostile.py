"""Hostile text: a clear error in at most two seconds, never a traceback."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queryleaf_cdc import CompileError, compile_sql
from queryleaf_cdc.frontend import parse
from queryleaf_cdc.source import Source

MANY = 10_000
SECONDS = 2.0
BODY = "CREATE TRIGGER t ON o FOR INSERT BEGIN "

HOSTILE = {
    "10 MB": ("SELECT 1;" * 1_200_000, "QL103"),
    "parentheses": ("SELECT " + "(" * MANY + "1" + ")" * MANY, "QL103"),
    "open parentheses": ("SELECT " + "(" * MANY, "QL103"),
    "brackets": ("SELECT a" + "[b" * MANY, "QL103"),
    "NOT": ("SELECT " + "NOT " * MANY + "a", "QL103"),
    "minus": ("SELECT " + "- " * MANY + "1", "QL103"),
    "AND": ("SELECT " + " AND ".join(["a = 1"] * MANY), "QL103"),
    "OR": ("SELECT " + " OR ".join(["a"] * MANY), "QL103"),
    "plus": ("SELECT " + " + ".join(["a"] * MANY), "QL103"),
    "casts": ("SELECT a" + "::int" * MANY, "QL103"),
    "arrows": ("SELECT a" + " -> 'b'" * MANY, "QL103"),
    "subscripts": ("SELECT a" + "[b]" * MANY, "QL103"),
    "IS NULL": ("SELECT a" + " IS NULL" * MANY, "QL103"),
    "LIKE": ("SELECT a" + " LIKE 'b'" * MANY, "QL106"),
    "IN": ("SELECT a" + " IN (1)" * MANY, "QL103"),
    "AT TIME ZONE": ("SELECT a" + " AT TIME ZONE 'b'" * MANY, "QL103"),
    "UNION": (" UNION ".join(["SELECT 1"] * MANY), "QL103"),
    "CASE": ("SELECT " + "CASE WHEN " * MANY, "QL103"),
    "IF": (BODY + "IF a THEN " * MANY, "QL103"),
    "ELSE IF": (BODY + "IF a THEN " + "ELSE IF a THEN " * MANY + "END IF; END", "QL103"),
    "BEGIN": ("BEGIN " * MANY, "QL103"),
    "END": ("END " * MANY, "QL109"),
    "statements": ("SELECT 1;" * 6_000, "QL103"),
    "semicolons": (";" * 50_000, "QL104"),
    "grouping sets": ("SELECT 1 FROM t GROUP BY " + ",".join(["CUBE(a, b, c)"] * 9), "QL103"),
    "windows": (
        "SELECT SUM(a) OVER w0 FROM t WINDOW " + ",".join(f"w{i} AS (w{i + 1})" for i in range(2_000)),
        "QL106",
    ),
    "string": ("SELECT 'a" + "b" * 900_000, "QL102"),
    "escapes": ("SELECT E'" + "\\" * 900_001, "QL102"),
    "name": ('SELECT "a' + "b" * 900_000, "QL102"),
    "comment": ("SELECT /* a", "QL102"),
    "comments": ("/*" * 400_000, "QL102"),
    "dollar quote": ("SELECT $a$ b", "QL102"),
    "dollars": ("$" * 900_000, "QL103"),
    "unclosed body": (BODY + "CALL p();", "QL109"),
    "binary": (bytes(range(256)).decode("latin-1") * 100, "QL101"),
    "NUL": ("SELECT 1\0", "QL101"),
    "NUL in a string": ("SELECT '\0'", "QL101"),
    "lone surrogate": ("SELECT \ud800", "QL101"),
    "replacement characters": ("\ufffd\ufffd", "QL101"),
    "digits": ("SELECT " + "1" * 900_000, "QL110"),
    "interval": ("SELECT INTERVAL '" + "1 day " * 100_000 + "'", "QL110"),
    "one word": ("x" * 900_000, "QL105"),
    "nothing": ("", "QL104"),
    "blanks": (" \n\t-- x\n/* y */", "QL104"),
    "headers": ("CREATE TRIGGER " * MANY, "QL106"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_clear_error_in_time(name: str) -> None:
    text, code = HOSTILE[name]
    began = time.process_time()
    _, diagnostics = parse(Source(text))
    assert diagnostics[0].code == code
    assert time.process_time() - began < SECONDS


LEGITIMATE = {
    "500 conditions": "SELECT " + " AND ".join(["a = 1"] * 500),
    "80 summands": "SELECT " + " + ".join(["a"] * 80),
    "5,000 values": "SELECT a IN (" + ",".join(["1"] * 5_000) + ")",
    "90 parentheses": "SELECT " + "(" * 90 + "a + 1" + ")" * 90 + " = 2",
    "90 calls": "SELECT " + "f(" * 90 + "1" + ")" * 90,
    "500 branches": "SELECT CASE " + "WHEN a = 1 THEN b " * 500 + "END",
    "40 IFs": BODY + "IF a THEN " * 40 + "CALL p(); " + "END IF; " * 40 + "END",
    "40 subqueries": "SELECT * FROM " + "(SELECT * FROM " * 40 + "t" + ") x" * 40,
    "1,000 rows": "INSERT INTO t (a, b) VALUES " + ",".join(["(1, 'x')"] * 1_000),
    "a long string": "SELECT '" + "a" * 900_000 + "'",
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_what_is_merely_long_is_read(name: str) -> None:
    statements, diagnostics = parse(Source(LEGITIMATE[name]))
    assert (len(statements), diagnostics) == (1, ())


WORDS = [
    "SELECT", "FROM", "WHERE", "(", ")", ",", ";", "a", "b", "1", "'x'", '"y"', "=", "+", "-", "*", ".", "[", "]",
    "::", "int", "CASE", "WHEN", "THEN", "ELSE", "END", "IF", "BEGIN", "LOOP", "FOR", "IN", "NOT", "NULL", "AND",
    "OR", "IS", "BETWEEN", "CREATE", "TRIGGER", "ON", "INSERT", "INTO", "VALUES", "UPDATE", "SET", "DELETE",
    "USING", "CALL", "RETURN", "RAISE", "DECLARE", ":=", "JOIN", "GROUP", "BY", "ORDER", "LIMIT", "UNION", "WITH",
    "AS", "OVER", "PARTITION", "ROWS", "FILTER", "DISTINCT", "INTERVAL", "DATE", "EXTRACT", "CAST", "ARRAY", "$$",
    "->", "||", "ON", "CONFLICT", "DO", "NOTHING", "ELSIF", "AFTER", "OF", "EACH", "ROW", "DROP", "TABLE",
    "PRIMARY", "KEY", "UNNEST", "EXISTS", "ANY", "EMIT", "CHANGES", "TRIM", "LIKE", "ESCAPE",
]  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_no_sequence_of_words_is_a_traceback(words: list[str]) -> None:
    parse(Source(" ".join(words)))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_a_traceback(text: str) -> None:
    parse(Source(text))


REAL = """
CREATE OR REPLACE TRIGGER t AFTER INSERT OR UPDATE OF a, b ON o FOR EACH ROW WHEN (NEW.x > 1) WITH (max_retries = 3) AS
DECLARE v INT := 1;
BEGIN
  IF NEW.a = 1 AND OLD.b IS NOT NULL THEN
    INSERT INTO c (d, e.f) VALUES (1, CASE WHEN a THEN 1 ELSE 2 END), (2, 3)
      ON CONFLICT (d) DO UPDATE SET d = 1 WHERE g;
  ELSIF x IN (1, 2) THEN
    UPDATE c t SET d = d + u.n, (e, f) = (1, 2) FROM u JOIN w ON u.i = w.i WHERE t.i = u.i;
  ELSE
    DELETE FROM c USING u WHERE c.i = u.i;
  END IF;
  SELECT COUNT(*), MAX(x) INTO v, w FROM c WHERE y BETWEEN 1 AND 2 GROUP BY z HAVING MIN(q) > 1;
  FOR r IN (SELECT x FROM c ORDER BY x DESC LIMIT 5) LOOP CALL p(r.x, v::text || 'a'); END LOOP;
  CASE v WHEN 1 THEN RETURN; ELSE RAISE 'no %', v; END CASE;
END;
WITH c AS (SELECT a, SUM(b) OVER (PARTITION BY d ORDER BY e ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM t)
SELECT c.*, EXTRACT(hour FROM d) FROM c LEFT JOIN u ON c.a = u.a, UNNEST(u.l) AS i(x) UNION ALL SELECT 1, 2 FROM v;
"""


@pytest.mark.parametrize("seed", range(150))
def test_no_damage_to_real_text_is_a_traceback(seed: int) -> None:
    chance = random.Random(seed)
    words = REAL.split(" ")
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(words))
        match chance.randrange(3):
            case 0:
                del words[place]
            case 1:
                words.insert(place, chance.choice(WORDS))
            case _:
                other = chance.randrange(len(words))
                words[place], words[other] = words[other], words[place]
    parse(Source(" ".join(words)))


def test_the_real_text_itself_is_right() -> None:
    statements, diagnostics = parse(Source(REAL))
    assert (len(statements), diagnostics) == (2, ())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t WHERE * > 1",
        "SELECT a FROM t WHERE CHANGE_DETECTED() AND t.* IS NULL",
        "SELECT * + 1 AS x FROM t",
        "SELECT a FROM t WHERE a IN (SELECT b FROM u WHERE * = 1)",
        "SELECT COUNT(*) AS n FROM t GROUP BY a HAVING * > 1",
        "SELECT a FROM t ORDER BY *",
        "CREATE TRIGGER x AFTER INSERT ON t WHEN (* > 1) BEGIN DELETE FROM u WHERE a = 1; END",
        "DELETE FROM t WHERE * = 1",
        "CREATE MATERIALIZED VIEW v AS SELECT a FROM t WHERE * > 1",
    ],
)
def test_a_star_is_no_value(sql: str) -> None:
    with pytest.raises(CompileError) as raised:
        compile_sql(sql)
    assert raised.value.code == "QL106"
    assert raised.value.span is not None
