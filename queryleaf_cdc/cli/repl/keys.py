"""What keys do, and what a flood of them does."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby

from prompt_toolkit.application import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys

from queryleaf_cdc.cli.repl.reading import read
from queryleaf_cdc.cli.repl.screen import Screen

LONGEST = 50_000
"""characters of the text being edited: each key draws all of it anew, so more goes into a file"""
_FLOOD = 16
"""keys that arrive at once and are no typing any more"""


def key_bindings(screen: Screen) -> KeyBindings:
    """Enter runs what is finished, else it begins a new line. What becomes too long is dropped as a whole, up to the
    next Enter: half of a statement must never run. A search of the history has keys of its own."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)
    dropped = 0

    @keys.add("enter", filter=typing & ~Condition(_is_choosing))
    def enter(event: KeyPressEvent) -> None:
        nonlocal dropped
        buffer = event.current_buffer
        if dropped:
            screen.say(rf"{dropped:,} characters are too many to edit here: \i FILE runs a file", "yellow")
            dropped = 0
            buffer.reset()
        elif read(buffer.text).rest:
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("enter", filter=typing & Condition(_is_choosing))
    def take_candidate(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    @keys.add("escape", "enter", filter=typing)
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        nonlocal dropped
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        if not dropped and len(event.current_buffer.text) + len(text) <= LONGEST:
            event.current_buffer.insert_text(text)
            return
        dropped += len(text) + len(event.current_buffer.text)
        event.current_buffer.reset()

    @keys.add("c-c", filter=typing)
    def interrupt(event: KeyPressEvent) -> None:
        nonlocal dropped
        dropped = 0
        event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    @keys.add("c-d", filter=typing & Condition(_is_empty))
    def end(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError, style="class:exiting")

    @keys.add(Keys.Vt100MouseEvent)
    def no_mouse(event: KeyPressEvent) -> None:
        """Colours that are pasted look like a mouse to the editor, and it would stumble over them."""

    return keys


def _is_empty() -> bool:
    return not get_app().current_buffer.text


def _is_choosing() -> bool:
    """Whether a candidate of the menu is chosen."""
    state = get_app().current_buffer.complete_state
    return state is not None and state.current_completion is not None


def typed_input() -> Input:
    """The terminal's keys. A terminal without bracketed paste sends a paste as keys, and each would be a redraw."""
    keys = create_input(sys.stdin)
    read_keys = keys.read_keys
    keys.read_keys = lambda: list(as_pastes(read_keys()))  # type: ignore[method-assign]
    return keys


def as_pastes(keys: Iterable[KeyPress]) -> Iterator[KeyPress]:
    """Long runs of plain characters as one paste each."""
    for plain, group in groupby(keys, lambda each: len(each.key) == 1 and not isinstance(each.key, Keys)):
        run = list(group)
        if plain and len(run) >= _FLOOD:
            yield KeyPress(Keys.BracketedPaste, "".join(each.data for each in run))
        else:
            yield from run
