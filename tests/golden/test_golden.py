"""SQL beside what it compiles to, as text. ``make golden`` rewrites the files; the diff is to be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from queryleaf_cdc import CompileError, compile_sql

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE.parent.parent / "docs" / "compiled.schema.json").read_text())
FILES = sorted(HERE.glob("*/*.golden"))


def sql_of(path: Path) -> str:
    head, _, rest = path.read_text().partition("-- sql\n")
    assert head == "", f"{path} must begin with '-- sql'"
    return rest.partition("\n-- ")[0] + "\n"


def compiled(sql: str) -> str:
    """The golden text: the SQL, then one section for each part of what comes out."""
    sections = [f"-- sql\n{sql.rstrip()}"]
    try:
        document = compile_sql(sql, name="golden.sql").to_json()
    except CompileError as error:
        return "\n".join([*sections, f"-- error\n{error.render()}"]) + "\n"
    jsonschema.validate(document, SCHEMA)
    for statement in document["statements"]:
        sections += [f"-- {title}\n{text_of(part)}" for title, part in parts(statement)]
    return "\n".join(sections) + "\n"


def parts(statement: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if "watch" in statement:
        found.append(("stream", statement["watch"]))
    found += [(f"stream {number}", each) for number, each in enumerate(statement.get("watches", ()))]
    if statement["kind"] == "materialized_view":
        found.append(("dataflow", statement["dataflow"]))
        found.append(("rows", {key: statement[key] for key in ("columns", "key", "target", "options")}))
    elif "dataflow" in statement:
        found.append(("dataflow", statement["dataflow"]))
        found.append(("rows", {key: statement[key] for key in ("columns", "key")}))
    if statement["kind"] == "query":
        found.append(("query", {key: statement[key] for key in ("collection", "pipeline", "columns")}))
    if statement["kind"] == "sink":
        found.append(("sink", {key: statement[key] for key in ("into", "options")}))
    if statement.get("actions"):
        found.append(("actions", statement["actions"]))
    found.append(("requires", statement["requires"]))
    if statement["diagnostics"]:
        found.append(("diagnostics", statement["diagnostics"]))
    return found


def text_of(value: Any, indent: str = "") -> str:
    """JSON with everything on one line that fits there."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= 110 or not isinstance(value, dict | list) or not value:
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {text_of(each, inner)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + text_of(each, inner) for each in value) + f"\n{indent}]"


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_compiles_to_what_was_read_and_agreed(path: Path, update_golden: bool) -> None:
    text = compiled(sql_of(path))
    if update_golden:
        path.write_text(text)
    assert path.read_text() == text


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 20
