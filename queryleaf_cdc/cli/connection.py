"""Options of every command that needs a server, and the session that they open."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from queryleaf_cdc.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

PRIVATE = ""
"""value of a bare --embedded: a server whose data goes when it stops"""

procedures_option = click.option(
    "--procedures",
    multiple=True,
    metavar="MODULE|FILE.py",
    help="Imported; its register(ql) adds procedures and functions.",
)


@dataclass(frozen=True)
class Connection:
    """Where to connect to."""

    uri: str
    database: str | None
    embedded: str | None
    mongod: str | None
    procedures: tuple[str, ...]

    @contextmanager
    def open(self) -> Iterator[Any]:
        """A QueryLeaf with the procedures registered; an embedded server ends with it."""
        from queryleaf_cdc.mongo.leaving import leave_at_once
        from queryleaf_cdc.session import QueryLeaf

        with ExitStack() as stack:
            uri, database = self.uri, self.database
            if self.embedded is not None:
                from queryleaf_cdc.mongo.embedded import start_embedded

                directory = self.embedded if self.embedded != PRIVATE else None
                uri = stack.enter_context(start_embedded(directory, mongod=self.mongod))
                database = database or "test"
            ql = QueryLeaf(uri, database=database)
            stack.callback(leave_at_once)
            stack.callback(ql.close)
            for each in self.procedures:
                register_from(each, ql)
            yield ql


def connected(function: F) -> F:
    """Adds the options, and calls the command with ``connection=``."""

    @click.option(
        "--uri", envvar="QUERYLEAF_URI", default="mongodb://localhost:27017", show_default=True, help="$QUERYLEAF_URI"
    )
    @click.option("--db", "database", envvar="QUERYLEAF_DB", help="Database; $QUERYLEAF_DB, else the URI's.")
    @click.option(
        "--embedded", is_flag=False, flag_value=PRIVATE, default=None, metavar="[DIR]",
        help="Use a private MongoDB; with --embedded=DIR its data stays in DIR.",
    )  # fmt: skip
    @click.option("--mongod", envvar="QUERYLEAF_MONGOD", help="The mongod that --embedded starts; $QUERYLEAF_MONGOD.")
    @procedures_option
    @functools.wraps(function)
    def command(
        *args: Any,
        uri: str,
        database: str | None,
        embedded: str | None,
        mongod: str | None,
        procedures: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        return function(*args, connection=Connection(uri, database, embedded, mongod, procedures), **kwargs)

    return command  # type: ignore[return-value]


def register_from(place: str, ql: Any) -> None:
    """Imports a module, or a .py file, and calls its ``register(ql)``. Raises InputError QL434, QL435."""
    try:
        module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except FileNotFoundError:
        raise InputError("QL434", f"there is no file {place}") from None
    except Exception as error:
        raise InputError("QL434", f"cannot import {place}: {type(error).__name__}: {error}") from error
    register = getattr(module, "register", None)
    if not callable(register):
        raise InputError("QL435", f"{place} has no function register(ql)")
    register(ql)


def _load_file(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module
