"""What was typed: where statements and commands end, and whether more is to come."""

from __future__ import annotations

import time

import pytest

from queryleaf_cdc.cli.repl.reading import Command, Sql, read

TRIGGER = """\
CREATE TRIGGER t AFTER INSERT ON orders BEGIN
  IF NEW.total > 3 THEN
    INSERT INTO log (id) VALUES (NEW._id);
  END IF;
END;"""


def texts(text: str) -> list[str]:
    return [each.text for each in read(text).items if isinstance(each, Sql)]


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';';", ["SELECT ';'"]),
        ("SELECT 1 -- not; here\n;", ["SELECT 1"]),
        ("SELECT 1 /* nor; here */;;", ["SELECT 1"]),
        ("SELECT $$a;b$$;", ["SELECT $$a;b$$"]),
        ("SELECT (1;", ["SELECT (1"]),
        ("CREATE TRIGGER t AFTER INSERT ON o BEGIN RETURN; CREATE TABLE c (a INT);",
         ["CREATE TRIGGER t AFTER INSERT ON o BEGIN RETURN;", "CREATE TABLE c (a INT)"]),
        (TRIGGER, [TRIGGER[:-1]]),
        (f"{TRIGGER}\nSELECT 1;", [TRIGGER[:-1], "SELECT 1"]),
        ("CREATE TRIGGER t AFTER INSERT ON o AS $$ BEGIN RETURN; END $$ LANGUAGE plpgsql;",
         ["CREATE TRIGGER t AFTER INSERT ON o AS $$ BEGIN RETURN; END $$ LANGUAGE plpgsql"]),
    ],
)  # fmt: skip
def test_statements_end_at_their_own_semicolons(text: str, statements: list[str]) -> None:
    assert texts(text) == statements
    assert read(text).rest == ""


@pytest.mark.parametrize(
    ("text", "waiting"),
    [
        ("SELECT 1", ";"),
        ("SELECT (1", ")"),
        ("SELECT 'a;", "'"),
        ('SELECT "a;', '"'),
        ("SELECT 1 /* ; ", "*/"),
        ("SELECT $$ ; ", "$$"),
        (TRIGGER.removesuffix("END;"), "END"),
        (TRIGGER.removesuffix(";"), ";"),
        ("SELECT 1; SELECT 2", ";"),
    ],
)
def test_what_is_not_finished_waits(text: str, waiting: str) -> None:
    reading = read(text)
    assert (reading.waiting, bool(reading.rest)) == (waiting, True)


@pytest.mark.parametrize("text", ["", "  \n", ";", "-- only a remark", "/* and another */"])
def test_nothing_is_finished(text: str) -> None:
    assert read(text) == read("")


def test_the_end_of_a_file_finishes_a_statement() -> None:
    assert [each.text for each in read("SELECT 1; SELECT 2", final=True).items] == ["SELECT 1", "SELECT 2"]


def test_what_no_scanner_reads_is_a_statement_for_the_compiler_to_refuse() -> None:
    assert texts("SELECT 1; SELECT \x01") == ["SELECT 1", "SELECT \x01"]


def test_places_are_those_of_the_whole_text() -> None:
    _, second = read("SELECT 1;\n  SELECT 2;").items
    assert second == Sql("SELECT 2", 2, 3)
    assert second.placed == "\n  SELECT 2"
    assert second.shown == "\n  SELECT 2"
    assert read("SELECT 1; SELEC 2;").items[1].shown == "SELECT 1; SELEC 2"
    (moved,) = read("SELECT 2;", first=(7, 5)).items
    assert moved == Sql("SELECT 2", 7, 5)


# -- in the background ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["SELECT a FROM b &", "SELECT a FROM b &;", "SELECT a FROM b; &", "SELECT a FROM b\n&"]
)
def test_an_ampersand_at_the_end_of_a_line_is_for_the_background(text: str) -> None:
    assert read(text + "\nSELECT 1;").items == (
        Sql("SELECT a FROM b", 1, 1, background=True),
        Sql("SELECT 1", text.count("\n") + 2, 1),
    )


def test_an_ampersand_within_a_line_is_the_compilers_business() -> None:
    assert texts("SELECT a & b;") == ["SELECT a & b"]


# -- commands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("\\q", "q", ""),
        ("\\q;", "q", ""),
        ("  \\d orders", "d", "orders"),
        ("\\d orders;", "d", "orders"),
        ("\\i it's here.sql", "i", "it's here.sql"),
        ("\\explain SELECT 1", "explain", "SELECT 1"),
        ("\\explain SELECT\n1;", "explain", "SELECT\n1"),
        ("\\pipeline note", "pipeline", "note"),
        ("help", "help", ""),
        ("  QUIT ; ", "quit", ""),
        ("exit -- now", "exit", ""),
        ("\\", "", ""),
    ],
)
def test_commands(text: str, name: str, argument: str) -> None:
    assert read(text).items == (Command(name, argument),)


def test_a_command_ends_with_its_line() -> None:
    assert read("\\x\nSELECT 1;\n\\timing\n").items == (Command("x", ""), Sql("SELECT 1", 2, 1), Command("timing", ""))


@pytest.mark.parametrize("text", ["SELECT\nquit", "helpful", "exit 1", "'quit'", "exit()"])
def test_a_word_is_a_command_only_alone(text: str) -> None:
    assert not any(isinstance(each, Command) for each in read(text, final=True).items)


def test_a_word_ends_a_script_behind_a_statement() -> None:
    assert read("SELECT 1;\nquit\n").items == (Sql("SELECT 1"), Command("quit", ""))


def test_a_backslash_in_a_string_is_no_command() -> None:
    assert texts("SELECT '\n\\q\n';") == ["SELECT '\n\\q\n'"]


def test_a_command_knows_the_statement_it_stands_behind() -> None:
    assert read("SELECT 1 \\watch 2").items == (Command("watch", "2", Sql("SELECT 1")),)


def test_sql_behind_a_command_goes_on_until_it_can_be_read() -> None:
    assert read("\\explain CREATE TRIGGER t AFTER INSERT ON o BEGIN").rest.startswith("\\explain")
    assert read("\\explain " + TRIGGER).items == (Command("explain", TRIGGER[:-1]),)


# -- hostile --------------------------------------------------------------------------------------------------------

FLOOD = 200_000


@pytest.mark.parametrize(
    "unit",
    ["a", "1 ", "'", "/*", "(", "SELECT 1;", "IF ", "CASE;", "& ", "SELECT 1 &\n", "SELECT a\n\\explain SELECT\n",
     "\\x\n", "CREATE TRIGGER a BEGIN ", "$$", "E'\\", "\0"],
)  # fmt: skip
def test_a_flood_is_read_in_linear_time(unit: str) -> None:
    started = time.monotonic()
    read(unit * (FLOOD // len(unit)))
    assert time.monotonic() - started < 10


def test_many_statements_are_all_read() -> None:
    assert len(read("SELECT 1;" * 50_000).items) == 50_000
