"""Programs for human eyes: a highlighted listing, mongosh code, a tree."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text
from rich.tree import Tree

from queryleaf_cdc.compiler import Program
from queryleaf_cdc.lowering.explain import explain
from queryleaf_cdc.lowering.tree import Node


def pretty(program: Program) -> str:
    """Each statement with its pipeline; coloured on a terminal."""
    console = Console(highlight=False)
    with console.capture() as capture:
        for each in program.to_json()["statements"]:
            title = " ".join(part for part in (each["kind"], each["name"]) if part)
            console.rule(Text(title), align="left")
            console.print(
                Syntax(
                    json.dumps(each, indent=2, ensure_ascii=False), "json", word_wrap=True, background_color="default"
                )
            )
    return capture.get().rstrip("\n")


def mongosh(program: Program) -> str:
    """The pipelines as code for mongosh; actions as comments."""
    parts = []
    for each in program.to_json()["statements"]:
        title = " ".join(part for part in (each["kind"], each["name"]) if part)
        parts.append(f"// {title}\n{_shell_call(each)}")
    return "\n\n".join(parts)


def _shell_call(statement: dict[str, Any]) -> str:
    watches = statement.get("watches") or ([statement["watch"]] if "watch" in statement else [])
    if watches:
        work = statement["actions"] if "actions" in statement else statement["dataflow"]
        return "\n".join([*map(_watch_call, watches), _commented(work)])
    if "pipeline" in statement:
        name = statement["collection"]
        target = f"db.getCollection({json.dumps(name)})" if name is not None else "db"
        return f"{target}.aggregate({shell(statement['pipeline'])})"
    return _commented(statement["actions"])


def _watch_call(watch: dict[str, Any]) -> str:
    target = f"db.getCollection({json.dumps(watch['collection'])})"
    return f"{target}.watch({shell(watch['pipeline'])}, {shell(watch['options'])})"


def _commented(work: Any) -> str:
    return "\n".join(f"// {line}" for line in json.dumps(work, indent=2).splitlines())


_SHELL_TYPES = {
    "$oid": 'ObjectId("{}")',
    "$numberLong": 'NumberLong("{}")',
    "$numberDecimal": 'NumberDecimal("{}")',
    "$numberDouble": "{}",
}


def shell(value: Any, indent: str = "") -> str:
    """Extended JSON as mongosh writes it."""
    inner = indent + "  "
    match value:
        case {"$date": str() as text} if len(value) == 1:
            return f'ISODate("{text}")'
        case {"$date": {"$numberLong": millis}}:
            return f"new Date({millis})"
        case dict() if len(value) == 1 and next(iter(value)) in _SHELL_TYPES:
            ((kind, text),) = value.items()
            return _SHELL_TYPES[kind].format(text)
        case dict() if value:
            fields = [f"{inner}{_key(key)}: {shell(each, inner)}" for key, each in value.items()]
            return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
        case list() if value:
            return "[\n" + ",\n".join(inner + shell(each, inner) for each in value) + f"\n{indent}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name) else json.dumps(name, ensure_ascii=False)


def show_tree(program: Program) -> None:
    """A tree on a terminal is wrapped and coloured; in a pipe every node is one line."""
    if not sys.stdout.isatty():
        for root in explain(program.source, program.statements):
            click.echo(root.text)
            for line in root.lines():
                click.echo(line)
        return
    console = Console(highlight=False)
    for root in explain(program.source, program.statements):
        console.print(_rich(root))


def _rich(node: Node) -> Tree:
    tree = Tree(Text(node.text, style=_style(node.text)))
    for child in node.children:
        tree.children.append(_rich(child))
    return tree


def _style(text: str) -> str:
    return "green" if text.startswith("server") else "yellow" if text.startswith("worker") else ""
