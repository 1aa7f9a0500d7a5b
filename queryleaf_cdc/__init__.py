"""SQL triggers over MongoDB change streams.

    SQL text ──► compile_sql ──► Program ──► to_json()            plain pipelines, readable by anybody
                                    │
    QueryLeaf(uri, database=...) ───┴──► execute / start / drain / stream / status
                                         one change stream → batches → one transaction each → checkpoint

Nothing is loaded before it is needed: sqlglot with the first compilation, pymongo with the first connection, and all
but this file once the command has taken care of Ctrl-C.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from queryleaf_cdc.compiler import Program, compile_sql
    from queryleaf_cdc.errors import CompileError, InputError, QueryLeafError, RunError, ServerError
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
    "CompileError": "errors",
    "InputError": "errors",
    "QueryLeafError": "errors",
    "RunError": "errors",
    "ServerError": "errors",
    "QueryLeaf": "session",
    "Result": "session",
    "compile_sql": "compiler",
    "Program": "compiler",
    "start_embedded": "mongo.embedded",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
