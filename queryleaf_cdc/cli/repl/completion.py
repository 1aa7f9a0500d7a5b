"""What could stand at the cursor. Pure functions of the text before it and of the names that are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

from queryleaf_cdc.cli.repl.names import Names
from queryleaf_cdc.cli.repl.next_words import next_words
from queryleaf_cdc.cli.repl.reading import read
from queryleaf_cdc.cli.repl.words import functions, keywords
from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frontend.scanner import Kind, Tok, each_token
from queryleaf_cdc.frozen import frozen

LONGEST = 20_000
"""characters before the cursor; beyond nothing is offered"""
_MOST = 200
_COMMAND = re.compile(r"\\(\S*)(?:\s+(.*))?\Z", re.DOTALL)
_WORD = re.compile(r'(?:[^\W\d][\w$]*|"[^"]*")?\Z')
_COLLECTION_BEHIND = ("FROM", "JOIN", "INTO", "UPDATE", "ON", "USING", "TABLE")
_NO_ALIAS = ("WHERE", "SET", "JOIN", "ON", "LEFT", "INNER", "GROUP", "ORDER", "WHEN", "BEGIN", "VALUES", "USING", "AS")


@frozen
class Candidate:
    """``text`` replaces the last ``length`` characters before the cursor; ``kind`` is shown beside it."""

    text: str
    length: int
    kind: str


def complete(before: str, names: Names, commands: Sequence[tuple[str, str]] = (), after: str = "") -> list[Candidate]:
    """Candidates, the likeliest first. ``commands`` are (name, what completes its argument). What stands ``after`` the
    cursor may tell what is read: SELECT ... FROM orders."""
    if len(before) + len(after) > LONGEST:
        return []
    statement = read(before).rest or _last_line(before)
    command = _COMMAND.search(before) if _is_command(before, statement) else None
    found = _of_command(command, names, commands) if command is not None else _of_sql(statement, names, after)
    return list(dict.fromkeys(found))[:_MOST]


def _last_line(before: str) -> str:
    """Behind a finished statement nothing is left; a command ends with its line and may still be typed."""
    line = before.rpartition("\n")[2].lstrip()
    return line if line.startswith("\\") else ""


def _is_command(before: str, statement: str) -> bool:
    return statement.startswith("\\") or before.rpartition("\n")[2].lstrip().startswith("\\")


# -- commands -------------------------------------------------------------------------------------------------------


def _of_command(found: re.Match[str], names: Names, commands: Sequence[tuple[str, str]]) -> Iterator[Candidate]:
    name, argument = found[1], found[2]
    if argument is None:
        yield from _matching(f"\\{name}", [f"\\{each}" for each, _ in commands], "command")
        return
    match dict(commands).get(name):
        case "names":
            yield from _matching(argument, (*names.collections(), *_registered(names)), "name")
        case "sql":
            if " " not in argument:
                yield from _matching(argument, _registered(names), "name")
            yield from _of_sql(argument, names)
        case "pager":
            yield from _matching(argument, ("pager on", "pager off"), "setting")
        case "job":
            yield from _matching(argument, names.jobs(), "job")


def _registered(names: Names) -> tuple[str, ...]:
    return (*names.triggers(), *names.views(), *names.sinks(), *names.streams())


# -- SQL --------------------------------------------------------------------------------------------------------------


def _of_sql(statement: str, names: Names, after: str = "") -> Iterator[Candidate]:
    tokens = _tokens(statement)
    if tokens is None:
        return
    sources = _sources(_tokens(statement + after.partition(";")[0]) or tokens)
    match = _WORD.search(statement)
    word = match[0] if match is not None else ""
    if word and tokens and tokens[-1].end == len(statement):
        tokens = tokens[:-1]
    last = tokens[-1].upper if tokens else ""
    if last == "." and tokens[-1].end == len(statement) - len(word):
        yield from _members(tokens, word, sources, names)
    elif (following := next_words([each.upper for each in tokens])) is not None:
        yield from _named(word, following.kinds, names)
        yield from _cased(word, following.words, "keyword")
    elif last in _COLLECTION_BEHIND:
        yield from _named(word, ("collections", "views", "streams"), names)
        if last == "ON":
            yield from _anything(word, sources, names)
    else:
        yield from _anything(word, sources, names)


def _named(word: str, kinds: Iterable[str], names: Names) -> Iterator[Candidate]:
    for kind in kinds:
        known: tuple[str, ...] = getattr(names, kind)()
        yield from _quoted(word, known, kind.removesuffix("s"))


def _tokens(statement: str) -> list[Tok] | None:
    """None inside of a string, a comment or what is no SQL."""
    tokens: list[Tok] = []
    try:
        tokens.extend(each_token(statement))
    except CompileError as error:
        quoted = error.span is not None and statement[error.span.start : error.span.start + 1] == '"'
        return tokens if quoted else None
    end = tokens[-1].end if tokens else 0
    return None if "--" in statement[end:].rpartition("\n")[2] else tokens


def _anything(word: str, sources: dict[str, str], names: Names) -> Iterator[Candidate]:
    fields = dict.fromkeys(field for each in dict.fromkeys(sources.values()) for field in names.fields(each))
    yield from _quoted(word, [each for each in fields if "." not in each], "field")
    yield from _quoted(word, [each for each in sources if each not in ("NEW", "OLD", word)], "name")
    yield from _cased(word, sorted(keywords()), "keyword")
    yield from _cased(word, sorted({*functions(), *names.functions()}), "function")


def _members(tokens: Sequence[Tok], word: str, sources: dict[str, str], names: Names) -> Iterator[Candidate]:
    """Behind a dot: ``alias.`` and ``alias.field.``, ``NEW.``, ``field.``."""
    path: list[str] = []
    position = len(tokens) - 1
    while position >= 1 and tokens[position].upper == "." and tokens[position - 1].kind in (Kind.WORD, Kind.QUOTED):
        path.insert(0, tokens[position - 1].value)
        position -= 2
    for collection, parents in _places(path, sources, _elements(tokens, sources)):
        prefix = "".join(f"{each}." for each in parents)
        fields = [field.removeprefix(prefix) for field in names.fields(collection) if field.startswith(prefix)]
        yield from _quoted(word, [each for each in fields if "." not in each], "field")


def _places(
    path: Sequence[str], sources: dict[str, str], elements: dict[str, list[tuple[str, list[str]]]]
) -> list[tuple[str, list[str]]]:
    """(collection, path of a document in it) for what stands before a dot."""
    first, *rest = path or [""]
    if first in elements:
        return [(collection, [*array, *rest]) for collection, array in elements[first]]
    owner = sources.get(first) or sources.get(first.upper())
    if owner is not None:
        return [(owner, rest)]
    return [(each, list(path)) for each in dict.fromkeys(sources.values())]


def _elements(tokens: Sequence[Tok], sources: dict[str, str]) -> dict[str, list[tuple[str, list[str]]]]:
    """Alias of UNNEST(array) → where its elements' fields are."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for index, token in enumerate(tokens[:-2]):
        if token.upper != "UNNEST" or tokens[index + 1].upper != "(":
            continue
        array = [each.value for each in takewhile(lambda each: each.upper != ")", tokens[index + 2 :])]
        alias = _alias(tokens[index + 3 + len(array) : index + 5 + len(array)])
        if alias is not None:
            found[alias] = _places([each for each in array if each != "."], sources, found)
    return found


def _sources(tokens: Sequence[Tok]) -> dict[str, str]:
    """Alias or collection → collection, of what the statement reads and writes so far."""
    found: dict[str, str] = {}
    trigger = [each.upper for each in tokens[:1]] == ["CREATE"] and any(t.upper == "TRIGGER" for t in tokens[:4])
    for index, token in enumerate(tokens[:-1]):
        name = tokens[index + 1]
        if token.upper not in _COLLECTION_BEHIND or name.kind not in (Kind.WORD, Kind.QUOTED):
            continue
        if token.upper == "ON" and not (trigger and "NEW" not in found):
            continue
        found[name.value] = name.value
        if token.upper == "ON":
            found |= {"NEW": name.value, "OLD": name.value}
        alias = _alias(tokens[index + 2 : index + 4])
        if alias is not None:
            found[alias] = name.value
    return found


def _alias(behind: Sequence[Tok]) -> str | None:
    if behind and behind[0].upper == "AS":
        behind = behind[1:]
    if not behind or behind[0].kind is not Kind.WORD or behind[0].upper in keywords() | set(_NO_ALIAS):
        return None
    return behind[0].value


# -- candidates --------------------------------------------------------------------------------------------------------


def _cased(word: str, known: Iterable[str], kind: str) -> Iterator[Candidate]:
    """Keywords and functions as the word is typed, small or capital."""
    change: Callable[[str], str] = str.lower if word and word == word.lower() else str
    return _matching(word, map(change, known), kind)


def _quoted(word: str, known: Iterable[str], kind: str) -> Iterator[Candidate]:
    """Names; those that are no plain words in quotes."""
    bare = word.strip('"')
    for each in known:
        if each.lower().startswith(bare.lower()) and each.isprintable():
            plain = each.isidentifier() and each.upper() not in keywords() and not word.startswith('"')
            yield Candidate(each if plain else '"' + each.replace('"', '""') + '"', len(word), kind)


def _matching(word: str, known: Iterable[str], kind: str) -> Iterator[Candidate]:
    return (Candidate(each, len(word), kind) for each in known if each.lower().startswith(word.lower()))
