"""SQL triggers over MongoDB change streams.

    SQL text ──► compile_sql ──► Program ──► to_json()            plain pipelines, readable by anybody
                                    │
    QueryLeaf(uri, database=...) ───┴──► execute / start / drain / stream / status
                                         one change stream → batches → one transaction each → checkpoint

Nothing heavy is loaded before it is needed: sqlglot with the first compilation, pymongo with the first connection.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from queryleaf_cdc.errors import CompileError, InputError, QueryLeafError, RunError, ServerError

if TYPE_CHECKING:
    from queryleaf_cdc.compiler import Program, compile_sql
    from queryleaf_cdc.mongo.embedded import start_embedded
    from queryleaf_cdc.session import QueryLeaf, Result

__version__ = "0.1.0"

__all__ = [
    "CompileError",
    "InputError",
    "Program",
    "QueryLeaf",
    "QueryLeafError",
    "Result",
    "RunError",
    "ServerError",
    "compile_sql",
    "start_embedded",
]

_LAZY = {
    "QueryLeaf": "session",
    "Result": "session",
    "compile_sql": "compiler",
    "Program": "compiler",
    "start_embedded": "mongo.embedded",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
