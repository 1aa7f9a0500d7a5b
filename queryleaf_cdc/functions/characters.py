"""Letter case, character by character as PostgreSQL does it (``'ß'`` stays).

No character outside ASCII turns into one inside: the Kelvin sign's lower case stays itself. So on ASCII letters the
server's ``$toLower`` and ``$toUpper``, which know no others, agree with these."""

from __future__ import annotations

from functools import lru_cache


def lower(text: str) -> str:
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def upper(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(_upper, text))


@lru_cache(4096)
def _lower(char: str) -> str:
    return _single(char, char.lower())


@lru_cache(4096)
def _upper(char: str) -> str:
    return _single(char, char.upper())


def _single(char: str, changed: str) -> str:
    return changed if len(changed) == 1 and changed.isascii() == char.isascii() else char


def same_in_both_cases(text: str) -> bool:
    """Whether every character is in ASCII or has no other case."""
    return all(char.isascii() or lower(char) == char == upper(char) for char in text)
