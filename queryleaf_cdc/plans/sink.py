"""Where a sink's rows go, as data."""

from __future__ import annotations

from typing import Any

from queryleaf_cdc.frozen import frozen


@frozen
class SinkOptions:
    """What WITH (...) says besides ``TriggerOptions``. Of a secret only the name of its environment variable."""

    timeout_ms: int = 10_000
    """for one delivery as a whole"""
    allow_private: bool = False
    secret: str | None = None


@frozen
class Destination:
    """``kind`` is collection, procedure, webhook or file; ``name`` that of the collection or procedure, the URL or the
    path."""

    kind: str
    name: str
    options: SinkOptions = SinkOptions()

    @property
    def is_outside(self) -> bool:
        """Whether the rows leave the database, so that they arrive at least once instead of exactly once."""
        return self.kind != "collection"

    def document(self) -> dict[str, Any]:
        """As it stands in the compiled output, and in each row of the outbox."""
        document: dict[str, Any] = {"kind": self.kind, "name": self.name}
        if self.kind == "webhook":
            document["timeout_ms"] = self.options.timeout_ms
            document["allow_private"] = self.options.allow_private
            document["secret_env"] = self.options.secret
        return document
