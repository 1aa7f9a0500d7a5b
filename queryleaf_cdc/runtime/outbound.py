"""The effects of a sink that leads out of the database: its rows go into the outbox."""

from __future__ import annotations

from typing import Any

from queryleaf_cdc.events import Effects, Event, Origin
from queryleaf_cdc.values import Document


class Outbound:
    """Implements ``events.Effects`` for one event of one sink: the one INSERT is the row; all else stays as it is."""

    __slots__ = ("_effects", "_event", "_retries", "_to")

    def __init__(self, effects: Effects, to: Document, retries: int, event: Event) -> None:
        self._effects = effects
        self._to = to
        self._retries = retries
        self._event = event

    def insert(self, collection: str, document: Document, origin: Origin) -> None:
        self._effects.deliver(self._to, self._retries, document, self._event, origin)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._effects, name)
