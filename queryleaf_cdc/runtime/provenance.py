"""Which events our own transactions caused, and how deep the chain of triggers behind them is.

The session and transaction number of an event tell. A transaction works on events of one depth only, so it has one
depth itself. What is known is kept with the checkpoint until the position has passed the transaction's commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bson.binary import Binary
from bson.timestamp import Timestamp

from queryleaf_cdc.events import Event


@dataclass(slots=True)
class Written:
    """One of our transactions. ``chains``: collection → names of the triggers that led to a write in it."""

    session: bytes
    number: int
    depth: int
    chains: dict[str, list[str]]
    committed_at: Timestamp | None = None

    def document(self) -> dict[str, Any]:
        return {
            "session": Binary(self.session, 4),
            "number": self.number,
            "depth": self.depth,
            "chains": [{"collection": name, "triggers": chain} for name, chain in self.chains.items()],
            "committed_at": self.committed_at,
        }

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Written:
        chains = {each["collection"]: each["triggers"] for each in stored["chains"]}
        at = stored["committed_at"]
        return cls(bytes(stored["session"]), stored["number"], stored["depth"], chains, at)


@dataclass(slots=True)
class Provenance:
    """All of our transactions whose events may still be ahead."""

    _by_transaction: dict[tuple[bytes, int], Written] = field(default_factory=dict)

    @classmethod
    def restored(cls, stored: Sequence[dict[str, Any]], now: Timestamp) -> Provenance:
        """What was committed before we took over was committed before ``now``."""
        every = cls()
        for each in stored:
            written = Written.of(each)
            written.committed_at = written.committed_at or now
            every.add(written)
        return every

    def __len__(self) -> int:
        return len(self._by_transaction)

    def add(self, written: Written) -> None:
        self._by_transaction[written.session, written.number] = written

    def of(self, event: Event) -> Written | None:
        """The transaction of ours that caused this event."""
        session = event.get("lsid")
        if session is None or not self._by_transaction:
            return None
        return self._by_transaction.get((bytes(session["id"]), int(event.get("txnNumber", -1))))

    def depth(self, event: Event) -> int:
        """0 for what others wrote."""
        written = self.of(event)
        return 0 if written is None else written.depth + 1

    def chain(self, event: Event) -> list[str]:
        written = self.of(event)
        return [] if written is None else written.chains.get(event["ns"]["coll"], [])

    def mark(self, events: Sequence[Event]) -> int:
        """Tells each event of the same depth how deep it is, and what led to it. Gives the depth."""
        depth = self.depth(events[0]) if events else 0
        for event in events:
            event["_depth"] = depth
            event["_chain"] = self.chain(event) if depth else ()
        return depth

    def other_depth(self, events: Sequence[Event]) -> int | None:
        """The place of the first event that is not as deep as those before it."""
        first = self.depth(events[0]) if events and self._by_transaction else 0
        return next((at for at, event in enumerate(events) if self.depth(event) != first), None)

    def prune(self, position: Timestamp | None) -> None:
        """Forgets transactions whose events lie behind the position."""
        if position is not None:
            for key, each in list(self._by_transaction.items()):
                if each.committed_at is not None and each.committed_at < position:
                    del self._by_transaction[key]

    def document(self) -> list[dict[str, Any]]:
        return [each.document() for each in self._by_transaction.values()]
