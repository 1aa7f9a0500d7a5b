"""When a receiver wants to be asked again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queryleaf_cdc.sinks.retry_after import MOST, seconds_until

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 5000, MOST),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 13:01:30 +0100", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2036 11:00:00 GMT", MOST),
        ("Mon, 99 Mar 2026 99:00:00 GMT", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("٣", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_seconds_until(header: str | None, seconds: float) -> None:
    assert seconds_until(header, NOW) == seconds
