"""Isolating an event that exceeds 16 MB together with its images (10334; every resume hits it again).

$changeStreamSplitLargeEvent needs MongoDB 6.0.9. What works before: without images and updateDescription the stream
reads over the event, so its place is found by bisection over the tokens of such a reduced stream: the full stream,
limited to tokens up to X by a leading $match (which the server applies before it looks up images), fails exactly
when the event lies at or before X. On 6.0.5 a trailing $project alone does not help once the pipeline has a
condition on an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queryleaf_cdc.events import Event
from queryleaf_cdc.mongo.conversation import Conversation
from queryleaf_cdc.mongo.decoding import stub

Pipeline = list[dict[str, Any]]

TOO_LARGE_CODE = "QL605"
_CHANGES = ["insert", "update", "replace", "delete"]
_REDUCED: Pipeline = [
    {"$match": {"operationType": {"$in": _CHANGES}}},
    {"$project": {"updateDescription": 0, "fullDocument": 0}},
]

Probe = Callable[[Pipeline, bool, int], "Conversation[list[Event] | None]"]
"""(stages put in front of or instead of the pipeline, with the pipeline and images?, how many) → the first events
after the current position, or None when the server met an event that is too large"""


def isolate_large_event(probe: Probe, one_by_one: int = 100, reduced: int = 1000) -> Conversation[list[Event]]:
    """The next events after a position at which the stream failed: those in front of the large event in full, or, if
    it comes first, a stub of it. Never empty unless the stream has nothing more at all."""
    readable = yield from _readable_prefix(probe, one_by_one)
    if readable:
        return readable
    candidates = (yield from probe(_REDUCED, False, reduced)) or []
    if not candidates:
        return []
    low, high = 0, len(candidates)  # the large event is candidates[low:high+1], or none of them
    while low < high:
        middle = (low + high) // 2
        if (yield from probe(_up_to(candidates[middle]), True, 1)) is None:
            high = middle
        else:
            low = middle + 1
    if low == len(candidates):
        # None of these concerns the pipeline: the position may move behind them.
        return [stub(candidates[-1], "", "")]
    return [stub(candidates[low], TOO_LARGE_CODE, "the change exceeds 16 MB together with its images")]


def _up_to(event: Event) -> Pipeline:
    return [{"$match": {"_id._data": {"$lte": event["_id"]["_data"]}}}]


def _readable_prefix(probe: Probe, limit: int) -> Conversation[list[Event]]:
    """What comes before the large event, found by asking for 1, 2, 4 ... events until that fails."""
    found: list[Event] = []
    count = 1
    while count <= limit:
        more = yield from probe([], True, count)
        if more is None:
            break
        found = more
        if len(more) < count:
            break
        count *= 2
    return found
