"""Files and options that several commands take."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from queryleaf_cdc.cli import error_width
from queryleaf_cdc.errors import InputError
from queryleaf_cdc.logical.schema import Schema, Table

if TYPE_CHECKING:
    from queryleaf_cdc.compiler import Program

file_argument = click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
schema_option = click.option(
    "--schema",
    "schema_file",
    type=click.Path(path_type=Path),
    help="CREATE TABLE statements, or JSON: collection → fields.",
)

MAX_BYTES = 64 * 1024 * 1024


def show_warnings(program: Program) -> None:
    """On standard error, apart from what a command prints."""
    for each in program.diagnostics:
        click.echo(each.render(program.source, error_width()), err=True)


def read_sql(file: Path) -> tuple[str, str]:
    """(text, name for messages) of a file or of standard input (``-``). Raises InputError QL430 to QL432."""
    if str(file) == "-":
        return _decoded(sys.stdin.buffer.read(MAX_BYTES), "<stdin>"), "<stdin>"
    with open_file(file) as opened:
        try:
            content = opened.read(MAX_BYTES)
        except OSError as error:
            raise InputError("QL431", f"cannot read {file}: {error.strerror}") from None
        return _decoded(content, str(file)), str(file)


def open_file(file: Path) -> IO[bytes]:
    """Raises InputError QL430, QL431."""
    try:
        if file.is_dir():  # some systems open it, and only reading fails
            raise InputError("QL431", f"{file} is a directory")
        return file.open("rb")
    except FileNotFoundError:
        raise InputError("QL430", f"there is no file {file}") from None
    except OSError as error:
        raise InputError("QL431", f"cannot read {file}: {error.strerror}") from None


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("QL432", f"{name} is not UTF-8 text (byte {error.start})") from None


def read_schema(file: Path | None) -> Schema:
    """``{"orders": ["status", "total"], ...}`` as JSON, or a file of CREATE TABLE statements."""
    if file is None:
        return Schema()
    text, name = read_sql(file)
    if file.suffix != ".json":
        from queryleaf_cdc.compiler import compile_sql

        return compile_sql(text, name=name).schema
    try:
        tables: Any = json.loads(text)
        return Schema({name: Table(frozenset(map(str, fields)), True) for name, fields in tables.items()})
    except (ValueError, AttributeError, TypeError):
        raise InputError("QL433", f'{name} is not of the form {{"collection": ["field", ...]}}') from None
