"""Statements and trigger bodies: text to nodes."""

from __future__ import annotations

from typing import Any

import pytest

from queryleaf_cdc.errors import Diagnostic
from queryleaf_cdc.frontend import parse, parse_expression, parse_query
from queryleaf_cdc.source import NO_SPAN, Source
from queryleaf_cdc.syntax.expressions import Literal, Name
from queryleaf_cdc.syntax.queries import TableRef
from queryleaf_cdc.syntax.statements import (
    Assign,
    Assignment,
    BodyStatement,
    CallProcedure,
    Column,
    CreateSink,
    CreateStream,
    CreateTable,
    CreateTrigger,
    Declare,
    Delete,
    Describe,
    DropSink,
    DropStream,
    DropTrigger,
    EnvRef,
    Explain,
    ForLoop,
    If,
    Insert,
    OnConflict,
    Option,
    Raise,
    Return,
    SelectInto,
    SelectStatement,
    Show,
    SinkTarget,
    Statement,
    TriggerEvent,
    Update,
)


def one(text: str) -> Statement:
    statements, diagnostics = parse(Source(text))
    assert not [each.render(Source(text)) for each in diagnostics]
    (statement,) = statements
    return statement


def trigger(text: str) -> CreateTrigger:
    statement = one(text)
    assert isinstance(statement, CreateTrigger)
    return statement


def body(text: str) -> tuple[BodyStatement, ...]:
    return trigger(f"CREATE TRIGGER t ON o FOR INSERT AS BEGIN {text} END;").body


def warnings(text: str) -> tuple[Diagnostic, ...]:
    return parse(Source(f"CREATE TRIGGER t ON o FOR INSERT AS BEGIN {text} END;"))[1]


def n(*path: str | int) -> Name:
    return Name(path, NO_SPAN)


def v(value: Any) -> Literal:
    return Literal(value, NO_SPAN)


def event(operation: str, *columns: tuple[str | int, ...]) -> TriggerEvent:
    return TriggerEvent(operation, columns, NO_SPAN)


def call(name: str, *args: Any) -> CallProcedure:
    return CallProcedure(name, args, NO_SPAN)


def put(path: str, value: Any) -> Assignment:
    return Assignment(tuple(path.split(".")), value, NO_SPAN)


HEADERS = [
    ("ON orders FOR INSERT, UPDATE, DELETE AS", [event("INSERT"), event("UPDATE"), event("DELETE")]),
    ("AFTER INSERT OR DELETE ON orders FOR EACH ROW", [event("INSERT"), event("DELETE")]),
    ("AFTER UPDATE OF status, address.city ON orders", [event("UPDATE", ("status",), ("address", "city"))]),
    ("AFTER UPDATE OF a, b OR INSERT ON orders", [event("UPDATE", ("a",), ("b",)), event("INSERT")]),
    ("AFTER UPDATE OF a, INSERT ON orders", [event("UPDATE", ("a",)), event("INSERT")]),
    ("INSERT ON orders", [event("INSERT")]),
    ("ON orders AFTER INSERT, DELETE FOR EACH ROW AS", [event("INSERT"), event("DELETE")]),
    ("FOR UPDATE ON orders", [event("UPDATE")]),
    ("ON orders FOR EACH ROW FOR UPDATE OF items[0].sku", [event("UPDATE", ("items", 0, "sku"))]),
]


@pytest.mark.parametrize(("header", "events"), HEADERS)
def test_both_spellings_of_a_header_and_their_mixtures(header: str, events: list[TriggerEvent]) -> None:
    found = trigger(f"CREATE TRIGGER t {header} BEGIN END")
    assert (found.collection, list(found.events)) == ("orders", events)


def test_when_and_options() -> None:
    found = trigger(
        "CREATE OR REPLACE TRIGGER t ON o FOR UPDATE WHEN (NEW.x > 1 AND (OLD.x < 2)) "
        "WITH (On_Error = 'retry', max_retries = 3, slow = TRUE, factor = -1.5) BEGIN END;"
    )
    assert found.or_replace
    assert found.when == parse_expression("NEW.x > 1 AND OLD.x < 2")
    assert [(each.name, each.value) for each in found.options] == [
        ("on_error", "retry"), ("max_retries", 3), ("slow", True), ("factor", -1.5),
    ]  # fmt: skip
    assert isinstance(found.options[0], Option)


def test_if_not_exists() -> None:
    assert trigger("CREATE TRIGGER IF NOT EXISTS t ON o FOR INSERT BEGIN END").if_not_exists


def test_quoted_names() -> None:
    found = trigger('CREATE TRIGGER "my trigger" ON "fs.files" FOR INSERT BEGIN END "my trigger"')
    assert (found.name, found.collection) == ("my trigger", "fs.files")


@pytest.mark.parametrize(
    "text",
    [
        "AS $$ BEGIN CALL p(); END $$ LANGUAGE plpgsql",
        "AS $body$\nBEGIN\n  CALL p();\nEND;\n$body$",
        "BEGIN CALL p(); END t",
        "AS BEGIN ; CALL p();; END",
        "AS BEGIN BEGIN CALL p(); END; END",
    ],
)
def test_shapes_of_a_body(text: str) -> None:
    assert trigger(f"CREATE TRIGGER t ON o FOR INSERT {text};").body == (call("p"),)


def test_semicolons_and_ends_that_do_not_split() -> None:
    text = """
    CREATE TRIGGER t ON o FOR INSERT AS BEGIN
      CALL p('a; END;', "b;", $$ END; $$); -- END;
      /* END; /* nested; */ END; */
      SET x = CASE WHEN a THEN 1 ELSE CASE WHEN b THEN 2 END END;
      IF a THEN IF b THEN CALL p(); END IF; END IF;
      FOR r IN (SELECT CASE WHEN x THEN 1 END AS e FROM c) LOOP CALL p(); END LOOP;
    END;
    SELECT 1;
    """
    statements, diagnostics = parse(Source(text))
    assert [type(each) for each in statements] == [CreateTrigger, SelectStatement]
    assert not diagnostics


BODIES = [
    ("CALL p();", call("p")),
    ("CALL Notify(NEW.x, 'a', 1 + 2);", call("Notify", n("NEW", "x"), v("a"), parse_expression("1 + 2"))),
    ("SET x = 1;", Assign("x", v(1), NO_SPAN)),
    ("x := 1;", Assign("x", v(1), NO_SPAN)),
    ("x = 1;", Assign("x", v(1), NO_SPAN)),
    ("RETURN;", Return(NO_SPAN)),
    ("RETURN NEW;", Return(NO_SPAN)),
    ("RETURN NULL;", Return(NO_SPAN)),
    ("DECLARE x INT;", Declare("x", "INTEGER", None, NO_SPAN)),
    ("DECLARE x CONSTANT numeric(10, 2) NOT NULL := 1.5;", Declare("x", "DECIMAL", v(1.5), NO_SPAN)),
    ("DECLARE x text DEFAULT 'a';", Declare("x", "TEXT", v("a"), NO_SPAN)),
    ("DECLARE x text[];", Declare("x", None, None, NO_SPAN)),
    ("DECLARE x record;", Declare("x", None, None, NO_SPAN)),
    ("RAISE 'wrong';", Raise(v("wrong"), NO_SPAN)),
    ("RAISE EXCEPTION '100%% wrong';", Raise(v("100% wrong"), NO_SPAN)),
    ("RAISE NEW.reason || '!';", Raise(parse_expression("NEW.reason || '!'"), NO_SPAN)),
    (
        "RAISE 'no % of %', x, y;",
        Raise(
            parse_expression("CONCAT('no ', COALESCE(x::text, '<NULL>'), ' of ', COALESCE(y::text, '<NULL>'))"),
            NO_SPAN,
        ),
    ),
    ("SELECT x INTO a FROM c;", SelectInto(parse_query("SELECT x FROM c"), ("a",), NO_SPAN)),
    (
        "SELECT x, y INTO a, b FROM c WHERE d;",
        SelectInto(parse_query("SELECT x, y FROM c WHERE d"), ("a", "b"), NO_SPAN),
    ),
    ("SELECT x FROM c INTO a;", SelectInto(parse_query("SELECT x FROM c"), ("a",), NO_SPAN)),
    (
        "WITH c AS (SELECT 1 AS x) SELECT x INTO a FROM c;",
        SelectInto(parse_query("WITH c AS (SELECT 1 AS x) SELECT x FROM c"), ("a",), NO_SPAN),
    ),
    (
        "FOR r IN (SELECT x FROM c) LOOP CALL p(r.x); END LOOP;",
        ForLoop("r", parse_query("SELECT x FROM c"), (call("p", n("r", "x")),), NO_SPAN),
    ),
    (
        "FOR r IN SELECT x FROM c LOOP CALL p(); END LOOP;",
        ForLoop("r", parse_query("SELECT x FROM c"), (call("p"),), NO_SPAN),
    ),
]


@pytest.mark.parametrize(("text", "expected"), BODIES)
def test_body_statement(text: str, expected: BodyStatement) -> None:
    assert body(text) == (expected,)


A, B, C = (n(each) for each in "abc")


def if_(*branches: Any, otherwise: Any = ()) -> If:
    return If(branches, otherwise, NO_SPAN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IF a THEN CALL p(); END IF;", if_((A, (call("p"),)))),
        ("IF (a) THEN CALL p(); ELSE CALL q(); END IF;", if_((A, (call("p"),)), otherwise=(call("q"),))),
        *[
            (f"IF a THEN CALL p(); {word} b THEN CALL q(); ELSE CALL r(); END IF;",
             if_((A, (call("p"),)), (B, (call("q"),)), otherwise=(call("r"),)))
            for word in ("ELSIF", "ELSEIF", "ELSE IF")
        ],
        ("IF a THEN ELSE IF b THEN CALL q(); END IF; END IF;", if_((A, ()), otherwise=(if_((B, (call("q"),))),))),
        ("CASE WHEN a THEN CALL p(); ELSE CALL q(); END CASE;", if_((A, (call("p"),)), otherwise=(call("q"),))),
        (
            "CASE a WHEN 1, 2 THEN CALL p(); WHEN 3 THEN CALL q(); END CASE;",
            if_((parse_expression("a = 1 OR a = 2"), (call("p"),)), (parse_expression("a = 3"), (call("q"),))),
        ),
    ],
)  # fmt: skip
def test_branches(text: str, expected: If) -> None:
    assert body(text) == (expected,)


def test_else_if_without_an_end_if_of_its_own_is_elsif() -> None:
    found = body("IF a THEN ELSE IF b THEN ELSE IF c THEN CALL q(); END IF; CALL r();")
    assert found == (if_((A, ()), (B, ()), (C, (call("q"),))), call("r"))


def test_declarations_before_begin() -> None:
    found = trigger("CREATE TRIGGER t ON o FOR INSERT DECLARE v INT; w, x TEXT := 'y'; BEGIN CALL p(); END;").body
    assert found == (
        Declare("v", "INTEGER", None, NO_SPAN),
        Declare("w", "TEXT", v("y"), NO_SPAN),
        Declare("x", "TEXT", v("y"), NO_SPAN),
        call("p"),
    )


def test_a_returned_value_is_ignored_with_a_warning() -> None:
    (found,) = warnings("RETURN 5;")
    assert (found.code, found.severity) == ("QL130", "warning")


def insert(columns: str, rows: Any = (), query: Any = None, conflict: OnConflict | None = None) -> Insert:
    return Insert("c", tuple(tuple(each.split(".")) for each in columns.split()), rows, query, conflict, NO_SPAN)


WRITES = [
    (
        "INSERT INTO c (a, b.d) VALUES (1, 'x'), (NULL, NEW.y)",
        insert("a b.d", ((v(1), v("x")), (v(None), n("NEW", "y")))),
    ),
    ("INSERT INTO c (a) SELECT x FROM d", insert("a", (), parse_query("SELECT x FROM d"))),
    ("INSERT INTO c (a) (SELECT x FROM d)", insert("a", (), parse_query("SELECT x FROM d"))),
    (
        "INSERT INTO c (a) WITH e AS (SELECT 1) SELECT * FROM e",
        insert("a", (), parse_query("WITH e AS (SELECT 1) SELECT * FROM e")),
    ),
    (
        "INSERT INTO c (a) VALUES (1) ON CONFLICT (a) DO NOTHING",
        insert("a", ((v(1),),), None, OnConflict(("a",), (), None, NO_SPAN)),
    ),
    (
        "INSERT INTO c (a) VALUES (1) ON CONFLICT DO NOTHING",
        insert("a", ((v(1),),), None, OnConflict((), (), None, NO_SPAN)),
    ),
    (
        "INSERT INTO c (a) SELECT x FROM d JOIN e ON d.i = e.i "
        "ON CONFLICT (a) DO UPDATE SET b = EXCLUDED.b, n = c.n + 1 WHERE c.n < 4",
        insert(
            "a",
            (),
            parse_query("SELECT x FROM d JOIN e ON d.i = e.i"),
            OnConflict(
                ("a",),
                (put("b", n("EXCLUDED", "b")), put("n", parse_expression("c.n + 1"))),
                parse_expression("c.n < 4"),
                NO_SPAN,
            ),
        ),
    ),
    ("UPDATE c SET a = 1", Update("c", "c", (put("a", v(1)),), None, (), None, NO_SPAN)),
    (
        "UPDATE c AS t SET a.b = a IS DISTINCT FROM 1, d = CASE WHEN x THEN 1 END WHERE t.a = 2",
        Update(
            "c",
            "t",
            (
                put("a.b", parse_expression("a IS DISTINCT FROM 1")),
                put("d", parse_expression("CASE WHEN x THEN 1 END")),
            ),
            None,
            (),
            parse_expression("t.a = 2"),
            NO_SPAN,
        ),
    ),
    ("UPDATE c SET (a, b) = (1, 2)", Update("c", "c", (put("a", v(1)), put("b", v(2))), None, (), None, NO_SPAN)),
    ("UPDATE c SET (a) = ROW(1)", Update("c", "c", (put("a", v(1)),), None, (), None, NO_SPAN)),
    (
        "UPDATE c SET q = q + d.n FROM d WHERE c.i = d.i",
        Update(
            "c",
            "c",
            (put("q", parse_expression("q + d.n")),),
            TableRef("d", "d", NO_SPAN),
            (),
            parse_expression("c.i = d.i"),
            NO_SPAN,
        ),
    ),
    ("DELETE FROM c", Delete("c", "c", None, (), None, NO_SPAN)),
    (
        "DELETE FROM c t USING d WHERE t.i = d.i",
        Delete("c", "t", TableRef("d", "d", NO_SPAN), (), parse_expression("t.i = d.i"), NO_SPAN),
    ),
    ("CALL p(1)", call("p", v(1))),
    ("DROP TRIGGER t", DropTrigger("t", False, NO_SPAN)),
    ("DROP TRIGGER IF EXISTS t ON c CASCADE", DropTrigger("t", True, NO_SPAN)),
    ("SELECT 1", SelectStatement(parse_query("SELECT 1"), NO_SPAN)),
]


@pytest.mark.parametrize(("text", "expected"), WRITES)
def test_statement(text: str, expected: Statement) -> None:
    assert one(text) == expected


@pytest.mark.parametrize(("text", "expected"), WRITES[:-3])
def test_the_same_statement_in_a_body(text: str, expected: BodyStatement) -> None:
    assert body(text + ";") == (expected,)


def test_update_from_a_join() -> None:
    found = one("UPDATE c SET a = 1 FROM d JOIN e ON d.i = e.i WHERE c.i = d.i")
    assert isinstance(found, Update)
    (join,) = found.joins
    assert (join.kind, join.on) == ("INNER", parse_expression("d.i = e.i"))


@pytest.mark.parametrize("word", ["TRIGGERS", "VIEWS", "STREAMS", "SINKS", "COLLECTIONS"])
def test_show(word: str) -> None:
    assert one(f"show {word.lower()};") == Show(word, NO_SPAN)


@pytest.mark.parametrize("text", ["DESCRIBE orders", "DESC orders", 'describe "orders"'])
def test_describe(text: str) -> None:
    assert one(text) == Describe("orders", NO_SPAN, NO_SPAN)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE CHANGE_DETECTED()",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "UPDATE t SET a = 1",
        "CREATE TRIGGER t AFTER INSERT ON o BEGIN IF NEW.a THEN DELETE FROM b; END IF; END",
        "CREATE TRIGGER t AFTER INSERT ON o AS $$ BEGIN DELETE FROM b; END $$",
        "CREATE MATERIALIZED VIEW v AS SELECT a FROM t",
        "DROP TRIGGER t",
    ],
)
def test_explain_holds_a_statement_as_it_is_read_alone(text: str) -> None:
    assert one(f"EXPLAIN {text};") == Explain(one(text), NO_SPAN)


def test_explain_ends_with_its_statement() -> None:
    found, diagnostics = parse(
        Source("EXPLAIN CREATE TRIGGER t AFTER INSERT ON o BEGIN DELETE FROM b; END; SELECT 1 AS a; SHOW VIEWS")
    )
    assert [type(each) for each in found] == [Explain, SelectStatement, Show]
    assert diagnostics == ()


def test_the_new_words_are_still_names() -> None:
    select = one("SELECT explain, show, describe FROM show WHERE describe.explain = 1")
    assert isinstance(select, SelectStatement)


def test_create_table() -> None:
    found = one(
        "CREATE TABLE IF NOT EXISTS c (_id OBJECTID PRIMARY KEY, status VARCHAR(20) NOT NULL, total numeric(10, 2), "
        'tags TEXT[], "a b" timestamp with time zone NULL, x bytea, UNIQUE (status), PRIMARY KEY (status, total))'
    )
    assert isinstance(found, CreateTable)
    assert [(each.name, each.type_name, each.not_null) for each in found.columns] == [
        ("_id", "OBJECTID", True), ("status", "TEXT", True), ("total", "DECIMAL", False), ("tags", "ARRAY", False),
        ("a b", "TIMESTAMP", False), ("x", None, False),
    ]  # fmt: skip
    assert found.primary_key == ("_id", "status", "total")
    assert isinstance(found.columns[0], Column)


# -- sinks and named streams ----------------------------------------------------------------------------------------

TARGETS = [
    ("audit", SinkTarget("collection", "audit", NO_SPAN)),
    ('"file"', SinkTarget("collection", "file", NO_SPAN)),
    ("PROCEDURE ship", SinkTarget("procedure", "ship", NO_SPAN)),
    ("WEBHOOK 'https://example.com'", SinkTarget("webhook", "https://example.com", NO_SPAN)),
    ("FILE 'a.jsonl'", SinkTarget("file", "a.jsonl", NO_SPAN)),
]


@pytest.mark.parametrize(("text", "target"), TARGETS)
def test_a_sink_leads_somewhere(text: str, target: SinkTarget) -> None:
    statement = one(f"CREATE SINK s AS SELECT a FROM t WHERE CHANGE_DETECTED() INTO {text}")
    assert isinstance(statement, CreateSink)
    assert statement.target == target


def test_a_sinks_header() -> None:
    text = "CREATE OR REPLACE SINK IF NOT EXISTS s WITH (Secret = ENV 'KEY', timeout_ms = 5) AS SELECT a FROM t INTO u"
    statement = one(text)
    assert isinstance(statement, CreateSink)
    assert (statement.name, statement.or_replace, statement.if_not_exists) == ("s", True, True)
    assert statement.options == (Option("secret", EnvRef("KEY"), NO_SPAN), Option("timeout_ms", 5, NO_SPAN))


def test_a_sink_is_dropped() -> None:
    assert one("DROP SINK IF EXISTS s") == DropSink("s", True, NO_SPAN)


def test_a_view_names_a_stream() -> None:
    statement = one("CREATE OR REPLACE VIEW v AS SELECT a FROM t WHERE CHANGE_DETECTED()")
    assert isinstance(statement, CreateStream)
    assert (statement.name, statement.or_replace, statement.if_not_exists) == ("v", True, False)


def test_a_named_stream_is_dropped() -> None:
    assert one("DROP VIEW v") == DropStream("v", False, NO_SPAN)
