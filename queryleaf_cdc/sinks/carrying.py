"""From a row of the outbox to the sink that it is for."""

from __future__ import annotations

from collections.abc import Mapping

from queryleaf_cdc.sinks import file, procedure, webhook
from queryleaf_cdc.sinks.procedure import Procedure
from queryleaf_cdc.values import Document


def carry(procedures: Mapping[str, Procedure], row: Document) -> None:
    """One attempt. May be made again with the same row, after a success too. Raises what the sink raises."""
    match row.get("to"):
        case None:
            procedure.invoke(procedures, row)
        case {"kind": "procedure", "name": name}:
            procedure.invoke(procedures, {**row, "procedure": name, "args": [row["row"]]})
        case {"kind": "webhook"}:
            webhook.deliver(row)
        case {"kind": "file"}:
            file.deliver(row)
        case other:
            raise ValueError(f"a row of the outbox is for {other!r}, which is nothing that is known here")
