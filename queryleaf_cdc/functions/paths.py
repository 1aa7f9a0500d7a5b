"""Reading a path of a document, the same way on both sides.

As in MongoDB, a name after an array reads that name from each of its elements that are documents; an index reads one
element (from 0). Names that MongoDB cannot write in a path (empty, with a dot or a dollar) are read by ``$getField``,
which does not look into arrays."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.functions.mql import REMOVE, Const, Dot, Let, Mql, Named, Ref, Var, bind, cond, op
from queryleaf_cdc.syntax.expressions import Path
from queryleaf_cdc.values import Value

_MISSING = object()


def is_plain(name: str) -> bool:
    """Whether MongoDB takes the name inside a ``$a.b`` path."""
    return bool(name) and "." not in name and not name.startswith("$") and "\0" not in name


def read(base: str, path: Path) -> Mql:
    """The server's expression for a path. ``base`` is a prefix such as ``$fullDocument``, or ``$`` for the root."""
    plain = 0
    while plain < len(path) and _plain_part(path[plain]):
        plain += 1
    names = ".".join(str(part) for part in path[:plain])
    if base == "$":
        start: Mql = Ref(f"${names}" if names else "$$ROOT")
    else:
        start = Ref(f"{base}.{names}" if names else base)
    return _read_on(start, path[plain:])


def _plain_part(part: str | int) -> bool:
    return isinstance(part, str) and is_plain(part)


def _read_on(value: Mql, rest: Path) -> Mql:
    if not rest:
        return value
    part, after = rest[0], rest[1:]
    if isinstance(part, int):
        return _read_on(element_at(value, part), after)
    if not is_plain(part):
        got = Named("$getField", (("field", Const(part)), ("input", value)))
        return _read_on(got, after)
    plain = 1
    while plain < len(rest) and _plain_part(rest[plain]):
        plain += 1
    var = Var()
    names = ".".join(str(each) for each in rest[:plain])
    return _read_on(Let(var, value, Dot(var, names)), rest[plain:])


def element_at(value: Mql, index: int) -> Mql:
    return bind(value, lambda v: cond(op("$isArray", v), op("$arrayElemAt", v, Const(index)), REMOVE))


def reader(path: Path) -> Callable[[Value], Value]:
    """A function from a document to the value at the path; None where there is nothing."""
    if len(path) == 1 and isinstance(path[0], str):
        (name,) = path
        return lambda doc: doc.get(name) if isinstance(doc, dict) else None
    if not path:
        return lambda doc: doc
    return lambda doc: _present(_walk(doc, path))


def exists(doc: Value, path: Path) -> bool:
    """Whether the path leads to a field, be it null."""
    return _walk(doc, path) is not _MISSING


def _present(value: Value) -> Value:
    return None if value is _MISSING else value


def _walk(value: Value, path: Path) -> Value:
    for position, part in enumerate(path):
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return _MISSING
            value = value[part]
        elif isinstance(value, dict):
            if part not in value:
                return _MISSING
            value = value[part]
        elif isinstance(value, list) and is_plain(part) and position > 0:
            return _walk_array(value, path[position:])
        else:
            return _MISSING
    return value


def _walk_array(items: list[Value], path: Path) -> Value:
    """MongoDB applies the run of plain names to each document of the array, then goes on with the result."""
    run = 1
    while run < len(path) and _plain_part(path[run]):
        run += 1
    found = [_walk(item, path[:run]) for item in items if isinstance(item, dict)]
    values = [each for each in found if each is not _MISSING]
    return _walk(values, path[run:])
