"""Every error that a user can meet, and how it is shown.

QueryLeafError
├── CompileError            the SQL is wrong; carries one or more diagnostics        exit 1
├── InputError              a file, an event record or an argument is wrong          exit 1
├── ServerError             the server is unreachable or cannot do it                exit 3
└── RunError                a trigger failed while it ran (RAISE, a procedure, a write)

Codes are stable: QL1xx text and syntax, QL2xx names and types, QL3xx what cannot be compiled,
QL4xx input and offline, QL5xx the server, QL6xx at run time. ``docs/errors.md`` lists each with cause and cure.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from unicodedata import combining, east_asian_width

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.source import Source, Span


@frozen
class Diagnostic:
    """One finding about a place in the SQL. ``severity`` is ``"error"`` or ``"warning"``."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: str = "error"

    def render(self, source: Source | None, width: int | None = None) -> str:
        """``file:line:col: error QL101: message``, then the source line, a caret and the hint.

        ``width`` is that of the terminal: the caret stands under its place only where the line is not folded."""
        head = f"{self.severity} {self.code}: {self.message}"
        lines = [head]
        if source is not None and self.span is not None:
            line, column = source.position(min(self.span.start, len(source.text)))
            lines = [
                f"{source.name}:{line}:{column}: {head}",
                *_excerpt(source.line(line), column, self.span, _room(width)),
            ]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


_EXCERPT = 100
"""columns of a long source line that are shown around the caret"""
_LEAST_EXCERPT = 8
_TAB = 8
"""columns that a tab takes at most"""


def _room(width: int | None) -> int:
    return _EXCERPT if width is None else min(_EXCERPT, max(_LEAST_EXCERPT, width - 2))


def _excerpt(text: str, column: int, span: Span, room: int) -> list[str]:
    first, last = _window(text, column - 1, room)
    start = column - 1 - first
    shown = "".join(char if char == "\t" or char.isprintable() else "\ufffd" for char in text[first:last])
    pad = "".join("\t" if char == "\t" else " " * _columns(char) for char in shown[:start])
    carets = sum(map(_columns, shown[start : start + span.end - span.start]))
    return ["  " + shown, "  " + pad + "^" * max(1, carets)]


def _window(text: str, start: int, room: int) -> tuple[int, int]:
    """From where to where the text is shown: all of it, or as much around ``start`` as there is room for."""
    first = 0
    if len(text) > room or sum(map(_most_columns, text)) > room:
        first, used = start, 0
        while first > 0 and (used := used + _most_columns(text[first - 1])) <= room // 2:
            first -= 1
    last, used = first, 0
    while last < len(text) and (used := used + _most_columns(text[last])) <= room:
        last += 1
    return first, last


def _most_columns(char: str) -> int:
    return _TAB if char == "\t" else _columns(char)


def _columns(char: str) -> int:
    """Columns of a terminal that a character takes."""
    return 2 if east_asian_width(char) in "WF" else 0 if combining(char) else 1


class QueryLeafError(Exception):
    """Base of all errors. ``code`` is stable, ``span`` a place in ``source`` if there is one."""

    def __init__(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        hint: str | None = None,
        source: Source | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.hint = hint
        self.source = source

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return (Diagnostic(self.code, self.message, self.span, self.hint),)

    def render(self, width: int | None = None) -> str:
        return "\n".join(each.render(self.source, width) for each in self.diagnostics)

    def __str__(self) -> str:
        return self.render()


class CompileError(QueryLeafError):
    """The SQL is wrong. Raised with a single place by a pass, and with all of a file's by ``compile_sql``."""

    @classmethod
    def of(cls, diagnostics: Iterable[Diagnostic], source: Source) -> CompileError:
        every = tuple(diagnostics)
        error = cls(every[0].code, every[0].message, every[0].span, every[0].hint, source)
        error._every = every
        return error

    _every: tuple[Diagnostic, ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return self._every or super().diagnostics


class InputError(QueryLeafError):
    """A file, an event record or an argument is wrong."""


class ServerError(QueryLeafError):
    """The server is unreachable, or cannot do what is asked."""


class RunError(QueryLeafError):
    """A trigger failed while it ran; what it did for this event is discarded."""


def warning(code: str, message: str, span: Span | None = None, hint: str | None = None) -> Diagnostic:
    return Diagnostic(code, message, span, hint, "warning")


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """A hint naming the closest known name, or None. Case does not count; ``cutoff`` 1 takes equal names only."""
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return f"did you mean {by_lower[close[0]]}?" if close else None


__all__ = [
    "CompileError",
    "Diagnostic",
    "InputError",
    "QueryLeafError",
    "RunError",
    "ServerError",
    "did_you_mean",
    "warning",
]
