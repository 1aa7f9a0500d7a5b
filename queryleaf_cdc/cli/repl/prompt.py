"""The prompt: prompt_toolkit, told what our statements are."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.patch_stdout import StdoutProxy

from queryleaf_cdc.cli.repl.completion import complete
from queryleaf_cdc.cli.repl.highlighting import fragments
from queryleaf_cdc.cli.repl.history import open_history
from queryleaf_cdc.cli.repl.keys import key_bindings, typed_input
from queryleaf_cdc.cli.repl.names import Names
from queryleaf_cdc.cli.repl.screen import Screen, safe

_PROMPT_STYLES = {
    "": "", "bold": "bold", "dim": "ansibrightblack", "red": "ansired", "green": "ansigreen", "yellow": "ansiyellow",
    "cyan": "ansicyan",
}  # fmt: skip
_LONGEST_NAME = 20


class Prompt:
    """Reads one text after another. ``toolbar`` is asked for the line at the bottom."""

    def __init__(
        self, screen: Screen, database: str, names: Names, commands: list[tuple[str, str]], toolbar: Callable[[], str]
    ) -> None:
        self._screen = screen
        name = safe(database)
        self._message = f"{name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + '…'}> "
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            key_bindings=key_bindings(screen),
            input=typed_input(),
            lexer=_SqlLexer(),
            completer=_SqlCompleter(names, commands),
            complete_while_typing=False,
            complete_in_thread=True,
            history=open_history(),
            prompt_continuation=self._continuation,
            bottom_toolbar=toolbar,
            refresh_interval=1.0,
            editing_mode=EditingMode.EMACS,
            enable_open_in_editor=False,
            enable_suspend=True,
        )

    def ask(self, draft: str = "") -> str:
        """The text that was typed. Raises KeyboardInterrupt for Ctrl-C, EOFError for Ctrl-D."""
        with _above(self._screen):
            return self._session.prompt(
                self._prompt(),
                default=draft,
                pre_run=self._prepare,
                set_exception_handler=False,
                handle_sigint=False,  # it would take one that comes before or after the prompt for a key
            )

    def _prepare(self) -> None:
        """A fault of the editor's own is said in one line: the text is still there."""

        def say(loop: object, context: dict[str, Any]) -> None:
            self._screen.error(f"the prompt stumbled: {context.get('exception') or context.get('message')}")

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(say)
        loop.call_soon(_wake_quietly)

    def _prompt(self) -> str:
        return self._message if self._screen.width > 2 * len(self._message) else "> "

    def _continuation(self, width: int, line_number: int, wrap_count: int) -> str:
        return "." * max(0, width - 1) + " "


def _wake_quietly() -> None:
    """Signals wake the editor through a buffer. When hundreds have filled it, it wakes up all the same; Python would
    show a traceback for each one more."""
    signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)


@contextlib.contextmanager
def _above(screen: Screen) -> Iterator[None]:
    """While the prompt stands, what threads write (a procedure's own prints, too) appears above it."""
    proxy = StdoutProxy(raw=True, sleep_between_writes=0.05)
    before, sys.stdout = sys.stdout, proxy
    try:
        with screen.through(proxy):
            yield
    finally:
        sys.stdout = before
        proxy.close()


class _SqlLexer(Lexer):
    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        lines: list[StyleAndTextTuples] = [[]]
        for style, text in fragments(document.text):
            first, *others = text.split("\n")
            lines[-1].append((_PROMPT_STYLES[style], first))
            lines += [[(_PROMPT_STYLES[style], other)] for other in others]
        return lambda number: lines[number] if number < len(lines) else []


class _SqlCompleter(Completer):
    def __init__(self, names: Names, commands: list[tuple[str, str]]) -> None:
        self._names = names
        self._commands = commands
        self._files = [name for name, what in commands if what == "file"]

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        line = document.current_line_before_cursor.lstrip()
        if any(line.startswith(f"\\{name} ") for name in self._files):
            path = line.partition(" ")[2].lstrip()
            yield from PathCompleter(expanduser=True).get_completions(Document(path), complete_event)
            return
        for each in complete(document.text_before_cursor, self._names, self._commands, document.text_after_cursor):
            yield Completion(each.text, -each.length, display_meta=each.kind)
