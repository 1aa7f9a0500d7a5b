"""The scans of views as members of the shared stream: their firing collects rows, and writes nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.events import Event, Origin
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
    """One scan of one build of a view: its member of the shared stream. ``rows`` is what came in since it was cleared.

    ``accept`` is set while the scan's collection is being copied: it leaves out what the copy brings."""

    def __init__(self, uid: str, source: ViewSource, member: Member, functions: Functions) -> None:
        self.uid = uid
        self.scan = source.scan
        self.rows: Delta = []
        self.accept: Accept | None = None
        images = member.lowered.images
        actions = member.lowered.actions
        slots = list(_slots(actions)) if member.prefix else [None]
        if None not in slots:
            self._collect = _in_server(member.prefix, [each for each in slots if each is not None])
        else:
            body = FiringCompiler(source.plan.name, bool(member.prefix)).body(actions)
            lacks = _lacks(member.prefix, images.new_on_update, images.old)
            self._collect = _in_worker(body, member.prefix, lacks, len(source.scan.columns), functions)

    def collect(self, events: Iterable[Event]) -> None:
        """Takes the rows of the collection's changes. Raises ImageLacking, and what a user's function raises."""
        accept = self.accept
        self._collect(events if accept is None else filter(accept, events), self.rows)


class ImageLacking(Exception):
    """An image of this event is not there that is needed to know the rows."""

    def __init__(self, event: Event) -> None:
        super().__init__("pre- or post-image")
        self.event = event


Collect = Callable[[Iterable[Event], Delta], None]


def _in_server(prefix: tuple[str, ...], slots: Sequence[tuple[str, int]]) -> Collect:
    """Collects rows that the server has made as a whole."""
    member = prefix[1] if len(prefix) > 1 else None

    def collect(events: Iterable[Event], rows: Delta) -> None:
        append = rows.append
        for event in events:
            computed = event["_ql"] if member is None else event["_ql"].get(member)
            if not computed:
                continue
            if computed.get("missing"):
                raise ImageLacking(event)
            for slot, weight in slots:
                row = computed.get(slot)
                if row is not None:
                    append((tuple(row.values()), weight))

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


class _Rows:
    """Effects of a scan: its two INSERTs."""

    def __init__(self, rows: Delta, values: Callable[[Document], tuple[Any, ...]]) -> None:
        self._rows = rows
        self._values = values

    def insert(self, collection: str, document: Document, origin: Origin) -> None:
        self._rows.append((self._values(document), _WEIGHTS[collection]))


def _in_worker(
    body: Callable[[Frame], bool],
    prefix: tuple[str, ...],
    lacks: Callable[[Event], bool],
    width: int,
    functions: Functions,
) -> Collect:
    """Runs the actions as those of a trigger."""
    values = row_of(width)

    def collect(events: Iterable[Event], rows: Delta) -> None:
        effects: Any = _Rows(rows, values)
        for event in events:
            if lacks(event):
                raise ImageLacking(event)
            body(Frame(event, effects, _computed(event, prefix), functions))

    return collect


def _computed(event: Event, prefix: tuple[str, ...]) -> Document:
    """What the server computed for a member."""
    if not prefix:
        return {}
    value: Document = event
    for part in prefix:
        value = value.get(part) or {}
    return value


def _lacks(prefix: tuple[str, ...], new_on_update: bool, old: bool) -> Callable[[Event], bool]:
    if prefix:
        return lambda event: bool(_computed(event, prefix).get("missing"))

    def lacks(event: Event) -> bool:
        kind = event["operationType"]
        if new_on_update and kind == "update" and event.get("fullDocument") is None:
            return True
        return old and kind != "insert" and event.get("fullDocumentBeforeChange") is None

    return lacks


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
