"""Text to tokens, once, with exact offsets. Comments and blanks vanish here; nothing else does.

Strings, quoted identifiers and numbers keep their text as written in ``text``; ``value`` is what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from itertools import islice

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Span


class Kind(Enum):
    WORD = auto()  # a keyword or an unquoted name
    QUOTED = auto()  # "a name"
    STRING = auto()  # 'text', E'text'
    DOLLAR = auto()  # $$text$$, $tag$text$tag$
    NUMBER = auto()
    SYMBOL = auto()  # operators and punctuation


@frozen
class Tok:
    """``upper`` is the keyword or symbol to compare with; it is empty for what is quoted, a string or a number."""

    kind: Kind
    text: str
    value: str
    upper: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


UNCLOSED = "QL102"
"""of a string, a name or a comment whose end may still come"""
OPENERS = ("(", "[")
CLOSERS = (")", "]")

_TOKEN = re.compile(
    r"""
      (?P<blank>   [\s\ufeff]+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<estring> [eE]'[^'\\]*(?:(?:''|\\.)[^'\\]*)*' )
    | (?P<string>  '[^']*(?:''[^']*)*' )
    | (?P<quoted>  "[^"]*(?:""[^"]*)*" )
    | (?P<dollar>  \$(?:[^\W\d]\w*)?\$ )
    | (?P<number>  (?:\d+(?:_\d+)*(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<word>    [^\W\d][\w$]* )
    | (?P<symbol>  !~~\*|!~\*|!~~|~~\*|->>|\#>>|<=>|!==|===
                 | ::|:=|<=|>=|<>|!=|==|\|\||&&|->|=>|~~|~\*|!~|\#>|@>|<@|\.\.|\+=|-=|\*=|/=|<<|>>|\*\*
                 | [-+*/%^=<>(),;.:\[\]{}~!?@\#&|$`\\] )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ESCAPE = re.compile(
    r"""'' | \\(?: u([0-9a-fA-F]{4}) | U([0-9a-fA-F]{8}) | (x[0-9a-fA-F]{1,2}|[0-7]{1,3}) | (.) )""",
    re.DOTALL | re.VERBOSE,
)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def scan(text: str, start: int = 0, end: int | None = None, at_most: int = 1_000_000) -> list[Tok]:
    """The tokens of ``text[start:end]``, with offsets into ``text``; it stops after ``at_most`` of them.

    Raises CompileError QL101 for a character that SQL has no use for, QL102 for what is never closed."""
    return list(islice(each_token(text, start, end), at_most))


def each_token(text: str, start: int = 0, end: int | None = None) -> Iterator[Tok]:
    """``scan``, token by token: those before a mistake are given before it is raised."""
    stop = len(text) if end is None else end
    nul = text.find("\0", start, stop)
    if nul >= 0:
        raise CompileError("QL101", "a NUL character: this is no text", Span(nul, nul + 1), _NO_TEXT)
    before: Tok | None = None
    position = start
    while position < stop:
        found = _TOKEN.match(text, position, stop)
        if found is None:
            raise _unreadable(text, position)
        group = found.lastgroup
        if group == "comment":
            position = _comment_end(text, position, stop)
            continue
        if group == "dollar":
            token = _dollar(text, found, stop)
        elif group == "blank":
            position = found.end()
            continue
        else:
            token = _token(found)
            if group == "word" and before is not None and before.kind is Kind.NUMBER and before.end == position:
                raise CompileError("QL101", f"{token.text!r} is stuck to a number", token.span)
        yield token
        before = token
        position = token.end


def _token(found: re.Match[str]) -> Tok:
    text, start, end = found.group(), found.start(), found.end()
    match found.lastgroup:
        case "word":
            return Tok(Kind.WORD, text, text, text.upper(), start, end)
        case "symbol":
            return Tok(Kind.SYMBOL, text, text, text, start, end)
        case "number":
            return Tok(Kind.NUMBER, text, text.replace("_", ""), "", start, end)
        case "string":
            return Tok(Kind.STRING, text, text[1:-1].replace("''", "'"), "", start, end)
        case "quoted":
            return Tok(Kind.QUOTED, text, text[1:-1].replace('""', '"'), "", start, end)
        case _:
            return Tok(Kind.STRING, text, _unescaped(text[2:-1], start + 2), "", start, end)


def _unescaped(text: str, start: int) -> str:
    """What ``E'...'`` says. ``\\x`` and octal escapes are bytes of UTF-8, two ``\\u`` may be a pair of surrogates."""
    parts: list[bytes] = []
    end = 0
    for found in _ESCAPE.finditer(text):
        parts += (_utf8(text[end : found.start()]), _escaped(found, start))
        end = found.end()
    parts.append(_utf8(text[end:]))
    try:
        pairs = b"".join(parts).decode("utf-8", "surrogatepass")
        return pairs.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        raise _bad_escape("these escapes are no text in UTF-8", start, start + len(text)) from None


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _escaped(found: re.Match[str], start: int) -> bytes:
    hex4, hex8, byte, char = found.groups()
    if hex4 or hex8:
        point = int(hex4 or hex8, 16)
        if 0 < point < 0x110000:
            return _utf8(chr(point))
    elif byte:
        code = int(byte[1:], 16) if byte[0] == "x" else int(byte, 8)
        if 0 < code < 0x100:
            return bytes([code])
    elif char not in ("u", "U"):
        return _utf8(_CONTROL.get(char, char) if char else "'")
    raise _bad_escape(f"{found[0]} is no character", start + found.start(), start + found.end())


def _bad_escape(message: str, start: int, end: int) -> CompileError:
    return CompileError("QL110", message, Span(start, end), r"write E'\u00e9', or a backslash twice")


def _dollar(text: str, found: re.Match[str], stop: int) -> Tok:
    tag = found.group()
    close = text.find(tag, found.end(), stop)
    if close < 0:
        raise _unclosed("dollar-quoted text", found.start(), found.end(), f"close it with {tag}")
    end = close + len(tag)
    return Tok(Kind.DOLLAR, text[found.start() : end], text[found.end() : close], "", found.start(), end)


def dollar_content(token: Tok) -> Span:
    """Where the text inside of a DOLLAR token is."""
    tag = (len(token.text) - len(token.value)) // 2
    return Span(token.start + tag, token.end - tag)


def _comment_end(text: str, start: int, stop: int) -> int:
    """The end of a ``/* ... */`` comment; they nest, as in PostgreSQL."""
    depth = 0
    position = start
    while found := _COMMENT_EDGE.search(text, position, stop):
        depth += 1 if found.group() == "/*" else -1
        position = found.end()
        if depth == 0:
            return position
    raise _unclosed("comment", start, start + 2, "close it with */")


def _unclosed(what: str, start: int, end: int, hint: str) -> CompileError:
    return CompileError(UNCLOSED, f"this {what} is never closed", Span(start, end), hint)


def _unreadable(text: str, position: int) -> CompileError:
    char = text[position]
    if char == "'":
        return _unclosed("string", position, position + 1, "close it with '; a quote inside is written twice: 'it''s'")
    if char == '"':
        return _unclosed("quoted name", position, position + 1, 'close it with "')
    shown = char if char.isprintable() else f"U+{ord(char):04X}"
    return CompileError(
        "QL101", f"the character {shown!r} has no meaning in SQL", Span(position, position + 1), _char_hint(char)
    )


_NO_TEXT = "is this a text file in UTF-8?"


def _char_hint(char: str) -> str | None:
    if char in "\u2018\u2019\u201c\u201d":
        return "use straight quotes: 'text' for a string, \"name\" for a name"
    if char < " " or char == "\ufffd":
        return _NO_TEXT
    return None
