"""The TPC-H example: its views, which DuckDB reads as they are, and histories of its collections."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from types import ModuleType

from tests.views.documents import Document
from tests.views.example_files import ExampleOracle, module_of, tables_of, text_of, views_of
from tests.views.histories import Change

TEXT = text_of("tpch")
VIEWS = DUCKDB = views_of(TEXT)
SCALE = 0.001
warehouse: ModuleType = module_of("tpch", "warehouse")


def oracle() -> ExampleOracle:
    """With exact money, so that it does not matter in which order DuckDB adds."""
    return ExampleOracle(tables_of(TEXT), money="DECIMAL(15, 2)")


def loaded(orders: int | None = None, scale: float = SCALE) -> list[Change]:
    """All that is there before the first refresh, or with fewer orders."""
    collections = warehouse.Warehouse(scale).collections()
    found = [(name, document) for name, documents in collections.items() for document in documents]
    return [
        Change(name, "insert", None, document)
        for name, document in found
        if orders is None or _order_of(document) <= orders
    ]


def _order_of(document: Document) -> int:
    return int(document.get("o_orderkey") or document.get("l_orderkey") or 0)


def refreshes(first: int, count: int, scale: float = SCALE) -> Iterator[list[Change]]:
    """What RF1 and RF2 do, call after call: each list is one transaction."""
    made = warehouse.Warehouse(scale)
    for stream in range(first, first + count):
        added = list(made.added(stream))
        yield [
            *[Change("orders", "insert", None, order) for order, _ in added],
            *[Change("lineitem", "insert", None, line) for _, lines in added for line in lines],
        ]
        removed = [made.order(key) for key in made.removed(stream)]
        yield [
            *[Change("orders", "delete", order, None) for order, _ in removed],
            *[Change("lineitem", "delete", line, None) for _, lines in removed for line in lines],
        ]


def edits(before: list[Change], count: int, seed: int = 1) -> Iterator[Change]:
    """Updates and deletes of any document: some of its fields become those of another one."""
    known: dict[str, dict[object, Document]] = {}
    for change in before:
        documents = known.setdefault(change.collection, {})
        if change.after is None:
            del documents[change.key]
        else:
            documents[change.key] = change.after
    random = Random(seed)
    for _ in range(count):
        collection = random.choice(sorted(name for name in known if known[name]))
        document = random.choice(list(known[collection].values()))
        if random.random() < 0.1:
            del known[collection][document["_id"]]
            yield Change(collection, "delete", document, None)
            continue
        other = random.choice(list(known[collection].values()))
        names = random.sample(sorted(document.keys() - {"_id"}), 2)
        after = document | {name: other[name] for name in names}
        known[collection][document["_id"]] = after
        yield Change(collection, "update", document, after)
