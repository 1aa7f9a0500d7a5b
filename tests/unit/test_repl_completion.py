"""What is offered at the cursor, and how SQL is coloured."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as with_default

import pytest

from queryleaf_cdc.cli.repl.completion import complete
from queryleaf_cdc.cli.repl.highlighting import fragments


@dataclass
class Known:
    """A database with orders, customers and odd names."""

    tables: dict[str, tuple[str, ...]] = with_default(
        default_factory=lambda: {
            "orders": (
                "_id",
                "customer",
                "total",
                "address",
                "address.city",
                "address.geo",
                "address.geo.lat",
                "items",
                "items.sku",
                "items.parts",
                "items.parts.serial",
            ),
            "customers": ("_id", "country", "odd name", "select"),
            "odd-name": ("x",),
        }
    )

    def collections(self) -> tuple[str, ...]:
        return tuple(self.tables)

    def triggers(self) -> tuple[str, ...]:
        return ("note_big", "other")

    def views(self) -> tuple[str, ...]:
        return ("sales",)

    def sinks(self) -> tuple[str, ...]:
        return ("audit",)

    def streams(self) -> tuple[str, ...]:
        return ("big_orders",)

    def functions(self) -> tuple[str, ...]:
        return ("GEOHASH",)

    def procedures(self) -> tuple[str, ...]:
        return ("NOTIFY",)

    def fields(self, collection: str) -> tuple[str, ...]:
        return self.tables.get(collection, ())

    def jobs(self) -> tuple[str, ...]:
        return ("1", "12")


COMMANDS = [("d", "names"), ("dt", ""), ("pipeline", "sql"), ("kill", "job"), ("pset", "pager")]


def offered(before: str) -> list[str]:
    return [each.text for each in complete(before, Known(), COMMANDS)]


@pytest.mark.parametrize(
    ("before", "first"),
    [
        ("se", ["select"]),
        ("SEL", ["SELECT"]),
        ("SELECT 1; cr", ["create"]),
        ("SELECT * FROM ", ["orders", "customers", '"odd-name"', "sales"]),
        ("SELECT * FROM o", ["orders"]),
        ('SELECT * FROM "od', ['"odd-name"']),
        ("INSERT INTO cu", ["customers"]),
        ("UPDATE o", ["orders"]),
        ("SELECT t\n", []),
        ("SELECT o. FROM", []),
        ("SELECT * FROM orders o WHERE o.", ["_id", "customer", "total", "address"]),
        ("SELECT * FROM orders o WHERE o.address.", ["city", "geo"]),
        ("SELECT * FROM orders o WHERE o.address.geo.l", ["lat"]),
        ("SELECT * FROM orders AS o JOIN customers c ON c.c", ["country"]),
        ("SELECT * FROM orders WHERE address.c", ["city"]),
        ("SELECT * FROM customers WHERE odd", ['"odd name"']),
        ("SELECT * FROM customers c WHERE c.sel", ['"select"']),
        ("SELECT * FROM orders WHERE tot", ["total"]),
        ("CREATE TRIGGER t AFTER INSERT ON o", ["orders"]),
        ("CREATE TRIGGER t AFTER INSERT ON orders WHEN (NEW.t", ["total"]),
        ("CREATE TRIGGER t AFTER INSERT ON orders BEGIN INSERT INTO log (a) VALUES (new.c", ["customer"]),
        ("DROP TRIGGER n", ["note_big"]),
        ("DROP MATERIALIZED VIEW ", ["sales"]),
        ("DROP TRIGGER IF EXISTS n", ["note_big"]),
        ("DROP VIEW ", ["big_orders"]),
        ("DROP SINK ", ["audit"]),
        ("DROP ", ["TRIGGER", "MATERIALIZED VIEW", "VIEW", "SINK"]),
        ("drop s", ["sink"]),
        ("CREATE S", ["SINK"]),
        ("CREATE OR REPLACE S", ["SINK"]),
        ("REFRESH MATERIALIZED VIEW ", ["sales"]),
        ("SHOW S", ["STREAMS", "SINKS"]),
        ("show tr", ["triggers"]),
        ("DESCRIBE a", ["audit"]),
        ("DESCRIBE ", ["orders", "customers", '"odd-name"', "sales", "big_orders", "audit", "note_big"]),
        ("EXPLAIN SEL", ["SELECT"]),
        ("EXPLAIN SELECT * FROM o", ["orders"]),
        ("EXPLAIN DROP SINK ", ["audit"]),
        ("SELECT * FROM bi", ["big_orders"]),
        ("CREATE SINK s WIT", ["WITH"]),
        ("CREATE SINK s WITH (", ["on_error", "start", "max_retries", "secret", "timeout_ms", "allow_private"]),
        ("CREATE SINK s WITH (max_retries = 3, sec", ["secret"]),
        ("CREATE SINK s WITH (secret = E", ["ENV"]),
        ("CREATE MATERIALIZED VIEW v WITH (ca", ["cache_rows"]),
        ("CREATE SINK s AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO ", ["orders", "customers"]),
        ("CREATE SINK s AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO W", ["WEBHOOK"]),
        ("CREATE SINK s AS SELECT total FROM orders WHERE CHANGE_DETECTED() INTO PROCEDURE ", ["NOTIFY"]),
        ("CREATE TRIGGER t AFTER INSERT ON orders BEGIN CALL no", ["NOTIFY"]),
        ("SELECT geo", ["geohash"]),
        ("SELECT * FROM orders WHERE items.s", ["sku"]),
        ("SELECT * FROM orders o WHERE o.items.parts.", ["serial"]),
        ("SELECT * FROM orders o, UNNEST(o.items) AS i WHERE i.", ["sku", "parts"]),
        ("SELECT * FROM orders, UNNEST(items) AS i, UNNEST(i.parts) AS p WHERE p.", ["serial"]),
        ("SELECT * FROM sales EM", ["EMIT"]),
        ("SELECT coal", ["coalesce"]),
        ("SELECT CHANGE_DET", ["CHANGE_DETECTED"]),
        ("SELECT ROW_NUM", ["ROW_NUMBER"]),
        ("SELECT 'FROM ", []),
        ("SELECT 1 -- FROM ", []),
        ("SELECT /* FROM ", []),
        ("SELECT \x01", []),
        ("\\", ["\\d", "\\dt", "\\pipeline", "\\kill", "\\pset"]),
        ("\\d", ["\\d", "\\dt"]),
        ("\\d or", ["orders"]),
        ("SELECT 1;\n\\d no", ["note_big"]),
        ("\\pipeline no", ["note_big"]),
        ("\\pipeline SELECT * FROM or", ["orders"]),
        ("\\pset ", ["pager on", "pager off"]),
        ("\\kill 1", ["1", "12"]),
        ("\\dt x", []),
        ("x" * 100_000, []),
    ],
)  # fmt: skip
def test_completion(before: str, first: list[str]) -> None:
    found = offered(before)
    if first:
        assert found[: len(first)] == first
    else:
        assert not set(found) & {"orders", "customers", "_id"}


def test_a_candidate_replaces_what_was_typed_of_it() -> None:
    (found,) = [each for each in complete("SELECT * FROM ord", Known()) if each.text == "orders"]
    assert (found.length, found.kind) == (3, "collection")


@pytest.mark.parametrize(("before", "field"), [("SELECT tot", "total"), ("SELECT o.cus", "customer")])
def test_what_stands_behind_the_cursor_tells_what_is_read(before: str, field: str) -> None:
    found = complete(before, Known(), after=" FROM orders o; SELECT 1 FROM customers")
    assert found[0].text == field
    assert "country" not in [each.text for each in found]


def test_names_that_could_move_the_cursor_are_not_offered() -> None:
    assert [each.text for each in complete("SELECT * FROM x", Known({"x\x1b[31m": (), "xy": ()}))] == ["xy"]


# -- colours --------------------------------------------------------------------------------------------------------


def test_highlighting() -> None:
    text = "SELECT lower(a), 'x', 1 -- why\nFROM t"
    assert [each for each in fragments(text) if each[0]] == [
        ("bold", "SELECT"),
        ("cyan", "lower"),
        ("green", "'x'"),
        ("yellow", "1"),
        ("dim", " -- why\n"),
        ("bold", "FROM"),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "SELECT 'a", 'SELECT "a', "SELECT \x01 1", "/* x", "\\d orders", "$$", "1a", "a" * 30_000, "\0", "E'\\uZ'"],
)
def test_colours_leave_the_text_as_it_is(text: str) -> None:
    assert "".join(part for _, part in fragments(text)) == text
