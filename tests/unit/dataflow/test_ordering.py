"""What makes two values the same, and their order as bytes: that of BSON, and the same question answered twice."""

from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from queryleaf_cdc.dataflow.ordering import encode, encode_value, sort_key, term
from queryleaf_cdc.dataflow.rows import consolidated, exact, identity, projection
from queryleaf_cdc.offline.ordering import compare
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Literal, OrderItem

NAN, INF = float("nan"), float("inf")
NUMBERS: list[Any] = [
    *(1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.00"), 0.1, Decimal128("0.1"), -3, 0.0, -0.0, 5e-324, -1e308),
    *(2**53 + 1, Int64(2**53 + 1), 2.0**53, Decimal128("1E+6000"), Decimal128("-1E-6000")),
    *(NAN, Decimal128("NaN"), INF, Decimal128("-Infinity")),
]
VALUES: list[Any] = [
    *NUMBERS,
    *(
        None,
        "",
        "a",
        "a\0",
        "a\0b",
        "b",
        "é",
        True,
        False,
        datetime(2020, 1, 1),
        datetime(1960, 1, 1),
        ObjectId("0" * 24),
    ),
    *({}, {"a": 1}, {"a": 1.0}, {"b": 0}, {"a": "x"}, {"a": 1, "b": 2}, [], [1], [1, 2], [1.0], [None], [[]]),
    *(b"", b"a", b"ab", Binary(b"a", 5)),
]
RARE: list[Any] = [
    MinKey(),
    datetime(2020, 1, 1),
    Timestamp(1, 2),
    Timestamp(1, 3),
    Timestamp(2, 0),
    Regex("a"),
    MaxKey(),
]
"""In their order."""


def _is_nan(value: Any) -> bool:
    return value != value or str(value) == "NaN"


@pytest.mark.parametrize("value", [*VALUES, *RARE], ids=repr)
def test_bytes_are_equal_exactly_where_identities_are(value: Any) -> None:
    for other in [*VALUES, *RARE]:
        assert (identity(value) == identity(other)) == (encode_value(value) == encode_value(other)), other


@pytest.mark.parametrize("value", [each for each in VALUES if not _is_nan(each)], ids=repr)
def test_bytes_have_the_order_of_bson(value: Any) -> None:
    for other in VALUES:
        if not _is_nan(other):
            a, b, order = encode_value(value), encode_value(other), compare(value, other)
            assert (a > b) - (a < b) == (order > 0) - (order < 0), other


def test_values_that_only_mongodb_has_stand_where_it_puts_them() -> None:
    encoded = [encode_value(each) for each in RARE]
    assert encoded == sorted(encoded)
    assert min(map(encode_value, VALUES)) > encoded[0] and max(map(encode_value, VALUES)) < encoded[-1]


@pytest.mark.parametrize("value", [*VALUES, *RARE], ids=repr)
def test_no_encoding_begins_another(value: Any) -> None:
    for other in [*VALUES, *RARE]:
        a, b = encode_value(value), encode_value(other)
        assert a == b or not a.startswith(b), other


def test_one_is_one_in_every_width_but_not_true() -> None:
    assert len({identity(each) for each in (1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.0"))}) == 1
    assert identity(True) != identity(1)
    assert identity([True]) != identity([1])
    assert identity(NAN) == identity(Decimal128("NaN"))
    assert identity(Decimal128("0.1")) != identity(0.1)
    assert encode([1, "a"]) == encode([Decimal128("1.00"), "a"])


def test_exact_bytes_tell_widths_apart() -> None:
    widths = (1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.0"), True, "1")
    assert len({exact((each,)) for each in widths}) == len(widths)


def test_exact_bytes_know_one_nan() -> None:
    negative = -NAN
    assert struct.pack("<d", negative) != struct.pack("<d", NAN)
    assert exact((negative, [1, negative], {"a": negative})) == exact((NAN, [1, NAN], {"a": NAN}))
    assert exact((negative, 1)) != exact((negative, 1.0))
    assert exact((bytes.fromhex("000000000000f8ff"),)) != exact((bytes.fromhex("000000000000f87f"),))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("nulls_first", [False, True])
def test_a_term_puts_nulls_where_it_says_and_nan_beyond_all_numbers(descending: bool, nulls_first: bool) -> None:
    bytes_of = term(OrderItem(Literal(None, Span(0, 0)), descending, nulls_first, Span(0, 0)))
    values = [3, None, NAN, 1, Decimal128("2.5"), INF]
    numbers = [1, Decimal128("2.5"), 3, INF, NAN]
    wanted = numbers[::-1] if descending else numbers
    assert str(sorted(values, key=bytes_of)) == str([None, *wanted] if nulls_first else [*wanted, None])


def test_rows_sort_by_their_terms_one_after_another() -> None:
    up, down = (OrderItem(Literal(None, Span(0, 0)), each, False, Span(0, 0)) for each in (False, True))
    key = sort_key([(itemgetter(0), term(up)), (itemgetter(1), term(down))])
    rows = [("b", 1), ("a", 1), ("a", 2), ("", 5), ("a\0", 1)]
    assert sorted(rows, key=key) == [("", 5), ("a", 2), ("a", 1), ("a\0", 1), ("b", 1)]


def test_consolidating_keeps_widths_apart_and_drops_what_cancels() -> None:
    delta = [((1,), 1), ((1.0,), 1), ((2,), -1), ((1,), 1), ((2,), 1)]
    assert consolidated(delta) == [((1,), 2), ((1.0,), 1)]


def test_a_projection_makes_tuples_of_any_columns() -> None:
    row = ("a", "b", "c")
    assert projection([])(row) == ()
    assert projection([itemgetter(1)])(row) == ("b",)
    assert projection([itemgetter(2), itemgetter(0)])(row) == ("c", "a")
    assert projection([itemgetter(2), lambda each: Decimal(len(each))])(row) == ("c", Decimal(3))
