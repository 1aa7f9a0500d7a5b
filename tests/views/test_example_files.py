"""What the generators of the examples make: the same again, in the shares and with the fields that are promised."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from queryleaf_cdc.compiler import compile_sql
from queryleaf_cdc.plans.program import ViewStatement
from tests.views import nexmark, tpch

Document = dict[str, Any]


def test_nexmark_events_depend_on_the_seed_and_their_number_only() -> None:
    stream = nexmark.events.Stream(3)
    assert list(stream.events(40, 60)) == list(stream.events(0, 100))[40:60]
    assert list(stream.events(0, 100)) != list(nexmark.events.Stream(4).events(0, 100))


def test_nexmark_has_the_published_mix_and_hot_keys() -> None:
    made = list(nexmark.events.Stream().events(0, 10_000))
    assert Counter(collection for collection, _ in made) == {"person": 200, "auction": 600, "bid": 9_200}
    bids = [document for collection, document in made if collection == "bid"]
    hot = sum(bid["auction"] % 100 == 0 for bid in bids)
    assert 0.45 < hot / len(bids) < 0.55


def test_nexmark_events_refer_to_what_is_there() -> None:
    known: dict[str, set[int]] = {"person": set(), "auction": set(), "bid": set()}
    for collection, document in nexmark.events.Stream().events(0, 5_000):
        known[collection].add(document["_id"])
        assert document.get("seller", 1000) in known["person"]
        if collection == "bid":
            assert document["bidder"] in known["person"]
            assert document["auction"] in known["auction"]


def test_tpch_refreshes_add_new_orders_and_remove_old_ones() -> None:
    warehouse = tpch.warehouse.Warehouse(0.01)
    assert (warehouse.orders, warehouse.refreshed) == (15_000, 15)
    added = [order["o_orderkey"] for stream in (0, 1) for order, _ in warehouse.added(stream)]
    assert added == list(range(15_001, 15_031))
    assert [*warehouse.removed(0), *warehouse.removed(1)] == list(range(1, 31))
    assert list(warehouse.added(7)) == list(warehouse.added(7))


def test_tpch_has_distinct_suppliers_for_each_part_and_lines_that_name_them() -> None:
    collections = {name: list(found) for name, found in tpch.warehouse.Warehouse(0.001).collections().items()}
    pairs = {(each["ps_partkey"], each["ps_suppkey"]) for each in collections["partsupp"]}
    assert len(pairs) == 800
    assert {(line["l_partkey"], line["l_suppkey"]) for line in collections["lineitem"]} <= pairs
    assert {order["o_custkey"] for order in collections["orders"]} <= {each["_id"] for each in collections["customer"]}


@pytest.mark.parametrize("example", [nexmark, tpch])
def test_documents_have_the_declared_fields(example: Any) -> None:
    oracle = example.oracle()
    for change in example.loaded(100):
        described = oracle.connection.execute(f"DESCRIBE {change.collection}").fetchall()
        assert {name for name, *_ in described} == change.after.keys()


@pytest.mark.parametrize(("example", "count"), [(nexmark, 23), (tpch, 22)])
def test_every_query_compiles(example: Any, count: int) -> None:
    statements = compile_sql(example.TEXT).statements
    views = [each.plan.name for each in statements if isinstance(each, ViewStatement)]
    assert views == list(example.VIEWS)
    assert len(views) == count
