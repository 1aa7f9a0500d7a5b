"""What is said about wrong SQL: the code, the exact place, and the guess. One row per mistake."""

from __future__ import annotations

import pytest

from queryleaf_cdc.frontend import parse
from queryleaf_cdc.source import Source

BODY = "CREATE TRIGGER t ON o FOR UPDATE AS BEGIN\n  {}\nEND;"


def findings(text: str) -> list[tuple[str, str]]:
    """Code and place of every diagnostic."""
    source = Source(text)
    return [(each.code, source.slice(each.span) if each.span else "") for each in parse(source)[1]]


def hints(text: str) -> str:
    return " ".join(each.hint or "" for each in parse(Source(text))[1])


STATEMENTS = [
    # text and tokens
    ("SELECT 'abc", "QL102", "'"),
    ('SELECT "abc', "QL102", '"'),
    ("SELECT 1 /* abc", "QL102", "/*"),
    ("SELECT $q$ abc $$", "QL102", "$q$"),
    ("SELECT ‘a’", "QL101", "‘"),
    ("SELECT 1\x00", "QL101", "\x00"),
    ("SELECT 12abc", "QL101", "abc"),
    ("", "QL104", ""),
    ("-- nothing\n;;", "QL104", "-"),
    # statements
    ("CRAETE TRIGGER t ON o FOR INSERT BEGIN END", "QL105", "CRAETE"),
    ("TRUNCATE orders", "QL105", "TRUNCATE"),
    ("BEGIN", "QL105", "BEGIN"),
    ("SHOW TABLES", "QL150", "TABLES"),
    ("DESCRIBE a.b", "QL106", "a.b"),
    ("EXPLAIN SHOW TRIGGERS", "QL106", "TRIGGERS"),
    ("EXPLAIN SELECT a FROM", "QL107", "FROM"),
    ("(1)", "QL106", "1"),
    ("'x'", "QL105", "'x'"),
    ("END", "QL109", "END"),
    ("CREATE", "QL107", "CREATE"),
    ("CREATE TRIGER t", "QL106", "TRIGER"),
    ("CREATE INDEX i ON t (a)", "QL301", "CREATE INDEX"),
    ("CREATE VIEW v (a) AS SELECT 1", "QL106", "("),
    ("CREATE SINK s AS SELECT 1", "QL107", "1"),
    ("CREATE SINK s AS SELECT 1 INTO FILE f", "QL106", "f"),
    ("CREATE SINK s WITH (secret = ENV x) AS SELECT 1 INTO t", "QL125", "ENV x"),
    ("DROP TABLE orders", "QL301", "DROP TABLE"),
    ("DROP TRIGGER", "QL107", "TRIGGER"),
    ("SELECT 1 SELECT 2", "QL106", "SELECT"),
    # queries
    ("SELECT a, FROM t", "QL106", "FROM"),
    ("SELECT a FROM t WHERE", "QL107", "WHERE"),
    ("SELECT a FROM t WHERE a == 1", "QL106", "=="),
    ("SELECT a FROM t WHERE a = 1 AND", "QL107", "AND"),
    ("SELECT (a FROM t", "QL106", "FROM"),
    ("SELECT a FORM t x", "QL106", "t"),
    ("SELECT items.0.sku FROM t", "QL106", ".0"),
    ("SELECT INTERVAL '3 fortnights'", "QL110", "INTERVAL '3 fortnights'"),
    ("SELECT DATE '2025-13-01'", "QL110", "DATE '2025-13-01'"),
    ("SELECT 1e999", "QL110", "1e999"),
    ("SELECT a::strng FROM t", "QL111", "strng"),
    ("SELECT a FROM t NATURAL JOIN u", "QL302", "NATURAL"),
    ("SELECT a & b FROM t", "QL302", "&"),
    # writes
    ("INSERT INTO t VALUES (1)", "QL140", "t"),
    ("INSERT INTO t (a, b) VALUES (1, 2), (3)", "QL141", "(3)"),
    ("INSERT INTO t (a, b) SELECT x FROM u", "QL141", "x"),
    ("INSERT INTO t (a, a) VALUES (1, 2)", "QL141", "a"),
    ("INSERT INTO t (a) VALUES (DEFAULT)", "QL143", "DEFAULT"),
    ("INSERT INTO t (a) VALUES (1) RETURNING a", "QL142", "RETURNING"),
    ("INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 2", "QL106", "ON CONFLICT DO UPDATE SET a = 2"),
    ("UPDATE t SET a = 1, a = 2", "QL141", "a = 2"),
    ("UPDATE t SET a += 1", "QL106", "+="),
    ("UPDATE t SET (a, b) = (1)", "QL141", "(a, b) = (1)"),
    ("UPDATE t SET (a, b) = (SELECT 1, 2)", "QL302", "(SELECT 1, 2)"),
    ("UPDATE t WHERE a = 1", "QL106", "WHERE"),
    ("UPDATE a.b SET c = 1", "QL106", "a.b"),
    ("DELETE t WHERE a = 1", "QL106", "t"),
    ("DELETE FROM t WHERE a = 1 RETURNING *", "QL142", "RETURNING"),
    # declarations
    ("CREATE TABLE t (a FOO)", "QL111", "FOO"),
    ("CREATE TABLE t (a)", "QL107", "a"),
    ("CREATE TABLE t (a INT DEFAULT 1)", "QL302", "DEFAULT"),
    ("CREATE TABLE t (a INT, a TEXT)", "QL141", "a"),
    # trigger headers
    ("CREATE TRIGGER AFTER INSERT ON o BEGIN END", "QL124", "AFTER"),
    ("CREATE TRIGGER t BEFORE INSERT ON o BEGIN END", "QL120", "BEFORE"),
    ("CREATE TRIGGER t INSTEAD OF UPDATE ON o BEGIN END", "QL120", "INSTEAD OF"),
    ("CREATE TRIGGER t AFTER INSERT ON o FOR EACH STATEMENT BEGIN END", "QL121", "FOR EACH STATEMENT"),
    ("CREATE TRIGGER t AFTER TRUNCATE ON o BEGIN END", "QL122", "TRUNCATE"),
    ("CREATE TRIGGER t AFTER INSERT ON o EXECUTE FUNCTION f()", "QL123", "EXECUTE FUNCTION f()"),
    ("CREATE TRIGGER t FOR INSERT BEGIN END", "QL124", "t"),
    ("CREATE TRIGGER t ON o BEGIN END", "QL124", "t"),
    ("CREATE TRIGGER t ON o FOR INSERT, INSERT BEGIN END", "QL124", "INSERT"),
    ("CREATE TRIGGER t ON o FOR UPSERT BEGIN END", "QL106", "UPSERT"),
    ("CREATE TRIGGER t ON o FOR INSERT, UPSERT BEGIN END", "QL124", "UPSERT"),
    ("CREATE TRIGGER t ON o ON p FOR INSERT BEGIN END", "QL124", "ON p"),
    ("CREATE TRIGGER t ON o FOR INSERT WITH (on_error = retry) BEGIN END", "QL125", "retry"),
    ("CREATE TRIGGER t ON o FOR INSERT WHEN NEW.x > 1 BEGIN END", "QL106", "NEW"),
    ("CREATE TRIGGER t ON o FOR INSERT", "QL107", "INSERT"),
    ("CREATE TRIGGER ON o FOR INSERT BEGIN END", "QL106", "ON"),
]

BODIES = [
    ("IF a THEN CALL p();", "QL109", "IF"),
    ("FOR r IN (SELECT 1) LOOP CALL p();", "QL109", "LOOP"),
    ("IF a CALL p(); END IF;", "QL108", "CALL"),
    ("IF a THEN CALL p(); END;", "QL108", "END"),
    ("IF a THEN CALL p(); END; UPDATE c SET d = 1;", "QL108", "END"),
    ("ELSIFF a THEN CALL p();", "QL105", "ELSIFF"),
    ("ELSE CALL p();", "QL109", "ELSE"),
    ("WHILE a LOOP CALL p(); END LOOP;", "QL105", "WHILE"),
    ("FOR i IN 1..10 LOOP CALL p(); END LOOP;", "QL106", "1"),
    ("x := 1\n  CALL p();", "QL108", "1"),
    ("CALL p()\n  CALL q();", "QL108", ")"),
    ("x := ;", "QL106", ";"),
    ("x := 1 + ;", "QL107", "+"),
    ("IF THEN CALL p(); END IF;", "QL106", "THEN"),
    ("RETURN 5;", "QL130", "5"),
    ("SELECT a FROM c;", "QL131", "SELECT"),
    ("SELECT a, b INTO v w FROM c;", "QL106", "w"),
    ("SELECT a, b INTO v, FROM c;", "QL106", "FROM"),
    ("SELECT a, b INTO v, w, x FROM c;", "QL141", "INTO v, w, x"),
    ("SELECT a INTO STRICT v FROM c;", "QL302", "STRICT"),
    ("PERFORM f();", "QL132", "PERFORM"),
    ("RAISE NOTICE 'x';", "QL133", "NOTICE"),
    ("RAISE 'x %';", "QL133", "RAISE 'x %'"),
    ("RAISE;", "QL133", "RAISE"),
    ('RAISE "x";', "QL112", '"x"'),
    ("NEW.status := 'x';", "QL134", "NEW.status"),
    ("EXECUTE 'x';", "QL105", "EXECUTE"),
    ("DECLARE v FOO;", "QL111", "FOO"),
    ("CALL p;", "QL106", ";"),
    ("CALL p(1;", "QL108", "1"),
    ('IF NEW.status = "paid" THEN CALL p(); END IF;', "QL112", '"paid"'),
    ("INSRT INTO c (a) VALUES (1);", "QL105", "INSRT"),
    ("COMMIT;", "QL105", "COMMIT"),
]


@pytest.mark.parametrize(("text", "code", "place"), STATEMENTS)
def test_statement(text: str, code: str, place: str) -> None:
    assert findings(text) == [(code, place)]


@pytest.mark.parametrize(("text", "code", "place"), BODIES)
def test_body(text: str, code: str, place: str) -> None:
    assert findings(BODY.format(text)) == [(code, place)]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("CRAETE TRIGGER t", "did you mean CREATE?"),
        ("CREATE TRIGER t ON o", "did you mean TRIGGER?"),
        (BODY.format("ELSIFF a THEN CALL p();"), "did you mean ELSIF?"),
        (BODY.format("INSRT INTO c (a) VALUES (1);"), "did you mean INSERT?"),
        ("SELECT a == 1", "write ="),
        ("SELECT !a", "write NOT"),
        ("SELECT a && b", "write AND"),
        ("SELECT `a`", 'quoted with "'),
        ("SELECT a::strng", "did you mean STRING?"),
        ("SELECT items.0.sku FROM t", "items[0]"),
        ("SELECT 1 AS 'x'", "without quotes"),
        ("SELECT x FROM a LIMIT 1, 2", "OFFSET"),
        ("UPDATE t SET a += 1", "x = x +"),
        ("INSERT INTO t VALUES (1)", "INSERT INTO target (field, ...)"),
        ("UPDATE a.b SET c = 1", '"a.b"'),
        ("MERGE INTO a", "ON CONFLICT"),
        ("CREATE TRIGGER t ON o FOR INSRT BEGIN END", "did you mean INSERT?"),
        (BODY.format("PERFORM f();"), "CALL"),
        (BODY.format("EXECUTE f();"), "CALL"),
        (BODY.format("RETURN NEW.x;"), "RETURN;"),
        (BODY.format('IF NEW.status = "paid" THEN CALL p(); END IF;'), "write 'paid'"),
        ("CREATE TRIGGER t BEFORE INSERT ON o BEGIN END", "AFTER"),
        ("CREATE FUNCTION f() RETURNS INT", "@ql.function"),
    ],
)
def test_hint(text: str, hint: str) -> None:
    assert hint in hints(text)


def test_every_mistake_of_a_file_is_reported_in_order() -> None:
    text = """
CREATE TRIGGER one ON orders FOR INSERT AS BEGIN
  IF NEW.total > THEN
    SET x = 1 +;
    CALL p(1, ;
  ELSIFF NEW.total = 2 THEN
    INSERT INTO log VALUES (1);
  END IF;
  UPDATE c SET a == 1;
  CALL fine();
END;
SELEC 1;
SELECT a FROM;
CREATE TRIGGER two BEFORE DELETE ON orders BEGIN
  RAISE NOTICE 'x';
END;
SELECT 1 FROM fine;
UPDATE c SET;
"""
    assert findings(text) == [
        ("QL107", ">"),
        ("QL107", "+"),
        ("QL106", ";"),
        ("QL105", "ELSIFF"),
        ("QL140", "log"),
        ("QL106", "=="),
        ("QL105", "SELEC"),
        ("QL107", "FROM"),
        ("QL120", "BEFORE"),
        ("QL133", "NOTICE"),
        ("QL107", "SET"),
    ]


def test_what_is_right_is_still_given() -> None:
    statements, _ = parse(Source("SELECT a FROM; SELECT 1; CREATE TRIGGER t ON o FOR INSERT BEGIN FOO; END; SELECT 2;"))
    assert len(statements) == 2


def test_an_unclosed_trigger_does_not_swallow_the_next_one() -> None:
    text = "CREATE TRIGGER a ON o FOR INSERT BEGIN CALL p();\nCREATE TRIGGER b ON o FOR INSERT BEGIN CALL p(); END;"
    statements, diagnostics = parse(Source(text))
    assert ([each.name for each in statements], len(diagnostics)) == (["b"], 1)  # type: ignore[union-attr]


def test_mistakes_inside_an_unclosed_block_are_reported_too() -> None:
    assert findings("CREATE TRIGGER t ON o FOR INSERT BEGIN IF a THEN SET x = 1 +; END;") == [
        ("QL109", "IF"),
        ("QL107", "+"),
    ]


def test_a_body_is_read_behind_a_broken_header() -> None:
    text = "CREATE TRIGGER t ON o FOR INSERT CALLED t BEGIN SET x = 1 +; END;"
    assert findings(text) == [("QL106", "CALLED"), ("QL107", "+")]


def test_a_misspelled_keyword_does_not_hide_what_follows_it() -> None:
    text = "CRAETE TRIGGER t ON o FOR INSERT BEGIN INSRT INTO c (a) VALUES (1 +); END;"
    assert findings(text) == [("QL105", "CRAETE"), ("QL105", "INSRT"), ("QL107", "+")]


@pytest.mark.parametrize("text", [text for text, _, _ in STATEMENTS] + [BODY.format(text) for text, _, _ in BODIES])
def test_messages_are_about_sql(text: str) -> None:
    shown = " ".join(each.render(Source(text)) for each in parse(Source(text))[1])
    for word in ("sqlglot", "lark", "<class", "Traceback", "token", "None", "exp.", "LPAR", "COMMA", "NAME"):
        assert word not in shown
