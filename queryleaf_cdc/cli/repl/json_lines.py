"""Pipelines as highlighted JSON, and explanations as coloured trees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from queryleaf_cdc.cli.demo_printing import fitted
from queryleaf_cdc.cli.repl.screen import Fragment, Line, plain, styled
from queryleaf_cdc.compiler import Program
from queryleaf_cdc.lowering.explain import explain

_PART = re.compile(r'(?P<key>"(?:[^"\\]|\\.)*"(?=:))|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d[\d.eE+-]*)')
_STYLES = {"key": "cyan", "text": "green", "number": "yellow"}


def json_lines(value: Any) -> list[Line]:
    """Short parts on one line each."""
    return [tuple(_fragments(line)) for line in fitted(value).splitlines()]


def _fragments(line: str) -> Iterator[Fragment]:
    position = 0
    for found in _PART.finditer(line):
        yield "", line[position : found.start()]
        yield _STYLES[found.lastgroup or ""], found[0]
        position = found.end()
    yield "", line[position:]


def pipeline_lines(program: Program) -> list[Line]:
    """What runs in the server: each change stream, or each query's pipeline, with what it reads."""
    lines: list[Line] = []
    for each in program.to_json()["statements"]:
        title = " ".join(part for part in (each["kind"], each["name"]) if part)
        watches = each.get("watches") or ([each["watch"]] if "watch" in each else [])
        for watch in watches:
            lines.append(styled("bold", f"{title}: watch {watch['collection']} {_options(watch['options'])}".rstrip()))
            lines += json_lines(watch["pipeline"])
        if "pipeline" in each:
            lines.append(styled("bold", f"{title}: aggregate {each['collection'] or ''}".rstrip()))
            lines += json_lines(each["pipeline"])
        elif not watches:
            lines.append(styled("bold", f"{title}: no pipeline of its own; its actions"))
            lines += json_lines(each["actions"])
    return lines or [plain("it compiles to no pipeline")]


def _options(options: dict[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in options.items())


def tree_lines(program: Program) -> list[Line]:
    """As ``queryleaf-cdc explain`` tells it."""
    lines: list[Line] = []
    for root in explain(program.source, program.statements):
        lines.append(styled("bold", root.text))
        lines += [_tree_line(line) for line in root.lines()]
    return lines


def _tree_line(line: str) -> Line:
    text = line.lstrip("│├└─ ")
    style = "green" if text.startswith("server") else "yellow" if text.startswith("worker") else ""
    return ("dim", line[: len(line) - len(text)]), (style, text)
