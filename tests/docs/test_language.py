"""docs/language.md is complete and right: every function, every aggregate, and each example with its result."""

from __future__ import annotations

import re

import pytest
from pages import ROOT

from queryleaf_cdc.aggregates import AGGREGATES
from queryleaf_cdc.cli.cells import shown
from queryleaf_cdc.functions import SCALARS
from queryleaf_cdc.logical.bind import EVENT_FUNCTIONS
from queryleaf_cdc.logical.windows import WINDOW_FUNCTIONS
from queryleaf_cdc.testing import OfflineDatabase

TEXT = (ROOT / "docs" / "language.md").read_text("utf-8")
FUNCTIONS = TEXT.partition("\n## Functions\n")[2].partition("\n## Differences")[0]
NAMES = {spec.name for spec in SCALARS if re.fullmatch(r"[A-Z][A-Z0-9_]*", spec.name)}
OPERATORS = {"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "ARRAY", "NEG"}
"""entries of the registry that are written as operators"""
OTHERS = {"FIELD_EXISTS", "NOW", "CHANGE_DETECTED", "TUMBLE_START", "TUMBLE_END", *EVENT_FUNCTIONS}
"""functions that the binder knows by itself"""


def documented() -> set[str]:
    """Names that stand with their parentheses in the first column of a table, or in a list of names."""
    return set(re.findall(r"`([A-Z][A-Z0-9_]*)\(", FUNCTIONS))


def test_every_function_is_documented() -> None:
    assert NAMES - OPERATORS - documented() == set()


def test_every_aggregate_and_window_function_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]*)\(", TEXT.partition("\n## Functions\n")[0]))
    assert {*AGGREGATES, *WINDOW_FUNCTIONS} - documented == set()


def test_every_documented_function_exists() -> None:
    assert documented() - NAMES - OTHERS == set()


def test_worker_functions_are_marked() -> None:
    for spec in SCALARS:
        if spec.name in NAMES and spec.to_mongo is None:
            (row,) = [line for line in FUNCTIONS.splitlines() if re.search(rf"^\|[^|]*`{spec.name}\(", line)]
            assert re.search(r"\(W\b|\bW\b", row), spec.name


def examples() -> list[tuple[str, str]]:
    return [
        (call.replace("\\|", "|"), result)
        for line in TEXT.splitlines()
        if line.startswith("|")
        for call, result in re.findall(r"`([^`]+)` = `([^`]*)`", line)
    ]


@pytest.mark.parametrize(("call", "result"), examples())
def test_examples_give_their_results(call: str, result: str) -> None:
    with OfflineDatabase() as db:
        (row,) = db.execute(f"SELECT {call} AS v")
    assert shown(row["v"]) == result
