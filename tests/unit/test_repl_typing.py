"""The history's file, and floods of keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from queryleaf_cdc.cli.repl import history
from queryleaf_cdc.cli.repl.history import open_history
from queryleaf_cdc.cli.repl.keys import as_pastes


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "queryleaf-cdc" / "history"


def test_the_history_is_kept_for_this_user_alone(state: Path) -> None:
    open_history().append_string("SELECT 1;\nSELECT 2;")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert list(open_history().load_history_strings()) == ["SELECT 1;\nSELECT 2;"]


def test_a_history_that_others_could_read_is_closed_to_them(state: Path) -> None:
    state.parent.mkdir()
    state.write_text("")
    state.chmod(0o644)
    open_history()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "  ", " SELECT 'secret';", "x" * 100_000, "\udc80"])
def test_what_is_not_kept(state: Path, text: str) -> None:
    open_history().append_string(text)
    assert state.read_bytes() == b""
    assert list(open_history().load_history_strings()) == []


def test_without_a_place_for_it_the_history_lasts_as_long_as_the_shell(state: Path) -> None:
    state.parent.write_text("a file where the directory should be")
    assert isinstance(open_history(), InMemoryHistory)


def test_a_long_history_loses_its_older_half(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_KEPT_BYTES", 2000)
    for number in range(100):
        open_history().append_string(f"SELECT {number} AS one_of_many;")
    kept = list(open_history().load_history_strings())
    assert kept[0] == "SELECT 99 AS one_of_many;"
    assert 10 < len(kept) < 60


def pressed(text: str) -> list[tuple[object, str]]:
    keys = [KeyPress(Keys.ControlM if char == "\r" else char, char) for char in text]
    return [(each.key, each.data) for each in as_pastes(keys)]


def test_keys_that_arrive_at_once_are_a_paste() -> None:
    assert pressed("ab\r") == [("a", "a"), ("b", "b"), (Keys.ControlM, "\r")]
    assert pressed("a" * 30 + "\rb") == [(Keys.BracketedPaste, "a" * 30), (Keys.ControlM, "\r"), ("b", "b")]
