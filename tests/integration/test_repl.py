"""The REPL in a real terminal, and as a filter, on a real server."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from terminal import Terminal

from queryleaf_cdc import start_embedded
from queryleaf_cdc.cli.repl.commands import COMMANDS

Db = Database[dict[str, Any]]
SCREENS = Path(__file__).parent / "screens"
REPL = [sys.executable, "-m", "queryleaf_cdc", "repl"]
PROMPT = r"^shop> ?$"

Open = Callable[..., Terminal]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "", "LINES": ""}


@pytest.fixture
def shop(client: Any) -> Any:
    """A database whose name is always the same, for the screens."""
    client.drop_database("shop")
    yield client["shop"]
    client.drop_database("shop")


@pytest.fixture
def repl(mongo_uri: str, shop: Db, environment: dict[str, str], tmp_path: Path) -> Open:
    def start(columns: int = 80, rows: int = 40) -> Terminal:
        terminal = Terminal(
            ["queryleaf-cdc", "repl", "--uri", mongo_uri, "--db", "shop"], environment, columns, rows, str(tmp_path)
        )
        terminal.wait_for(PROMPT)
        return terminal

    return start


@pytest.fixture
def filtered(mongo_uri: str, shop: Db, environment: dict[str, str], tmp_path: Path) -> Callable[[str], Any]:
    def run(text: str | bytes) -> subprocess.CompletedProcess[bytes]:
        stdin = text.encode() if isinstance(text, str) else text
        return forked.run(["repl", "--uri", mongo_uri, "--db", "shop"], environment, str(tmp_path), stdin)

    return run


def assert_screen(name: str, terminal: Terminal, update: bool) -> None:
    """What the terminal shows is what the file shows; ``--update-golden`` rewrites it."""
    shown = re.sub(r"queryleaf-cdc \d\S*,", "queryleaf-cdc VERSION,", terminal.settled())
    text = re.sub(r"\n{2,}", "\n", shown) + "\n"  # room for a menu
    file = SCREENS / f"{name}.txt"
    if update:
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


def say(terminal: Terminal, text: str, answer: str) -> None:
    """Types a statement, and waits for its answer and the next prompt."""
    terminal.enter(text)
    terminal.wait_for(answer)
    terminal.settled(0.2)


# -- screens --------------------------------------------------------------------------------------------------------


def test_a_first_session(repl: Open, update: bool) -> None:
    with repl() as terminal:
        say(terminal, "INSERT INTO orders (_id, customer, total) VALUES (1, 'ada', 120), (2, '王小明', 5);", "2 rows")
        say(terminal, "SELECT * FROM orders ORDER BY _id; SELECT COUNT(*) AS n", r"\.\.\.\.\. $|\.\.\.\.\.$")
        say(terminal, "FROM orders;", r"^n$")
        say(terminal, "SELECT nothing FROM orders", r"\.\.\.\.\.")
        say(terminal, "WERE total > 3;", "error")
        say(terminal, "\\d orders", "total")
        say(terminal, "\\x", "field by field")
        say(terminal, "SELECT * FROM orders WHERE _id = 2;", r"\(1 row\)")
        assert_screen("first_session", terminal, update)
        terminal.press("d")
        assert terminal.ended() == 0


def test_a_trigger_a_worker_and_a_stream_in_the_background(repl: Open, update: bool) -> None:
    with repl() as terminal:
        say(terminal, "CREATE TRIGGER log_orders AFTER INSERT ON orders BEGIN", r"^\.+ ?$")
        say(terminal, "  INSERT INTO log (order_id, total) VALUES (NEW._id, NEW.total);", r"NEW\.total\);\n\.+ ?$")
        say(terminal, "END;", "no worker is at work")
        say(terminal, "\\run", "the worker runs")
        say(terminal, "SELECT order_id, total FROM log WHERE CHANGE_DETECTED() AND total >= 100 &", "in the background")
        say(terminal, "INSERT INTO orders (_id, total) VALUES (1, 120), (2, 5), (3, 300);", r"^\[1\] +3")
        say(terminal, "\\kill 1", "ended after 2 rows")
        say(terminal, "\\pipeline log_orders", r"^\]")
        say(terminal, "\\stop", "stopped")
        assert_screen("trigger_and_stream", terminal, update)


def test_twenty_columns(repl: Open, update: bool) -> None:
    with repl(columns=20, rows=60) as terminal:
        say(
            terminal,
            "INSERT INTO orders (_id, customer, total, note) VALUES (1, '王小明王小明王小明', 12.5, E'a\\nb');",
            "1 row$",
        )
        say(terminal, "SELECT _id, customer FROM orders;", r"\(1 row\)")
        say(terminal, "SELECT * FROM orders;", r"\(1 row\)[\s\S]*\(1 row\)")
        assert_screen("twenty_columns", terminal, update)


# -- behaviour ------------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_query_and_not_the_shell(repl: Open, shop: Db) -> None:
    with repl() as terminal:
        terminal.enter("SELECT _id, total FROM orders WHERE CHANGE_DETECTED();")
        terminal.wait_for("waiting for changes")
        shop.orders.insert_many([{"_id": 1, "total": 5}, {"_id": 200, "total": 7}])
        terminal.wait_for(r"^200 \| +7$")
        terminal.press("c")
        terminal.wait_for(r"\(2 rows\)")
        terminal.enter("SELECT 7 * 6 AS answer;")
        terminal.wait_for(r"^ +42$")
        terminal.enter("\\q")
        assert terminal.ended() == 0


def test_a_stream_follows_the_width_of_the_terminal(repl: Open, shop: Db) -> None:
    with repl() as terminal:
        terminal.enter("SELECT _id, note FROM orders WHERE CHANGE_DETECTED();")
        terminal.wait_for("waiting for changes")
        shop.orders.insert_one({"_id": 1, "note": "abcdefghijklmnopqrstuvwxyz"})
        terminal.wait_for(r"^ +1 \| abcdefghijklmnopqrstuvwxyz$")
        terminal.resize(20)
        shop.orders.insert_one({"_id": 2, "note": "abcdefghijklmnopqrstuvwxyz"})
        terminal.wait_for(r"^ +2 \| abcdefghijklm.*…$")


def test_a_followed_view_tells_what_comes_and_goes(repl: Open, shop: Db) -> None:
    shop.orders.insert_one({"_id": 1, "total": 5})
    with repl() as terminal:
        terminal.enter("SELECT _id, total FROM orders EMIT CHANGES;")
        terminal.wait_for(r"^\+ +\| +1 \| +5$")
        shop.orders.update_one({"_id": 1}, {"$set": {"total": 7}})
        terminal.wait_for(r"^- +\| +1 \| +5\n\+ +\| +1 \| +7$")
        shop.orders.delete_one({"_id": 1})
        terminal.wait_for(r"^- +\| +1 \| +7$")


def test_a_mistake_in_a_narrow_terminal_keeps_its_caret(repl: Open) -> None:
    with repl(columns=30) as terminal:
        terminal.enter("SELECT a, b, c, d, e FROM orders WHERE nosuch(a) = 'some long text';")
        shown = terminal.wait_for(r"\^\^\^\^")
        line, carets = re.findall(r"^  .*nosuch\(a\).*\n +\^+", shown, re.MULTILINE)[0].split("\n")
        assert line.index("nosuch(a)") == carets.index("^")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no shell with jobs here")
def test_it_is_suspended_and_goes_on(mongo_uri: str, shop: Db, environment: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-Z, as a shell has it: at the prompt, and while a stream prints."""
    with Terminal(["bash", "--norc", "-i"], {**environment, "PS1": "bash> "}, cwd=str(tmp_path)) as terminal:
        terminal.enter(" ".join([*REPL, "--uri", f"'{mongo_uri}'", "--db", "shop"]))
        terminal.wait_for(PROMPT)
        terminal.press("z")
        terminal.wait_for(r"Stopped[\s\S]*^bash> ?$")
        terminal.enter("echo outside; fg")
        terminal.wait_for(r"^outside$[\s\S]*^shop> ?$")
        terminal.enter("SELECT _id FROM orders WHERE CHANGE_DETECTED();")
        terminal.wait_for("waiting for changes")
        terminal.press("z")
        terminal.wait_for(r"Stopped[\s\S]*Stopped[\s\S]*^bash> ?$")
        shop.orders.insert_one({"_id": 4711})
        terminal.enter("fg")
        terminal.wait_for("^4711$")
        terminal.press("c")
        say(terminal, "SELECT 40 + 2 AS answer;", r"^ +42$")


@pytest.mark.parametrize("keys", ["cccccccccc", "dddccc"])
def test_ctrl_c_and_ctrl_d_at_any_time(repl: Open, keys: str) -> None:
    """Ctrl-D ends the shell at an empty prompt only; Ctrl-C takes back what was typed while a statement ran."""
    begun = {
        "SELECT 'never closed": r"^\.+ ?$",
        "SELECT _id FROM orders WHERE CHANGE_DETECTED();": "waiting for changes",
        "SELECT 1 AS a \\watch 30": "every 30 s",
    }
    with repl() as terminal:
        for number, (statement, sign) in enumerate(begun.items()):
            terminal.enter(statement)
            terminal.wait_for(sign)
            for key in keys:
                terminal.press(key)
            terminal.settled(0.3)
            say(terminal, f"SELECT 40 + {number} AS answer;", rf"^ +4{number}$")
        assert "Traceback" not in terminal.raw


def test_ctrl_d_while_a_statement_runs_ends_the_shell_behind_it(repl: Open) -> None:
    with repl() as terminal:
        terminal.enter("\\run")
        terminal.enter("\\stop")
        terminal.press("d")
        assert terminal.ended() == 0


def test_what_follows_a_mistake_is_not_run(repl: Open, shop: Db) -> None:
    with repl() as terminal:
        terminal.enter("SELECT 1 AS a; SELEC 2; INSERT INTO orders (_id) VALUES (1); SELECT 3 AS c;")
        terminal.wait_for(r"QL105[\s\S]*\(2 statements behind it not run\)")
        assert shop.orders.count_documents({}) == 0


def test_a_terminal_that_knows_lines_only(
    mongo_uri: str, shop: Db, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [*REPL, "--uri", mongo_uri, "--db", "shop"]
    with Terminal(command, environment, cwd=str(tmp_path), kind="dumb") as terminal:
        terminal.wait_for("shop>")
        terminal.enter("SELECT 40")
        terminal.settled(0.3)
        terminal.enter("+ 2 AS answer;")
        terminal.wait_for(r"^ +42$")
        terminal.press("d")
        assert terminal.ended() == 0


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_declined(
    mongo_uri: str, shop: Db, environment: dict[str, str], tmp_path: Path, variables: dict[str, str]
) -> None:
    command, kind = [*REPL, "--uri", mongo_uri, "--db", "shop"], variables.get("TERM", "xterm-256color")
    with Terminal(command, {**environment, **variables}, cwd=str(tmp_path), kind=kind) as terminal:
        terminal.wait_for("shop>")
        terminal.raw = ""
        say(terminal, "SELECT NULL AS a; \\pipeline", r"^\[")
        say(terminal, "\\nosuch", "QL450")
    assert not re.findall(r"\x1b\[(?:2|3\d)m", terminal.raw)


def test_a_misspelt_collection_is_told(repl: Open, shop: Db) -> None:
    shop.orders.insert_one({"_id": 1})
    with repl() as terminal:
        say(terminal, "SELECT * FROM ordrs;", r"\(0 rows\)\nthere is no collection ordrs yet: did you mean orders\?")
        say(terminal, "SELECT * FROM orders WHERE _id = 2;", r"2;\n\(0 rows\)\n+shop>")
        terminal.enter("SELECT _id FROM ordrs WHERE CHANGE_DETECTED();")
        terminal.wait_for(r"ordrs yet: did you mean orders\?\nwaiting for changes")


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT _id FROM orders WHERE CHANGE_DETECTED();"])
def test_a_signal_ends_it_in_order(repl: Open, statement: str) -> None:
    with repl() as terminal:
        terminal.enter(statement)
        terminal.settled(0.3)
        terminal.signal(signal.SIGTERM)
        assert terminal.ended() == 128 + signal.SIGTERM
        assert "Traceback" not in terminal.raw


def test_a_line_of_a_megabyte_is_refused_as_a_whole(repl: Open, shop: Db) -> None:
    with repl() as terminal:
        terminal.type("\x1b[200~INSERT INTO orders (_id) VALUES (1); SELECT '" + "x" * 1_000_000 + "';\x1b[201~")
        terminal.enter("")
        terminal.wait_for("too many to edit here")
        assert shop.orders.count_documents({}) == 0
        terminal.enter("SELECT 40 + 2 AS answer;")
        terminal.wait_for(r"^ +42$")


def test_a_paste_of_ten_thousand_lines_runs_nothing(repl: Open, shop: Db) -> None:
    lines = "".join(f"INSERT INTO orders (_id) VALUES ({n});\n" for n in range(10_000))
    with repl() as terminal:
        terminal.type(f"\x1b[200~{lines}\x1b[201~")
        terminal.enter("")
        terminal.wait_for("too many to edit here")
        say(terminal, "SELECT 40 + 2 AS answer;", r"^ +42$")
        assert shop.orders.count_documents({}) == 0


def test_a_stream_goes_on_in_a_terminal_that_is_resized(repl: Open, shop: Db) -> None:
    with repl() as terminal:
        terminal.enter("SELECT _id, a, b FROM orders WHERE CHANGE_DETECTED();")
        terminal.wait_for("waiting for changes")
        for columns in (40, 12, 3, 1):
            terminal.resize(columns)
            shop.orders.insert_one({"_id": 1000 + columns, "a": "x" * 30, "b": "日" * 20})
            terminal.settled(0.4)
            terminal.resize(80)
            shop.orders.insert_one({"_id": 4700 + columns, "a": "x", "b": "日"})
            terminal.wait_for(rf"^ *{4700 + columns} \| x +\| 日$")
        assert "Traceback" not in terminal.raw


def test_a_window_that_is_pulled_about(repl: Open) -> None:
    with repl() as terminal:
        for _ in range(20_000):
            terminal.signal(signal.SIGWINCH)
        say(terminal, "SELECT 40 + 2 AS answer;", r"^ +42$")
        assert "Exception ignored" not in terminal.raw


def test_a_server_that_is_killed_while_a_stream_prints(environment: dict[str, str], tmp_path: Path) -> None:
    """The stream says so, and waits for it; Ctrl-C ends that, and the shell says what is wrong."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(contextlib.ExitStack())
        uri = server.enter_context(start_embedded(tmp_path / "data"))
        shop = stack.enter_context(MongoClient(uri, serverSelectionTimeoutMS=500))["shop"]
        command = [*REPL, "--uri", f"{uri}&serverSelectionTimeoutMS=500", "--db", "shop"]
        terminal = stack.enter_context(Terminal(command, environment, cwd=str(tmp_path)))
        terminal.wait_for(PROMPT)
        terminal.enter("SELECT _id FROM orders WHERE CHANGE_DETECTED() &")
        terminal.wait_for("in the background")
        terminal.enter("SELECT _id FROM orders WHERE CHANGE_DETECTED();")
        terminal.wait_for("waiting for changes")
        shop.orders.insert_one({"_id": 4711})
        terminal.wait_for("^4711$")
        os.kill(shop.command("serverStatus")["pid"], signal.SIGKILL)
        terminal.wait_for("^the server is away; waiting for it$")
        server.close()
        assert server.enter_context(start_embedded(tmp_path / "data")) == uri
        terminal.wait_for("^the server is back$")
        shop.orders.insert_one({"_id": 4712})
        terminal.wait_for("^4712$")
        os.kill(shop.command("serverStatus")["pid"], signal.SIGKILL)
        terminal.settled(0.5)
        terminal.press("c")
        terminal.wait_for(r"^\(2 rows\)$")
        terminal.enter("SELECT 1 AS one;")
        terminal.wait_for("QL503", 60)
        terminal.press("d")
        assert terminal.ended(60) == 0
        assert "Traceback" not in terminal.raw


def test_a_worker_whose_server_is_away_holds_up_nobody_at_the_end(environment: dict[str, str], tmp_path: Path) -> None:
    """With the time for finding a server as it is, each of the worker's last words would take five seconds."""
    with start_embedded() as uri, Terminal([*REPL, "--uri", uri, "--db", "shop"], environment) as terminal:
        terminal.wait_for(PROMPT)
        say(terminal, "\\run", "the worker runs")
        terminal.wait_for("^worker: running")
        with MongoClient[dict[str, Any]](uri) as client:
            os.kill(client.admin.command("serverStatus")["pid"], signal.SIGKILL)
        terminal.press("d")
        assert terminal.ended(12) == 0
        assert "Traceback" not in terminal.raw


def test_what_comes_from_the_database_never_steers_the_terminal(repl: Open, shop: Db) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202e"
    shop.orders.insert_one({"_id": 1, "text": evil, evil: {evil: [evil]}})
    with repl() as terminal:
        before = len(terminal.raw)
        say(terminal, "SELECT * FROM orders;", r"\(1 row\)")
        say(terminal, "\\x", "field by field")
        say(terminal, "SELECT * FROM orders;", r"\(1 row\)[\s\S]*\(1 row\)")
        say(terminal, "\\d orders", "text")
        say(terminal, "\\explain SELECT text FROM orders WHERE text = 'a';", "server")
        written = terminal.raw[before:]
        assert not re.search("\x1b\\]|\x07|\x9b|\u202e|\x1b\\[2J", written)


def test_the_history_goes_on_after_a_restart(repl: Open, tmp_path: Path) -> None:
    with repl() as terminal:
        say(terminal, "SELECT 4242 AS first_session;", r"^first_session$")
        terminal.press("d")
        assert terminal.ended() == 0
    assert (tmp_path / "state" / "queryleaf-cdc" / "history").stat().st_mode & 0o777 == 0o600
    with repl() as terminal:
        terminal.type("\x1b[A")
        terminal.wait_for(r"SELECT 4242 AS first_session;")


def test_the_history_is_searched(repl: Open) -> None:
    """Enter takes what was found, Ctrl-C leaves the search."""
    with repl() as terminal:
        say(terminal, "SELECT 4000 + 242 AS first;", r"^ +4242$")
        say(terminal, "SELECT 7 AS other;", r"^other$")
        terminal.press("r")
        terminal.type("first")
        terminal.wait_for("SELECT 4000")
        terminal.enter("")
        say(terminal, "", r"^ +4242$[\s\S]*^ +4242$")
        for keys in ("\x12\x03\x03", "\x12", "\x03", "\x03"):
            terminal.type(keys)
        say(terminal, "SELECT 40 + 2 AS answer;", r"^ +42$")


@pytest.mark.parametrize("asked", ["\\?", "help"])
def test_help_tells_of_every_command(filtered: Callable[[str], Any], asked: str) -> None:
    lines = filtered(f"{asked}\n").stdout.decode().splitlines()
    for each in COMMANDS:
        assert [line for line in lines if line.startswith(f"\\{each.name}") and line.endswith(each.summary)]


@pytest.mark.skipif(shutil.which("less") is None, reason="no pager here")
def test_a_tall_result_goes_to_a_pager(repl: Open, shop: Db) -> None:
    shop.orders.insert_many([{"_id": n} for n in range(100, 200)])
    with repl() as terminal:
        terminal.enter("SELECT _id FROM orders ORDER BY _id; SELECT 40 + 2 AS answer;")
        shown = terminal.wait_for(r"^:$")
        assert ("100" in shown, "199" in shown) == (True, False)
        assert re.search(r"^ +42$", shown, re.MULTILINE) is None
        terminal.press("c")
        terminal.settled(0.5)
        terminal.type("q")
        terminal.wait_for(r"^ +42$")
        say(terminal, "\\pset pager off", "the pager is off")
        say(terminal, "SELECT _id FROM orders ORDER BY _id;", r"\(100 rows\)")
        assert re.search(r"^199$", terminal.text(), re.MULTILINE)


def test_the_pager_is_the_one_that_the_user_names(
    mongo_uri: str, shop: Db, environment: dict[str, str], tmp_path: Path
) -> None:
    """As a command with arguments; a blank name is none; one that is not there is done without."""
    shop.orders.insert_many([{"_id": n} for n in range(100, 200)])
    command = [*REPL, "--uri", mongo_uri, "--db", "shop"]
    for pager, shown in (("head -n 3", "^100$"), ("  ", "^199$"), ("no_such_program", "^199$")):
        with Terminal(command, {**environment, "PAGER": pager}, cwd=str(tmp_path)) as terminal:
            terminal.wait_for(PROMPT)
            terminal.enter("SELECT _id FROM orders ORDER BY _id;")
            terminal.wait_for(shown)
            say(terminal, "SELECT 40 + 2 AS answer;", r"^ +42$")
            assert "Traceback" not in terminal.raw


def test_completion_knows_nested_fields(repl: Open, shop: Db) -> None:
    shop.orders.insert_one({"_id": 1, "address": {"city": "Oslo", "geo": {"latitude": 1}}, "items": [1, {"stock": 2}]})
    with repl() as terminal:
        for text in ("SELECT o.address.geo.lat", " FROM ord"):
            terminal.type(text)
            terminal.settled(0.2)
        terminal.press("c")
        terminal.type("SELECT * FROM ord\t")
        terminal.wait_for("FROM orders")
        terminal.type(" o WHERE o.address.geo.lat\t")
        terminal.wait_for(r"geo\.latitude")
        terminal.settled(0.3)
        terminal.type(" = 1 AND o.items.sto")
        terminal.settled(0.3)
        terminal.type("\t")
        terminal.wait_for(r"items\.stock")


def test_completion_knows_functions_of_the_user(
    mongo_uri: str, shop: Db, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("def register(ql):\n    ql.function('GEOHASH')(lambda place: 'u4pru')\n")
    command = [*REPL, "--uri", mongo_uri, "--db", "shop", "--procedures", "mine.py"]
    with Terminal(command, environment, cwd=str(tmp_path)) as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("SELECT geoh\t")
        terminal.wait_for("SELECT geohash")
        terminal.enter("(1) AS place;")
        terminal.wait_for("^u4pru$")


def test_a_command_does_not_lose_the_statement_before_it(repl: Open) -> None:
    with repl() as terminal:
        terminal.enter("SELECT 40 + 2 AS answer")
        terminal.enter("\\timing")
        terminal.wait_for("timing is on")
        terminal.settled(0.2)
        terminal.enter(";")
        terminal.wait_for(r"^Time: .* ms$")
        assert re.search(r"^ +42$", terminal.text(), re.MULTILINE)


def test_results_into_a_file(repl: Open, tmp_path: Path) -> None:
    with repl() as terminal:
        terminal.enter("\\o out.txt")
        terminal.enter("SELECT 1 AS one;")
        terminal.enter("\\o")
        terminal.enter("SELECT 2 AS two;")
        terminal.wait_for("^two$")
        assert (tmp_path / "out.txt").read_text() == "one\n---\n  1\n(1 row)\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_results_into_a_file_that_takes_no_more(repl: Open) -> None:
    with repl() as terminal:
        say(terminal, "\\o /dev/full", PROMPT)
        say(terminal, "SELECT 1 AS one;", "QL454: cannot write /dev/full: No space left on device")
        say(terminal, "SELECT 40 + 2 AS answer;", r"^ +42$")


# -- as a filter ----------------------------------------------------------------------------------------------------


def test_statements_from_a_pipe(filtered: Callable[[str], Any]) -> None:
    done = filtered("INSERT INTO orders (_id) VALUES (1);\nSELECT _id FROM orders;\n\\dt\nSELECT 1 AS last")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == (
        "1 row\n_id\n---\n  1\n(1 row)\n"
        "collection | documents\n-----------+----------\norders     |         1\n(1 row)\n"
        "last\n----\n   1\n(1 row)\n"
    )


def test_a_switch_can_be_set_and_a_word_ends_a_script(filtered: Callable[[str], Any]) -> None:
    done = filtered("\\x on\n\\x on\nSELECT 1 AS a;\n\\x off\nSELECT 2 AS b;\nquit\n")
    assert (done.returncode, done.stderr) == (0, b"")
    shown = "rows are shown field by field\n" * 2 + "-[ 1 ]----------------------------------\na | 1\n(1 row)\n"
    assert done.stdout.decode() == shown + "rows are shown as a table\nb\n-\n2\n(1 row)\n"


def test_status_calls_things_as_show_does(filtered: Callable[[str], Any]) -> None:
    done = filtered("CREATE VIEW paid AS SELECT _id FROM orders WHERE CHANGE_DETECTED();\n\\status\n")
    assert re.search(r"^paid \| stream \| running \|   0.0 \|", done.stdout.decode(), re.MULTILINE)


def test_a_stream_in_the_background_of_a_script(filtered: Callable[[str], Any]) -> None:
    done = filtered(
        "CREATE TRIGGER copy AFTER INSERT ON a BEGIN INSERT INTO b (n) VALUES (NEW.n); END;\n\\run\n"
        "SELECT n FROM b WHERE CHANGE_DETECTED() &\nINSERT INTO a (n) VALUES (7);\n\\drain\n"
        "SELECT n FROM b;\n\\stop\n"
    )
    assert done.returncode == 0, done.stderr
    assert "(1 row)" in done.stdout.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1 AS a;\nSELECT FROM;\nSELECT 2 AS b;", "<stdin>:2:8: error QL107"),
        ("\\nosuch", "QL450"),
        ("\\d nothing", "QL451"),
        ("\\i nothing.sql", "QL430"),
        ("\\i /proc/self/mem", "QL431"),
        ("\\i -", "QL451"),
        ("\\o .", "QL454"),
        ("\\drain", "QL443"),
        ("\\x sideways", "QL451"),
        ("\\timing 5", "QL451"),
        ("\\dt orders", "QL451"),
        ("\\explain nothing", "nothing is registered as nothing"),
        ("\\kill 1", "QL451"),
        ("\\watch x", "QL451"),
        ("SELECT 1 AS a\n\\dt\n;", "QL452"),
        ("SELECT 1 AS a &", "QL453"),
        ("SELECT '" + "x" * 1_000_000, "error"),
        (b"SELECT '\xff';", "QL432"),
        ("SELECT \0;", "QL101"),
        ("INSERT INTO orders (_id) VALUES (1), (1);", "QL602"),
    ],
)  # fmt: skip
def test_an_error_ends_a_script(filtered: Callable[[Any], Any], text: str | bytes, said: str) -> None:
    done = filtered(text)
    assert b"Traceback" not in done.stderr
    assert (done.returncode, said in done.stderr.decode()) == (1, True), done.stderr
    assert b"b\n-" not in done.stdout


def test_a_file_that_runs_itself(filtered: Callable[[str], Any], tmp_path: Path) -> None:
    (tmp_path / "loop.sql").write_text("\\i loop.sql\n")
    done = filtered("\\i loop.sql")
    assert (done.returncode, b"files run files" in done.stderr) == (1, True)


def test_an_error_in_a_file_names_its_place(filtered: Callable[[str], Any], tmp_path: Path) -> None:
    (tmp_path / "some.sql").write_text("SELECT 1 AS a;\n\n  SELECT FROM;\n")
    done = filtered("\\i some.sql")
    assert (done.returncode, b"some.sql:3:10: error" in done.stderr) == (1, True)


# -- without --------------------------------------------------------------------------------------------------------


def test_without_a_server(environment: dict[str, str]) -> None:
    command = [*REPL, "--uri", "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", "--db", "shop"]
    with Terminal(command, environment) as terminal:
        terminal.wait_for(PROMPT)
        terminal.enter("SELECT 1 AS one;")
        terminal.wait_for("QL503")
        terminal.press("d")
        assert terminal.ended() == 0


def test_without_prompt_toolkit(environment: dict[str, str], tmp_path: Path) -> None:
    code = "import sys; sys.modules['prompt_toolkit'] = None; from queryleaf_cdc.cli import main; main()"
    command = [sys.executable, "-c", code, "repl", "--db", "shop"]
    with Terminal(command, environment) as terminal:
        assert terminal.ended() == 1
        assert "pip install 'queryleaf-cdc[repl]'" in terminal.text()


def test_a_pipe_needs_no_prompt_toolkit(mongo_uri: str, environment: dict[str, str]) -> None:
    code = "import sys; sys.modules['prompt_toolkit'] = None; from queryleaf_cdc.cli import main; main()"
    command = [sys.executable, "-c", code, "repl", "--uri", mongo_uri, "--db", "shop"]
    done = subprocess.run(command, input=b"SELECT 1 AS one;", capture_output=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"one\n---\n  1\n(1 row)\n", b"")


def test_a_private_server_and_its_worker_in_one_session(environment: dict[str, str], tmp_path: Path) -> None:
    with Terminal([*REPL, "--embedded"], environment, cwd=str(tmp_path)) as terminal:
        terminal.wait_for("^test> ?$")
        say(terminal, "\\run", "the worker runs")
        say(terminal, "CREATE TRIGGER copy AFTER INSERT ON a BEGIN INSERT INTO b (n) VALUES (NEW.n); END;", "created")
        assert "no worker is at work" not in terminal.text()
        say(terminal, "SELECT n FROM b WHERE CHANGE_DETECTED() &", "background")
        say(terminal, "INSERT INTO a (n) VALUES (7);", r"^\[1\] +7$")
        terminal.press("d")
        assert terminal.ended() == 0


def test_a_worker_that_ends_by_itself_is_told(repl: Open, shop: Db) -> None:
    with repl() as terminal:
        say(terminal, "\\run", "the worker runs")
        say(terminal, "CREATE TRIGGER copy AFTER INSERT ON a BEGIN INSERT INTO b (n) VALUES (NEW.n); END;", "created")
        shop.client.drop_database("shop")
        terminal.wait_for("worker: failed")
        terminal.enter("")
        terminal.wait_for("the worker ended: error QL511")
        say(terminal, "SELECT 40 + 2 AS answer;", r"^ +42$")
