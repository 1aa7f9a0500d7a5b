"""What fields the documents of a collection have: how often, and of which types."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo.handles import Db

SAMPLE = 1000
"""documents looked at"""

_DOCUMENT: list[str] = []
"""the path of the document itself: counts the sample"""


@frozen
class FieldFacts:
    """``types`` are MongoDB's names for them, the most frequent first, with the count of documents."""

    path: tuple[str, ...]
    types: tuple[tuple[str, int], ...]
    documents: int
    sampled: int


def sample_fields(database: Db, collection: str) -> list[FieldFacts]:
    """Fields, and those of documents in them, about in the order in which documents have them."""
    counts: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    places: dict[tuple[str, ...], tuple[float, float]] = {}
    with database[collection].aggregate(_PIPELINE, allowDiskUse=True) as cursor:
        for each in cursor:
            path = tuple(each["_id"]["path"])
            counts[path][each["_id"]["type"]] = each["count"]
            place = (each["place"], each["inner_place"])
            places[path] = min(places.get(path, place), place)
    sampled = sum(counts.pop((), {}).values())
    found = [
        FieldFacts(path, tuple(sorted(types.items(), key=lambda each: -each[1])), sum(types.values()), sampled)
        for path, types in counts.items()
    ]
    often = {each.path: each.documents for each in found}

    def order(facts: FieldFacts) -> tuple[object, ...]:
        outer = facts.path[:1]
        return places[outer][0], -often[outer], outer, places[facts.path][1]

    return sorted(found, key=order)


def _pipeline() -> list[dict[str, Any]]:
    """Names and types are taken in the server: values may be large, or such that they cannot be decoded."""
    kind = {"$type": "$$field.v"}
    inner = {
        "$map": {
            "input": {"$objectToArray": "$$field.v"},
            "as": "inner",
            "in": {"path": ["$$field.k", "$$inner.k"], "type": {"$type": "$$inner.v"}},
        }
    }
    own = [{"path": ["$$field.k"], "type": kind}]
    every = {
        "$map": {
            "input": {"$objectToArray": "$$ROOT"},
            "as": "field",
            "in": {"$cond": [{"$eq": [kind, "object"]}, {"$concatArrays": [own, inner]}, own]},
        }
    }
    document = [{"path": {"$literal": _DOCUMENT}, "type": "object"}]
    return [
        {"$sample": {"size": SAMPLE}},
        {"$project": {"_id": 0, "fields": {"$concatArrays": [[document], every]}}},
        {"$unwind": {"path": "$fields", "includeArrayIndex": "place"}},
        {"$unwind": {"path": "$fields", "includeArrayIndex": "inner_place"}},
        {
            "$group": {
                "_id": {"path": "$fields.path", "type": "$fields.type"},
                "count": {"$sum": 1},
                "place": {"$avg": "$place"},
                "inner_place": {"$avg": "$inner_place"},
            }
        },
    ]


_PIPELINE = _pipeline()
