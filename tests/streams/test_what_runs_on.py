"""Functions that run on from a partition's first row keep a few values, not its rows."""

from __future__ import annotations

import math
from datetime import datetime
from random import Random
from typing import Any

import pytest
from bson import Decimal128

from queryleaf_cdc.aggregates import AGGREGATES
from queryleaf_cdc.aggregates.ordered import Ordered, SortedValues
from queryleaf_cdc.dataflow import along
from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.rows import exact
from queryleaf_cdc.dataflow.state import MemoryStore
from queryleaf_cdc.dataflow.windows.running import Lastings
from queryleaf_cdc.source import NO_SPAN
from queryleaf_cdc.syntax.expressions import Aggregate, Field
from tests.streams.changes import draw_history
from tests.streams.engine import Stream
from tests.streams.queries import Question
from tests.streams.test_random_streams import check

FRAMES = (
    "ROWS UNBOUNDED PRECEDING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 3 PRECEDING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '20 seconds' PRECEDING",
    "RANGE UNBOUNDED PRECEDING",
)
FUNCTIONS = (
    "MIN({v})", "MAX({v})", "FIRST_VALUE({v} IGNORE NULLS)", "LAST_VALUE({v} IGNORE NULLS)",
    "NTH_VALUE({v}, 3 IGNORE NULLS)", "MAX({v}) FILTER (WHERE k <> 1)", "MIN({v} + k)", "SUM({v})", "LAST_VALUE({v})",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _slack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(along, "_SLACK", 1)


@pytest.mark.parametrize("seed", range(40))
def test_what_runs_on_is_what_duckdb_says(seed: int) -> None:
    random = Random(seed)
    calls = [random.choice(FUNCTIONS).format(v=random.choice("vx")) for _ in range(random.choice((1, 2)))]
    windows = [f"PARTITION BY k ORDER BY {{order}} {random.choice(FRAMES)}" for _ in calls]
    items = [f"{call} OVER ({window}) AS w{at}" for at, (call, window) in enumerate(zip(calls, windows, strict=True))]
    mine = f"SELECT {', '.join(items)} FROM a WHERE CHANGE_DETECTED()".format(order="CHANGE_TIMESTAMP()")
    theirs = f"SELECT {', '.join(items)} FROM a ORDER BY seq"
    check(Question(mine.replace(" IGNORE NULLS)", ") IGNORE NULLS"), theirs.format(order="ts"), True), seed)


@pytest.mark.parametrize("function", [*(each.format(v="v") for each in FUNCTIONS), "ANY_VALUE(v)"])
def test_so_few_rows_are_kept(function: str) -> None:
    store = MemoryStore()
    call = f"{function.replace(' IGNORE NULLS)', ') IGNORE NULLS')} OVER (ORDER BY CHANGE_TIMESTAMP() {FRAMES[0]})"
    stream = Stream(f"SELECT {call} AS w FROM a WHERE CHANGE_DETECTED()", store=store)
    most = 0
    for event in draw_history(Random(1), 400).events:
        stream.batch([event])
        most = max(most, stream.flow.rows)
    assert most < 10


VALUES: tuple[Any, ...] = (
    1, 2.5, -3, math.nan, Decimal128("NaN"), Decimal128("7"), "a", "b", True, datetime(2025, 1, 1), None, [1], math.inf,
)  # fmt: skip


@pytest.mark.parametrize("name", ["MIN", "MAX", "ANY_VALUE"])
@pytest.mark.parametrize("seed", range(40))
def test_the_lasting_values_tell_what_all_tell(seed: int, name: str) -> None:
    random, spec = Random(seed), AGGREGATES[name]
    assert isinstance(spec, Ordered) and spec.lasting is not None
    read = spec.read(Aggregate(name, (Field("$row", (0,), NO_SPAN),), False, None, (), NO_SPAN))
    kept, seen = Lastings(spec.lasting), []
    for value in random.choices(random.sample(VALUES, 5), k=12):
        if spec.keeps(value):
            item = encode_value(value) + exact((value,)), value
            seen.append(item)
            kept.add([item], 1)
            kept = Lastings(spec.lasting, kept.document())
        every = SortedValues([each for _, each in sorted(seen, key=lambda each: each[0])])
        assert repr(read(kept.values)) == repr(read(every))
        assert kept.values.total <= 2
