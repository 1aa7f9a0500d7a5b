"""WITH (...) of a trigger, a materialized view or a sink."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from queryleaf_cdc.errors import CompileError, Diagnostic, did_you_mean, warning
from queryleaf_cdc.plans.sink import SinkOptions
from queryleaf_cdc.plans.trigger import TriggerOptions
from queryleaf_cdc.plans.view import ViewOptions
from queryleaf_cdc.syntax.statements import CreateMaterializedView, CreateSink, EnvRef, Option

MAX_RETRIES = 1000
MAX_CACHE_ROWS = 1_000_000_000
MAX_INDEXES, MAX_INDEX_FIELDS = 62, 32
"""MongoDB takes 64 of a collection; beside these stand those of ``_id`` and ORDER BY"""
MAX_TIMEOUT_MS = 60_000

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Index = tuple[tuple[str, int], ...]


def trigger_options(options: tuple[Option, ...]) -> TriggerOptions:
    """Checks names and values. Raises CompileError QL232, QL233."""
    return TriggerOptions(**_given(options, _TRIGGER))


def view_options(node: CreateMaterializedView) -> ViewOptions:
    """Checks names and values; the target is the view's name if none is given. Raises CompileError QL232, QL233."""
    return ViewOptions(**{"target": node.name, **_given(node.options, _VIEW)})


def unknown_index_fields(
    node: CreateMaterializedView, options: ViewOptions, columns: tuple[str, ...] | None
) -> Iterator[Diagnostic]:
    """A warning for each field of an index that is none of the view's columns, where these are known."""
    span = next((option.span for option in node.options if option.name == "index"), node.span)
    for name in dict.fromkeys(name for index in options.indexes for name, _ in index):
        first = name.partition(".")[0]
        if columns is not None and first not in (*columns, "_id"):
            yield warning("QL241", f"index: the view has no column {first!r}", span, did_you_mean(first, columns))


def sink_options(node: CreateSink) -> tuple[TriggerOptions, SinkOptions]:
    """Checks names and values; those of a webhook go with a webhook only. Raises CompileError QL232, QL233."""
    kind = node.target.kind
    given = _given(node.options, {**_TRIGGER, **(_WEBHOOK if kind == "webhook" else {})})
    of_trigger = {name: given.pop(name) for name in ("on_error", "max_retries", "start") if name in given}
    return TriggerOptions(**{"max_retries": _SINK_RETRIES[kind], **of_trigger}), SinkOptions(**given)


def _given(options: tuple[Option, ...], readers: Mapping[str, tuple[str, Callable[[Option], Any]]]) -> dict[str, Any]:
    """Field of the plan's options → value. ``readers`` has the field and how its value is read for each name."""
    given: dict[str, Any] = {}
    for option in options:
        if option.name not in readers:
            hint = did_you_mean(option.name, readers) or f"options are {', '.join(readers)}"
            raise CompileError("QL232", f"unknown option {option.name!r}", option.span, hint)
        field, read = readers[option.name]
        if field in given:
            raise CompileError("QL233", f"option {option.name!r} is given twice", option.span)
        if isinstance(option.value, EnvRef) and read is not _secret:
            raise CompileError("QL233", f"{option.name} is no secret: write its value", option.span)
        given[field] = read(option)
    return given


def _choice(*choices: str) -> Callable[[Option], str]:
    def read(option: Option) -> str:
        if option.value not in choices:
            said = " or ".join(repr(choice) for choice in choices)
            raise CompileError("QL233", f"{option.name} is {said}, not {option.value!r}", option.span)
        return str(option.value)

    return read


def _whole(low: int, high: int) -> Callable[[Option], int]:
    def read(option: Option) -> int:
        value = option.value
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CompileError("QL233", f"{option.name} is a whole number from {low} to {high}", option.span)
        return value

    return read


def _switch(option: Option) -> bool:
    if not isinstance(option.value, bool):
        raise CompileError("QL233", f"{option.name} is TRUE or FALSE", option.span)
    return option.value


def _secret(option: Option) -> str:
    """The name of the environment variable. SQL is stored and shown, so a secret must not stand there; if one does, it
    is not shown once more below the error."""
    if not isinstance(option.value, EnvRef) or _ENV_NAME.fullmatch(option.value.name) is None:
        hint = "put the secret into an environment variable of the worker, and name it: secret = ENV 'NAME'"
        raise CompileError("QL233", "the secret is given by the name of an environment variable", hint=hint)
    return option.value.name


def _collection(option: Option) -> str:
    value = option.value
    if not isinstance(value, str) or not is_collection_name(value):
        raise CompileError("QL233", f"{option.name} is the name of a collection, not {value!r}", option.span)
    return value


def is_collection_name(name: str) -> bool:
    """Whether a collection of ours may be called so; what begins with ``_queryleaf.`` is our own."""
    return bool(name) and "$" not in name and "\0" not in name and not name.startswith(("system.", "_queryleaf."))


def _index(option: Option) -> tuple[Index, ...]:
    """``'a, b DESC'``; several indexes are parted by semicolons."""
    if not isinstance(option.value, str):
        raise CompileError("QL233", "index is a text such as 'customer_id, total DESC'", option.span)
    found = tuple(tuple(_index_field(field, option) for field in text.split(",")) for text in option.value.split(";"))
    if len(found) > MAX_INDEXES:
        raise CompileError("QL233", f"a view has at most {MAX_INDEXES} indexes", option.span)
    for index in found:
        names = [name for name, _ in index]
        if len(names) > MAX_INDEX_FIELDS or len(set(names)) < len(names):
            text = f"an index has at most {MAX_INDEX_FIELDS} fields, each once"
            raise CompileError("QL233", text, option.span)
        if names == ["_id"]:
            raise CompileError("QL233", "_id has its index", option.span, "leave it out")
    return found


def _index_field(text: str, option: Option) -> tuple[str, int]:
    name, _, direction = text.strip().partition(" ")
    way = direction.strip().upper()
    if not all(part and part[0] != "$" for part in name.split(".")) or way not in ("", "ASC", "DESC"):
        hint = "write fields, each with ASC or DESC behind it: 'customer_id, total DESC'"
        raise CompileError("QL233", f"{text.strip()!r} is no field of an index", option.span, hint)
    return name, -1 if way == "DESC" else 1


_TRIGGER: dict[str, tuple[str, Callable[[Option], Any]]] = {
    "on_error": ("on_error", _choice("retry", "dead_letter", "stop")),
    "start": ("start", _choice("now", "beginning")),
    "max_retries": ("max_retries", _whole(0, MAX_RETRIES)),
}
_WEBHOOK: dict[str, tuple[str, Callable[[Option], Any]]] = {
    "secret": ("secret", _secret),
    "timeout_ms": ("timeout_ms", _whole(1, MAX_TIMEOUT_MS)),
    "allow_private": ("allow_private", _switch),
}
_SINK_RETRIES = {"collection": TriggerOptions().max_retries, "procedure": 7, "webhook": 15, "file": 15}
"""max_retries by default: what is outside may be away for some minutes"""
_VIEW: dict[str, tuple[str, Callable[[Option], Any]]] = {
    "target": ("target", _collection),
    "index": ("indexes", _index),
    "cache_rows": ("cache_rows", _whole(1, MAX_CACHE_ROWS)),
    "on_error": ("on_error", _choice("rebuild", "stop")),
}

OPTION_NAMES = {"TRIGGER": tuple(_TRIGGER), "SINK": (*_TRIGGER, *_WEBHOOK), "VIEW": tuple(_VIEW)}
"""by what is created"""
