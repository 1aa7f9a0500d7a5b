"""The index finds exactly the triggers that brute force finds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bson import Decimal128, Int64, ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from queryleaf_cdc.lowering.worker_face import evaluate
from queryleaf_cdc.runtime.predicate_index import PredicateIndex
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal

SPAN = Span(0, 0)
OBJECT_ID = ObjectId("64b0c0ffee0123456789abcd")

CONSTANTS = (
    None, True, False, 0, 1, 2, 17, 2**53 + 1, 1.5, 2.0, float("nan"), float("inf"), Decimal128("1.5"),
    Decimal128("17"), Decimal128("NaN"), "", "a", "b", "k17", "17", "é", "2024-01-01", "2024-01-01T10:00:00.123456",
    str(OBJECT_ID), datetime(2024, 1, 1), datetime(2024, 1, 1, 10, 0, 0, 123000), datetime(1960, 1, 1, 0, 0, 0, 1000),
)  # fmt: skip
VALUES = (
    *CONSTANTS, Int64(17), Int64(2**53 + 1), float(2**53), -0.0, float("-inf"), -1, 3, 1.25, "c", "k", "k170",
    OBJECT_ID, datetime(2024, 1, 1, 10, 0, 0, 124000), datetime(2023, 12, 31), [], ["a"], [17], {}, {"a": 1}, b"a",
    Decimal128("1.50"), Decimal128("sNaN"), Decimal128("Infinity"),
)  # fmt: skip

fields = st.sampled_from(
    [Field("NEW", ("a",), SPAN), Field("NEW", ("b",), SPAN), Field("OLD", ("a",), SPAN), Field("NEW", ("c", "d"), SPAN)]
)
literals = st.sampled_from([Literal(value, SPAN) for value in CONSTANTS])


def call(name: str, *args: Expr) -> Expr:
    return Call(name, args, SPAN)


def comparisons() -> st.SearchStrategy[Expr]:
    names = st.sampled_from(["=", "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"])
    return st.one_of(
        st.builds(call, names, fields, literals),
        st.builds(call, names, literals, fields),
        st.builds(lambda x, low, high: call("BETWEEN", x, low, high), fields, literals, literals),
        st.builds(lambda x, options: call("IN", x, *options), fields, st.lists(literals, min_size=1, max_size=4)),
        st.builds(lambda x: call("IS NULL", x), fields),
        st.builds(call, names, fields, fields),
        st.builds(lambda x: call("LIKE", x, Literal("k%", SPAN)), fields),
        fields,
        literals,
    )


def combined(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    connective = st.sampled_from(["AND", "OR"])
    return st.one_of(
        st.builds(lambda name, args: call(name, *args), connective, st.lists(inner, min_size=2, max_size=4)),
        st.builds(call, st.sampled_from(["NOT", "IS TRUE", "IS FALSE", "IS UNKNOWN"]), inner),
    )


conditions = st.recursive(comparisons(), combined, max_leaves=8)
values = st.sampled_from(VALUES)
documents = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {}, optional={"a": values, "b": values, "c": st.one_of(values, st.builds(lambda v: {"d": v}, values))}
    ),
)
images = st.tuples(documents, documents)


def event(new: Any, old: Any) -> dict[str, Any]:
    return {"operationType": "update", "fullDocument": new, "fullDocumentBeforeChange": old}


@settings(max_examples=150, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=12), st.lists(images, min_size=1, max_size=12))
def test_finds_what_brute_force_finds(conditions: list[Expr], changes: list[tuple[Any, Any]]) -> None:
    index = PredicateIndex((condition, number) for number, condition in enumerate(conditions))
    for new, old in changes:
        env = {"NEW": new, "OLD": old, "EVENT": {}}
        expected = [number for number, each in enumerate(conditions) if evaluate(each, env) is True]
        assert list(index.matching(event(new, old))) == expected


def test_ranges_of_one_field_share_their_places() -> None:
    amount = Field("NEW", ("amount",), SPAN)
    index = PredicateIndex((call(">", amount, Literal(bound, SPAN)), bound) for bound in range(100))
    assert list(index.matching(event({"amount": 17.5}, None))) == list(range(18))
    assert list(index.matching(event({"amount": 0}, None))) == []
    assert list(index.matching(event({"amount": None}, None))) == []


def test_an_or_over_two_fields_gives_its_item_once() -> None:
    kind, code = Field("NEW", ("kind",), SPAN), Field("NEW", ("code",), SPAN)
    either = call("OR", call("=", kind, Literal("k", SPAN)), call("=", code, Literal("c", SPAN)))
    index = PredicateIndex([(either, "it")])
    assert list(index.matching(event({"kind": "k", "code": "c"}, None))) == ["it"]
    assert list(index.matching(event({"kind": "x", "code": "c"}, None))) == ["it"]


def test_more_alternatives_than_are_worth_rules_are_evaluated_as_a_whole() -> None:
    def either(i: int) -> Expr:
        return call("OR", *(call("=", Field("NEW", (f"f{i}{j}",), SPAN), Literal(1, SPAN)) for j in range(3)))

    index = PredicateIndex([(call("AND", *map(either, range(6))), "it")])
    assert list(index.matching(event({f"f{i}1": 1 for i in range(6)}, None))) == ["it"]
    assert list(index.matching(event({f"f{i}1": 1 for i in range(5)}, None))) == []
