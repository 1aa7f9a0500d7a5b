"""What a statement reads and nobody has made: for MongoDB a misspelt collection is one without documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from queryleaf_cdc.errors import QueryLeafError, did_you_mean
from queryleaf_cdc.mongo.sampling import collection_names
from queryleaf_cdc.plans.program import FlowStatement, QueryStatement, StreamStatement


def missing_collections(ql: Any, statements: Iterable[Any]) -> list[str]:
    """A sentence for each. None when the server does not tell what there is."""
    wanted = {name: None for each in statements for name in _read(each)}
    if not wanted:
        return []
    try:
        known = {*collection_names(ql.database), *(each.name for each in ql.registered())}
    except QueryLeafError:
        return []
    return [_sentence(name, did_you_mean(name, known)) for name in wanted if name not in known]


def _read(statement: Any) -> Iterator[str]:
    match statement:
        case QueryStatement(query) if query.collection is not None:
            yield query.collection
        case StreamStatement(plan):
            yield plan.collection
        case FlowStatement(plan):
            yield from (each.scan.collection for each in plan.sources)
            yield from (each.scan.collection for each in plan.tables)


def _sentence(name: str, hint: str | None) -> str:
    return f"there is no collection {name} yet" + (f": {hint}" if hint else "")
