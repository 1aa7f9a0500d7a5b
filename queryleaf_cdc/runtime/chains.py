"""Which triggers led to what a transaction writes, and where there are too many of them."""

from __future__ import annotations

from queryleaf_cdc.errors import RunError
from queryleaf_cdc.events import Event
from queryleaf_cdc.mongo.write_buffer import WriteBuffer
from queryleaf_cdc.runtime.firing import Firings
from queryleaf_cdc.runtime.runs import Lane, Run


def depth_error(event: Event, most: int) -> RunError:
    """QL608."""
    return RunError("QL608", f"triggers caused each other more than {most} times: {' → '.join(event['_chain'])}")


def chains_of(lane: Lane, run: Run, buffer: WriteBuffer, firings: Firings) -> dict[str, list[str]]:
    """Of the collections that are written and watched: each with the names that led to a write in it."""
    missing = set(lane.watched.intersection(op[1] for op in buffer.ops))
    chains: dict[str, list[str]] = {}
    for index, (_, collection, _, origin) in enumerate(buffer.ops if missing else ()):
        if collection not in missing:
            continue
        missing.discard(collection)
        build = lane.views.blamed(index)
        if build is None:
            event, trigger = firings.of_effect(index)
            chains[collection] = [*run.events[event]["_chain"], trigger.name]
        else:
            row = firings.row_of_effect(index) if origin is not None else None
            chains[collection] = [*row["_chain"], build] if row is not None else [collection]
    return chains
