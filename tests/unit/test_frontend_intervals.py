"""Interval texts, as PostgreSQL reads them."""

from __future__ import annotations

import pytest

from queryleaf_cdc.syntax.interval_text import parse_interval
from queryleaf_cdc.values import Interval

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 day", Interval(0, 1, 0)),
        ("1 day 02:03:04", Interval(0, 1, 2 * HOUR + 3 * 60_000 + 4_000)),
        ("-1 month", Interval(-1, 0, 0)),
        ("1.5 hours", Interval(0, 0, 5_400_000)),
        ("1 year 2 mons 3 weeks", Interval(14, 21, 0)),
        ("P1DT2H", Interval(0, 1, 2 * HOUR)),
        ("P1Y2M3DT4H5M6.5S", Interval(14, 3, 4 * HOUR + 5 * 60_000 + 6_500)),
        ("PT-1H", Interval(0, 0, -HOUR)),
        ("2 days ago", Interval(0, -2, 0)),
        ("1 day -1 hour", Interval(0, 1, -HOUR)),
        ("-00:30", Interval(0, 0, -HOUR // 2)),
        ("1d 2h 3m 4s", Interval(0, 1, 2 * HOUR + 3 * 60_000 + 4_000)),
        ("1day", Interval(0, 1, 0)),
        ("250 milliseconds", Interval(0, 0, 250)),
        ("1500 us", Interval(0, 0, 2)),
        ("1.5 days", Interval(0, 1, 12 * HOUR)),
        ("1.5 months", Interval(1, 15, 0)),
        ("1.5 years", Interval(18, 0, 0)),
        ("0.5 weeks", Interval(0, 3, 12 * HOUR)),
        ("1 century", Interval(1200, 0, 0)),
        ("90", Interval(0, 0, 90_000)),
        ("  3   HOURS ", Interval(0, 0, 3 * HOUR)),
        ("36:00:00", Interval(0, 0, 36 * HOUR)),
        ("@ 1 minute", Interval(0, 0, 60_000)),
        ("1-2", Interval(14, 0, 0)),
        ("-1-2", Interval(-14, 0, 0)),
        ("1 2:03", Interval(0, 1, 2 * HOUR + 3 * 60_000)),
        ("1-2 3 04:05:06", Interval(14, 3, 4 * HOUR + 5 * 60_000 + 6_000)),
    ],
)
def test_reads(text: str, expected: Interval) -> None:
    assert parse_interval(text) == expected


def test_a_bare_number_counts_the_unit_behind_it() -> None:
    assert parse_interval("5", "minute") == Interval(0, 0, 300_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "day",
        "1 fortnight",
        "x",
        "P",
        "PT",
        "P1X",
        "1:75",
        "1 day ago ago",
        "--1 day",
        "1e3 days",
        "9" * 30,
        "1 day 1 day",
        "1 hour 02:03",
        "1-12",
        "5 1 day",
    ],
)
def test_no_interval(text: str) -> None:
    assert parse_interval(text) is None
