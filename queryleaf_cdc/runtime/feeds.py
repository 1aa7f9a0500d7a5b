"""The scans of views as members of the shared stream: their firing collects rows, and writes nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from bson.timestamp import Timestamp

from queryleaf_cdc.dataflow.ordering import encode_value
from queryleaf_cdc.dataflow.rows import Delta
from queryleaf_cdc.events import Event, Origin
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.lowering.client_columns import finisher
from queryleaf_cdc.lowering.event_scope import OPERATION_TYPES
from queryleaf_cdc.lowering.scan_rows import NEW_SLOT, OLD_SLOT
from queryleaf_cdc.lowering.shared_stream import Member
from queryleaf_cdc.lowering.worker_face import evaluator
from queryleaf_cdc.mongo.active import Copied
from queryleaf_cdc.mongo.positions import token_time
from queryleaf_cdc.plans.dataflow import Scan
from queryleaf_cdc.plans.stream import CHANGE_ROW, ChangeScan, TableScan
from queryleaf_cdc.plans.view import NEW_ROW, OLD_ROW, ViewSource
from queryleaf_cdc.runtime.execution import FiringCompiler, Frame, Functions
from queryleaf_cdc.syntax.expressions import Field
from queryleaf_cdc.syntax.statements import CreateTrigger, If, Insert
from queryleaf_cdc.values import Document, Value

_WEIGHTS = {OLD_ROW: -1, NEW_ROW: 1, CHANGE_ROW: 1}


class ViewFeed:
    """One scan of one build of a view, or of a stream: its member of the shared stream. ``rows`` is what came in since
    it was cleared.

    ``accept`` is set while the scan's collection is being copied: it leaves out what the copy brings."""

    def __init__(self, uid: str, source: ViewSource | ChangeScan, member: Member, functions: Functions) -> None:
        self.uid = uid
        self.scan = source.scan
        self.rows: Delta = []
        self.accept: Watermarks | None = None
        images = member.lowered.images
        actions = member.lowered.actions
        lacks = _lacks(member.prefix, images.new_on_update, images.old)
        if not member.prefix and not self.scan.changes:
            self._collect = _of_images(DocumentScan(source.scan, functions), lacks)
        elif not member.prefix:
            self._collect = _of_changes(source.node, lacks, functions)
        elif member.lowered.present:
            self._collect = _in_server(member.prefix)
        else:
            body = FiringCompiler(source.plan.name, bool(member.prefix)).body(actions)
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


def _in_server(prefix: tuple[str, ...]) -> Collect:
    """Collects rows that the server has made, as arrays; false stands for an image that is missing."""
    member = prefix[1] if len(prefix) > 1 else None

    def collect(events: Iterable[Event], rows: Delta) -> None:
        append = rows.append
        for event in events:
            computed = event["_ql"] if member is None else event["_ql"].get(member)
            if not computed:
                continue
            row = computed.get(OLD_SLOT)
            if row is not None:
                if row is False:
                    raise ImageLacking(event)
                append((tuple(row), -1))
            row = computed.get(NEW_SLOT)
            if row is not None:
                if row is False:
                    raise ImageLacking(event)
                append((tuple(row), 1))

    return collect


def _of_images(scan: DocumentScan, lacks: Callable[[Event], bool]) -> Collect:
    """Makes rows of the images, where too many share the stream for the server to do it."""

    def collect(events: Iterable[Event], rows: Delta) -> None:
        for event in events:
            if lacks(event):
                raise ImageLacking(event)
            if event["operationType"] != "insert":
                scan.add(event.get("fullDocumentBeforeChange") or {}, -1, rows)
            if event["operationType"] != "delete":
                scan.add(event.get("fullDocument") or {}, 1, rows)

    return collect


def _of_changes(node: CreateTrigger, lacks: Callable[[Event], bool], functions: Functions) -> Collect:
    """Makes the rows of a stream's changes in the worker."""
    ((condition, (insert,)),) = _only_if(node).branches
    assert isinstance(insert, Insert)
    test, values = evaluator(condition), [evaluator(each) for each in insert.rows[0]]
    kinds = {kind for event in node.events for kind in OPERATION_TYPES[event.operation]}

    def collect(events: Iterable[Event], rows: Delta) -> None:
        for event in events:
            if event["operationType"] not in kinds:
                continue
            if lacks(event):
                raise ImageLacking(event)
            env = Frame(event, _NO_EFFECTS, {}, functions).env
            if test(env) is True:
                rows.append((tuple([value(env) for value in values]), 1))

    return collect


def _only_if(node: CreateTrigger) -> If:
    (statement,) = node.body
    assert isinstance(statement, If)
    return statement


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

        self.has_passed_over = False
        """whether a row was not accepted since that was copied"""

    def accepts(self, id: Value) -> bool:
        if self.copied_to is None or encode_value(id) <= self.copied_to:
            return True
        self.has_passed_over = True
        return False

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
        self.has_passed_over = False
        """whether there was a change of a document that is not copied"""

    def __call__(self, event: Event) -> bool:
        chunk = bisect_left(self._to, encode_value(event["documentKey"]["_id"]))
        if chunk == len(self._to):
            self.has_passed_over = True
            return False
        return event_time(event) > self._at[chunk]

    def concerns(self, time: Timestamp) -> bool:
        """Whether something that happened then, to the collection as a whole, is not in what is copied."""
        return any(at < time for at in self._at)


def event_time(event: Event) -> Timestamp:
    time: Timestamp | None = event.get("clusterTime") or token_time(event["_id"])
    assert time is not None
    return time


class SnapshotScan:
    """A scan's rows from the documents that are there: the server runs ``pipeline``, ``rows`` takes what it gives."""

    def __init__(self, source: ViewSource | TableScan, functions: Functions) -> None:
        query = source.snapshot
        self._env = Frame({"operationType": "snapshot"}, _NO_EFFECTS, {}, functions)
        self.pipeline: list[Document] = FiringCompiler("", False).template(query.pipeline)(self._env)
        self._finish = finisher(query.client) if query.client is not None else None
        names = _plain_fields(source.scan)
        if names is not None and query.client is None and "$replaceWith" in self.pipeline[-1]:
            self.pipeline = [*self.pipeline[:-1], _only(names)]
            self._row = _fields_of(names)
        else:
            self._row = row_of(len(source.scan.columns))

    def rows(self, documents: list[Document]) -> Delta:
        whole = documents if self._finish is None else self._finish(documents, self._env.env)
        return [(row, 1) for row in map(self._row, whole)]


def _plain_fields(scan: Scan) -> tuple[str, ...] | None:
    """The names of the columns where each is just a field of the document. Then the server need not compute anything:
    to make documents of expressions costs it twice as much as to leave fields out."""
    names = []
    for column in scan.columns:
        match column:
            case Field(scan.alias, (str() as name,)) if is_plain(name):
                names.append(name)
            case _:
                return None
    return tuple(names) if names else None


def _only(names: tuple[str, ...]) -> Document:
    return {"$project": {**({} if "_id" in names else {"_id": 0}), **dict.fromkeys(names, 1)}}


def _fields_of(names: tuple[str, ...]) -> Callable[[Document], tuple[Any, ...]]:
    """A missing field is NULL."""

    def carefully(document: Document) -> tuple[Any, ...]:
        return tuple([document.get(name) for name in names])

    if len(names) == 1:
        return carefully
    whole = itemgetter(*names)

    def row(document: Document) -> tuple[Any, ...]:
        try:
            return whole(document)  # type: ignore[no-any-return]
        except KeyError:
            return carefully(document)

    return row


_NO_EFFECTS: Any = None
"""a snapshot only reads"""
