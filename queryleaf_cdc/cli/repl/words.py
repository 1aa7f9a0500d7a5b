"""The words of the language: keywords from the grammar, functions from the registries."""

from __future__ import annotations

import re
from functools import cache

from queryleaf_cdc.aggregates.registry import AGGREGATES
from queryleaf_cdc.frontend.shell import CHUNKS, SYMBOLS, grammar_path
from queryleaf_cdc.frontend.shell_faults import TOP_LEVEL
from queryleaf_cdc.frontend.tokens import PAIRS, RESERVED
from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.logical.bind import EVENT_FUNCTIONS
from queryleaf_cdc.logical.windows import WINDOW_FUNCTIONS

_NO_WORDS = frozenset((*CHUNKS, *SYMBOLS.values(), "NAME", "BAD", "NUMBER"))
_TYPES = ("INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "TEXT", "BOOLEAN", "TIMESTAMP", "DATE", "TIME", "INTERVAL", "JSON")
_OTHERS = (
    "BY", "OVER", "FILTER", "WITHIN", "NULLS", "FIRST", "LAST", "ROWS", "RANGE", "CURRENT_TIMESTAMP", "REFRESH",
    "EMIT", "CHANGES",
)  # fmt: skip


@cache
def keywords() -> frozenset[str]:
    """Those of statements and bodies stand in the grammar, those of queries in the frontend's table."""
    declared = re.findall(r"^%declare (.*)$", grammar_path().read_text(encoding="utf-8"), re.MULTILINE)
    terminals = {word for line in declared for word in line.split()} - _NO_WORDS
    pairs = {word for pair in PAIRS for word in pair}
    return frozenset((*terminals, *RESERVED, *pairs, *_TYPES, *_OTHERS, "NEW", "OLD"))


@cache
def functions() -> frozenset[str]:
    scalars = {name for name in FUNCTIONS if name.isidentifier()}
    return frozenset((*scalars, *AGGREGATES, *WINDOW_FUNCTIONS, *EVENT_FUNCTIONS, "CHANGE_DETECTED")) - keywords()


BEGINNINGS = TOP_LEVEL
"""the words that a statement may begin with"""
