"""What completion knows of the database: looked up when asked for, kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from queryleaf_cdc.errors import QueryLeafError
from queryleaf_cdc.mongo.sampling import collection_names, sampled_paths

T = TypeVar("T")

_KEPT_SECONDS = 15.0


class Names(Protocol):
    """All of them may take as long as the server does, and are empty when it does not answer."""

    def collections(self) -> tuple[str, ...]: ...

    def triggers(self) -> tuple[str, ...]: ...

    def views(self) -> tuple[str, ...]: ...

    def sinks(self) -> tuple[str, ...]: ...

    def streams(self) -> tuple[str, ...]: ...

    def functions(self) -> tuple[str, ...]:
        """The user's own."""

    def procedures(self) -> tuple[str, ...]: ...

    def fields(self, collection: str) -> tuple[str, ...]: ...

    def jobs(self) -> tuple[str, ...]: ...


@dataclass
class DatabaseNames:
    """``Names`` of a session. ``clock`` is in seconds."""

    ql: Any
    numbers: Callable[[], tuple[str, ...]] = tuple
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Any]] = field(default_factory=dict)

    def collections(self) -> tuple[str, ...]:
        return self._known("collections", lambda: tuple(collection_names(self.ql.database)), ())

    def triggers(self) -> tuple[str, ...]:
        return self._of_kind("trigger")

    def views(self) -> tuple[str, ...]:
        return self._of_kind("materialized_view")

    def sinks(self) -> tuple[str, ...]:
        return self._of_kind("sink")

    def streams(self) -> tuple[str, ...]:
        return self._of_kind("view")

    def functions(self) -> tuple[str, ...]:
        return tuple(self.ql._functions)

    def procedures(self) -> tuple[str, ...]:
        return tuple(self.ql._procedures)

    def fields(self, collection: str) -> tuple[str, ...]:
        views = {each.name: each.view.target for each in self._registered() if each.view is not None}
        name = views.get(collection, collection)
        if name not in self.collections():
            return ()
        return self._known(f"fields of {name}", lambda: tuple(sampled_paths(self.ql.database, name)), ())

    def jobs(self) -> tuple[str, ...]:
        return self.numbers()

    def forget(self) -> None:
        """After a statement: it may have changed what there is."""
        self._kept.clear()

    def _of_kind(self, kind: str) -> tuple[str, ...]:
        return tuple(each.name for each in self._registered() if each.kind == kind)

    def _registered(self) -> tuple[Any, ...]:
        return self._known("registered", lambda: tuple(self.ql.registered()), ())

    def _known(self, what: str, look_up: Callable[[], T], nothing: T) -> T:
        at, found = self._kept.get(what, (0.0, None))
        if found is None or self.clock() - at > _KEPT_SECONDS:
            try:
                found = look_up()
            except QueryLeafError:
                found = nothing
            self._kept[what] = (self.clock(), found)
        known: T = found
        return known
