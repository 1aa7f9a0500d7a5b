"""What ``run`` says on a terminal."""

from __future__ import annotations

import pytest

from queryleaf_cdc.cli.running import _bar, _say_reasons, _terminal_line


def test_a_view_that_is_built_has_a_bar() -> None:
    assert _bar("totals", 25, 100) == "totals █████░░░░░░░░░░░░░░░  25%"
    assert _bar("totals", 0, 0).endswith("  0%")


def test_it_stands_beside_the_counters() -> None:
    line = {"state": "running", "events_per_second": 1.0, "lag_seconds": 0.0, "errors": 0, "dead_letters": 0}
    shown = _terminal_line({**line, "trouble": None, "building": {"totals": {"rows": 1, "total": 2}}})
    assert "events/s" in shown
    assert "totals ██████████░░░░░░░░░░  50%" in shown


def test_what_does_not_go_on_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    said = _say_reasons({}, {"totals": "failed: QL602: no"})
    said = _say_reasons(said, {"totals": "failed: QL602: no"})
    said = _say_reasons(said, {})
    _say_reasons(said, {"totals": "failed: QL602: no"})
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["totals failed: QL602: no"] * 2
    assert captured.out == ""
