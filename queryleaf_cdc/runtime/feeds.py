"""The scans of views as members of the shared stream: their firing collects rows, and writes nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.events import REBUILD, Effects, Event, Origin
from queryleaf_cdc.lowering.client_columns import finisher
from queryleaf_cdc.lowering.shared_stream import Member
from queryleaf_cdc.lowering.worker_face import evaluator
from queryleaf_cdc.mongo.active import Copied
from queryleaf_cdc.mongo.positions import token_time
from queryleaf_cdc.plans.actions import Action, Choose, InsertRow
from queryleaf_cdc.plans.dataflow import Scan
from queryleaf_cdc.plans.view import NEW_ROW, OLD_ROW, ViewSource
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.values import Document, Value

_WEIGHTS = {OLD_ROW: -1, NEW_ROW: 1}

Accept = Callable[[Event], bool]


class ViewFeed:
    """One scan of one build of a view; implements ``events.Trigger``. ``rows`` is what came in since it was cleared.

    ``accept`` is set while the scan's collection is being copied: it leaves out what the copy brings."""

    on_error = REBUILD
    max_retries = 0

    def __init__(self, uid: str, view: str, source: ViewSource, member: Member, functions: Functions) -> None:
        self.id = uid
        self.name = view
        self.scan = source.scan
        self.path = member.prefix
        self.new_on_update = member.lowered.images.new_on_update
        self.old = member.lowered.images.old
        self.rows: Delta = []
        self.accept: Accept | None = None
        self._collect = _in_server(member.lowered.actions) if member.prefix else None
        body = FiringCompiler(view, bool(member.prefix)).body(member.lowered.actions)
        self._run = _in_worker(body, len(source.scan.columns), functions)

    def computed(self, event: Event) -> Document:
        """What the server computed for this scan."""
        value: Document = event
        for part in self.path:
            value = value.get(part) or {}
        return value

    def fire(self, event: Event, effects: Effects) -> None:
        accept = self.accept
        if accept is not None and not accept(event):
            return
        if self._collect is not None:
            self._collect(self.computed(event), self.rows)
        else:
            self._run(event, self.computed(event) if self.path else {}, self.rows)

    def lacks_image(self, event: Event) -> bool:
        """Whether an image is not there that is needed to know the rows."""
        if self.accept is not None and not self.accept(event):
            return False
        if self.path:
            return bool(self.computed(event).get("missing"))
        kind = event["operationType"]
        if self.new_on_update and kind == "update" and event.get("fullDocument") is None:
            return True
        return self.old and kind != "insert" and event.get("fullDocumentBeforeChange") is None


def _in_server(actions: Sequence[Action]) -> Callable[[Document, Delta], None] | None:
    """Collects rows that the server has made as a whole; None where the worker has a part in them."""
    slots = list(_slots(actions))
    if None in slots:
        return None
    weighted = tuple(each for each in slots if each is not None)

    def collect(computed: Document, rows: Delta) -> None:
        for slot, weight in weighted:
            row = computed.get(slot)
            if row is not None:
                rows.append((tuple(row.values()), weight))

    return collect


def _slots(actions: Sequence[Action]) -> Iterable[tuple[str, int] | None]:
    """(slot, weight) of each row; a None for each that only the worker can make, or tell whether it is there."""
    for action in actions:
        match action:
            case InsertRow(collection=target, slot=(slot,)):
                yield slot, _WEIGHTS[target]
            case Choose(slot=(_,), branches=branches, otherwise=otherwise):
                for _, body in branches:
                    yield from _slots(body)
                yield from _slots(otherwise)
            case _:
                yield None


def _in_worker(
    body: Callable[[Frame], bool], width: int, functions: Functions
) -> Callable[[Event, Document, Delta], None]:
    """Runs the actions as those of a trigger."""
    values = row_of(width)

    class Rows:
        """Effects of a scan: its two INSERTs."""

        def __init__(self, rows: Delta) -> None:
            self.rows = rows

        def insert(self, collection: str, document: Document, origin: Origin) -> None:
            self.rows.append((values(document), _WEIGHTS[collection]))

    def run(event: Event, computed: Document, rows: Delta) -> None:
        body(Frame(event, Rows(rows), computed, functions))  # type: ignore[arg-type]

    return run


def row_of(width: int) -> Callable[[Document], tuple[Any, ...]]:
    """A row of the document's fields ``c0``, ``c1``, ..."""
    names = [f"c{number}" for number in range(width)]
    if width < 2:
        return lambda document: tuple([document[name] for name in names])
    return itemgetter(*names)


class DocumentScan:
    """Rows of a scan from documents, where another view is what it reads."""

    def __init__(self, scan: Scan, functions: Functions) -> None:
        self._columns = tuple(evaluator(column) for column in scan.columns)
        self._condition = evaluator(scan.condition) if scan.condition is not None else None
        self._alias = scan.alias
        self._functions = functions
        self.copied_to: bytes | None = None
        """while the other view's rows are being copied: the encoded last ``_id``"""

    def accepts(self, id: Value) -> bool:
        return self.copied_to is None or encode_value(id) <= self.copied_to

    def add(self, document: Document | None, weight: int, rows: Delta) -> None:
        if document is None:
            return
        env: dict[str, Any] = {self._alias: document, "$vars": {}, "$functions": self._functions}
        if self._condition is None or self._condition(env) is True:
            rows.append((tuple([column(env) for column in self._columns]), weight))


class Watermarks:
    """Which changes concern what is copied of a collection: those in a chunk, after its time."""

    def __init__(self, copied: Copied) -> None:
        self._to = [to for to, _ in copied.chunks]
        self._at = [at for _, at in copied.chunks]

    def __call__(self, event: Event) -> bool:
        chunk = bisect_left(self._to, encode_value(event["documentKey"]["_id"]))
        return chunk < len(self._to) and event_time(event) > self._at[chunk]

    def concerns(self, time: Timestamp) -> bool:
        """Whether something that happened then, to the collection as a whole, is not in what is copied."""
        return any(at < time for at in self._at)


def event_time(event: Event) -> Timestamp:
    time: Timestamp | None = event.get("clusterTime") or token_time(event["_id"])
    assert time is not None
    return time


class SnapshotScan:
    """A scan's rows from the documents that are there: the server runs ``pipeline``, ``rows`` takes what it gives."""

    def __init__(self, source: ViewSource, functions: Functions) -> None:
        query = source.snapshot
        self._env = Frame({"operationType": "snapshot"}, _NO_EFFECTS, {}, functions)
        self.pipeline: list[Document] = FiringCompiler("", False).template(query.pipeline)(self._env)
        self._finish = finisher(query.client) if query.client is not None else None
        self._row = row_of(len(source.scan.columns))

    def rows(self, documents: list[Document]) -> Delta:
        whole = documents if self._finish is None else self._finish(documents, self._env.env)
        return [(row, 1) for row in map(self._row, whole)]


_NO_EFFECTS: Any = None
"""a snapshot only reads"""
