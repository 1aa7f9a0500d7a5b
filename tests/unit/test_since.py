"""Where a stream may begin."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from bson.timestamp import Timestamp

from queryleaf_cdc.errors import InputError, ServerError
from queryleaf_cdc.mongo.positions import Position
from queryleaf_cdc.runtime.since import position_of, refuse_future

TOKEN = "826B095B2F000000012B022C01002B026E5A1004"
SECOND = 1741176000


@pytest.mark.parametrize(
    ("since", "position"),
    [
        (datetime(2025, 3, 5, 12), Position(at=Timestamp(SECOND, 1))),
        (datetime(2025, 3, 5, 12, tzinfo=UTC), Position(at=Timestamp(SECOND, 1))),
        ("2025-03-05T12:00:00", Position(at=Timestamp(SECOND, 1))),
        ("2025-03-05T13:00:00.750+01:00", Position(at=Timestamp(SECOND, 1))),
        ({"_data": TOKEN}, Position({"_data": TOKEN})),
        (TOKEN, Position({"_data": TOKEN})),
        (TOKEN.lower(), Position({"_data": TOKEN})),
    ],
)
def test_times_are_utc_and_tokens_are_tokens(since: Any, position: Position) -> None:
    assert position_of(since) == position


@pytest.mark.parametrize(
    "since", ["yesterday", "", {"_data": "garbage"}, {}, datetime(1960, 1, 1), "82", 5, b"82", date(2025, 3, 5)]
)
def test_anything_else_is_refused(since: Any) -> None:
    with pytest.raises(InputError) as raised:
        position_of(since)
    assert raised.value.code == "QL446"


def test_the_future_is_refused() -> None:
    with pytest.raises(ServerError) as raised:
        refuse_future(Position(at=Timestamp(SECOND + 60, 1)), SECOND)
    assert raised.value.code == "QL507"
