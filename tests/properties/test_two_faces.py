"""Both faces of every expression are equal, byte for byte, and neither ever fails.

``pytest tests/properties/test_two_faces.py --faces-examples 100000`` looks further, each time elsewhere."""

from __future__ import annotations

import os

import bson
import faces
import pytest
from faces_regressions import REGRESSIONS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.functions.kinds import type_of_value
from queryleaf_cdc.functions.spec import WorkerSide
from queryleaf_cdc.lowering.server_face import lower_value
from queryleaf_cdc.lowering.worker_face import evaluator
from queryleaf_cdc.values import Type

_REQUESTED = os.environ.get("QUERYLEAF_FACES_EXAMPLES")
_EXAMPLES = int(_REQUESTED or 2000)
_AT_ONCE = 4
"""Expressions per command, each evaluated over as many documents."""

_thorough = settings(
    max_examples=max(1, _EXAMPLES // _AT_ONCE),
    deadline=None,
    derandomize=_REQUESTED is None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@given(
    exprs=st.lists(faces.expressions(), min_size=_AT_ONCE, max_size=_AT_ONCE),
    docs=st.lists(faces.documents(), min_size=_AT_ONCE, max_size=_AT_ONCE),
)
@_thorough
def test_random_expressions_are_equal_on_both_faces(client: MongoClient, exprs, docs) -> None:
    assert faces.mismatches(client.test, exprs, docs) == []


@given(
    exprs=st.lists(faces.matches(), min_size=_AT_ONCE, max_size=_AT_ONCE),
    texts=st.lists(faces.texts, min_size=_AT_ONCE, max_size=_AT_ONCE),
)
@settings(_thorough, max_examples=max(1, _EXAMPLES // 10))
def test_patterns_are_equal_on_both_faces(client: MongoClient, exprs, texts) -> None:
    assert faces.mismatches(client.test, exprs, [{"str": text} for text in texts]) == []


@pytest.mark.parametrize("name", [spec.name for spec in faces.SERVER_SPECS])
def test_each_function_is_equal_on_both_faces(client: MongoClient, name: str) -> None:
    @given(
        exprs=st.lists(faces.calls(name, 1), min_size=4, max_size=4),
        docs=st.lists(faces.documents(), min_size=4, max_size=4),
    )
    @settings(_thorough, max_examples=max(5, _EXAMPLES // 1000))
    def holds(exprs, docs) -> None:
        assert faces.mismatches(client.test, exprs, docs) == []

    holds()


@given(expr=faces.expressions(), document=faces.documents())
@settings(_thorough, max_examples=500)
def test_the_static_type_covers_every_value(expr, document) -> None:
    try:
        type_ = lower_value(expr, faces.SCOPE).type
    except WorkerSide:
        return
    kind = type_of_value(evaluator(expr)({"NEW": document}))
    assert kind & type_ or (kind is Type.DOCUMENT and Type.INTERVAL & type_)


@pytest.mark.parametrize("name", [spec.name for spec in faces.SPECS if spec.to_mongo is None])
def test_worker_functions_are_total(name: str) -> None:
    @given(st.data())
    @settings(_thorough, max_examples=60)
    def holds(data) -> None:
        kinds = data.draw(st.sampled_from(faces.fruitful(name)))
        strange = st.sampled_from([value for pool in faces.POOLS.values() for value in pool])
        args = [data.draw(strange | st.sampled_from(faces.POOLS[kind])) for kind in kinds]
        value = FUNCTIONS[name].evaluate(*args)
        bson.encode({"": value})

    holds()


@pytest.mark.parametrize("expr, document", REGRESSIONS)
def test_what_once_differed(client: MongoClient, expr, document) -> None:
    stored = bson.decode(bson.encode(document), faces.CODEC)
    assert faces.mismatches(client.test, [expr], [stored]) == []
