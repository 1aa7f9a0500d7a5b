"""SQL as a tree of what may be left out of it, so that a failing query can be made smaller.

A ``Text`` renders in two dialects: ours, and DuckDB's where its spelling differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never


@dataclass(frozen=True, slots=True)
class Pair:
    """The same meaning in two spellings."""

    ours: str
    duckdb: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts one after another; none can be left out."""

    parts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Optional:
    """May be left out without making the answer ambiguous."""

    text: Text


@dataclass(frozen=True, slots=True)
class Items:
    """A list, each of whose items may be left out, but not all."""

    items: tuple[Text, ...]
    separator: str = ", "


@dataclass(frozen=True, slots=True)
class Choice:
    """May be replaced by any of the simpler texts."""

    text: Text
    simpler: tuple[Text, ...]


Text = str | Pair | Joined | Optional | Items | Choice


def joined(*parts: Text) -> Text:
    """Empty strings are left out."""
    return Joined(tuple(part for part in parts if part != ""))


def listed(texts: list[Text], separator: str = ", ") -> Text:
    """A list of which nothing can be left out."""
    parts: list[Text] = []
    for text in texts:
        parts += [separator, text] if parts else [text]
    return Joined(tuple(parts))


def ours(text: Text) -> str:
    return _render(text, duckdb=False)


def duckdb(text: Text) -> str:
    return _render(text, duckdb=True)


def _render(text: Text, duckdb: bool) -> str:
    match text:
        case str():
            return text
        case Pair():
            return text.duckdb if duckdb else text.ours
        case Joined(parts):
            return "".join(_render(part, duckdb) for part in parts)
        case Optional(inner) | Choice(inner):
            return _render(inner, duckdb)
        case Items(items, separator):
            return separator.join(_render(item, duckdb) for item in items)
        case _:
            assert_never(text)


def smaller(text: Text) -> Iterator[Text]:
    """The texts that one step of simplification leads to, the greatest steps first."""
    match text:
        case str() | Pair():
            return
        case Joined(parts):
            for number, part in enumerate(parts):
                for other in smaller(part):
                    yield Joined((*parts[:number], other, *parts[number + 1 :]))
        case Optional(inner):
            yield ""
            yield from (Optional(other) for other in smaller(inner))
        case Choice(inner, simpler):
            yield from simpler
            yield from (Choice(other, simpler) for other in smaller(inner))
        case Items(items):
            yield from _smaller_items(text, items)
        case _:
            assert_never(text)


def _smaller_items(text: Items, items: tuple[Text, ...]) -> Iterator[Text]:
    for number, item in enumerate(items):
        before, after = items[:number], items[number + 1 :]
        if len(items) > 1:
            yield replace(text, items=(*before, *after))
        yield from (replace(text, items=(*before, other, *after)) for other in smaller(item))
