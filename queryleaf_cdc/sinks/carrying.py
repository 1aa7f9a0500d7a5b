"""From rows of the outbox to the sink that they are for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from queryleaf_cdc.sinks import file, procedure, webhook
from queryleaf_cdc.sinks.procedure import Procedure
from queryleaf_cdc.values import Document


def in_one_go(rows: Iterable[Document]) -> list[list[Document]]:
    """Neighbours that can be delivered together: the lines of one file, so that many share an fsync."""
    return [list(group) for _, group in groupby(rows, _goes_with)]


def _goes_with(row: Document) -> tuple[str, str]:
    to = row.get("to")
    return ("file", to["name"]) if to is not None and to["kind"] == "file" else ("row", row["_id"])


def carry(procedures: Mapping[str, Procedure], rows: list[Document]) -> None:
    """One attempt with what goes in one go. May be made again with the same rows, after a success too. Raises what the
    sink raises."""
    first = rows[0]
    match first.get("to"):
        case None:
            procedure.invoke(procedures, first)
        case {"kind": "procedure", "name": name}:
            procedure.invoke(procedures, {**first, "procedure": name, "args": [first["row"]]})
        case {"kind": "webhook"}:
            webhook.deliver(first)
        case {"kind": "file", "name": path}:
            file.deliver(path, rows)
        case other:
            raise ValueError(f"a row of the outbox is for {other!r}, which is nothing that is known here")
