"""Cases as files: everything that is needed to run them again, readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import json_util

from tests.views.checking import Case
from tests.views.documents import Collection, Column, Family
from tests.views.histories import Batch, Change, History
from tests.views.queries import View
from tests.views.texts import Pair

FOLDER = Path(__file__).parent / "cases"
_JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.LEGACY,
    strict_number_long=True,
    datetime_representation=json_util.DatetimeRepresentation.ISO8601,
    tz_aware=False,
)


def written(case: Case, remark: str = "") -> str:
    """The case as text: sections that begin with ``-- ``."""
    lines = [f"-- {line}".rstrip() for line in ("remark", *remark.splitlines())] if remark else []
    for collection in case.history.collections:
        columns = {column.path: column.family.name for column in collection.columns}
        lines += [f"-- collection {collection.name}", json.dumps(columns)]
    for view in case.views:
        lines += [f"-- view {view.name}", view.sql]
        if view.duckdb != view.sql:
            lines += [f"-- duckdb {view.name}", view.duckdb]
    lines += [f"-- created after {case.created_after}"]
    for batch in case.history.batches:
        lines += [f"-- batch {batch.now.isoformat()}"]
        lines += [
            json_util.dumps([_change(each) for each in changes], json_options=_JSON) for changes in batch.transactions
        ]
    return "\n".join(lines) + "\n"


def _change(change: Change) -> list[Any]:
    return [change.kind, change.collection, change.before, change.after]


def read(text: str) -> Case:
    collections, batches = [], []
    views: dict[str, Pair] = {}
    created_after = 0
    for head, body in _sections(text):
        match head.split():
            case ["collection", name]:
                columns = (Column(path, Family[family]) for path, family in json.loads("\n".join(body)).items())
                collections.append(Collection(name, tuple(columns)))
            case ["view", name]:
                views[name] = Pair("\n".join(body), "\n".join(body))
            case ["duckdb", name]:
                views[name] = Pair(views[name].ours, "\n".join(body))
            case ["created", "after", number]:
                created_after = int(number)
            case ["batch", now]:
                batches.append(Batch(tuple(map(_transaction, body)), datetime.fromisoformat(now)))
            case _:
                pass
    history = History(tuple(collections), tuple(batches))
    return Case(tuple(View(name, text) for name, text in views.items()), history, created_after)


def _transaction(line: str) -> tuple[Change, ...]:
    return tuple(
        Change(collection, kind, before, after)
        for kind, collection, before, after in json_util.loads(line, json_options=_JSON)
    )


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    head = ""
    body: list[str] = []
    for line in text.splitlines():
        if line.startswith("-- "):
            yield head, body
            head, body = line[3:], []
        else:
            body.append(line)
    yield head, body
