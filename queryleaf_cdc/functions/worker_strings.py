"""String functions that run in the worker only. Results beyond ``LONGEST`` characters are NULL."""

from __future__ import annotations

import hashlib
import uuid

from queryleaf_cdc.functions.building import STRING_OR_NULL, scalar
from queryleaf_cdc.functions.characters import lower, upper
from queryleaf_cdc.functions.strings import NUMBER_OR_NULL, of_texts
from queryleaf_cdc.functions.whole_numbers import whole
from queryleaf_cdc.values import Type, Value

LONGEST = 1_000_000

_LETTERS = "MongoDB's $toUpper and $toLower know ASCII letters only"
_PER_CHARACTER = "MongoDB has no such function, and going through a text by characters is slow there"


def _capitals(text: str) -> str:
    """The first letter or digit of each word in upper case, the rest in lower case."""
    out, inside = [], False
    for char in text:
        out.append(lower(char) if inside else upper(char))
        inside = char.isalnum()
    return "".join(out)


def _padding(text: Value, length: Value, fill: Value) -> tuple[str, str] | None:
    """The text cut to the length, and what fills it up."""
    size = whole(length)
    if type(text) is not str or type(fill) is not str or size is None or size > LONGEST:
        return None
    missing = max(size - len(text), 0) if fill else 0
    return text[: max(size, 0)], (fill * (missing // len(fill) + 1))[:missing] if missing else ""


def _pad_left(text: Value, length: Value, fill: Value = " ") -> str | None:
    found = _padding(text, length, fill)
    return None if found is None else found[1] + found[0]


def _pad_right(text: Value, length: Value, fill: Value = " ") -> str | None:
    found = _padding(text, length, fill)
    return None if found is None else found[0] + found[1]


def _repeat(text: Value, times: Value) -> str | None:
    count = whole(times)
    if type(text) is not str or count is None or count * len(text) > LONGEST:
        return None
    return text * count


def _translate(text: str, old: str, new: str) -> str:
    """Each character of ``old`` becomes the one at its place in ``new``, or nothing; the first mention counts."""
    table = {ord(char): new[at] if at < len(new) else None for at, char in reversed(list(enumerate(old)))}
    return text.translate(table)


def _character(code: Value) -> str | None:
    number = whole(code)
    valid = number is not None and 0 < number < 0x110000 and not 0xD800 <= number < 0xE000
    return chr(number) if valid and number is not None else None


def _code(text: str) -> int:
    return ord(text[0]) if text else 0


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _to_hex(value: Value) -> str | None:
    """Negative numbers as two's complement of 32 or, beyond, of 64 bits."""
    if type(value) is bool or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        return None
    width = 32 if -(2**31) <= value < 2**31 and type(value) is int else 64
    return f"{value % 2**width:x}"


def _uuid() -> str:
    return str(uuid.uuid4())


WORKER_STRINGS = (
    scalar("UPPER", 1, STRING_OR_NULL, of_texts(upper), None, _LETTERS),
    scalar("LOWER", 1, STRING_OR_NULL, of_texts(lower), None, _LETTERS),
    scalar("INITCAP", 1, STRING_OR_NULL, of_texts(_capitals), None, _LETTERS),
    scalar("LPAD", (2, 3), STRING_OR_NULL, _pad_left, None, _PER_CHARACTER),
    scalar("RPAD", (2, 3), STRING_OR_NULL, _pad_right, None, _PER_CHARACTER),
    scalar("REPEAT", 2, STRING_OR_NULL, _repeat, None, _PER_CHARACTER),
    scalar("REVERSE", 1, STRING_OR_NULL, of_texts(lambda text: text[::-1]), None, _PER_CHARACTER),
    scalar("TRANSLATE", 3, STRING_OR_NULL, of_texts(_translate), None, _PER_CHARACTER),
    scalar("CHR", 1, STRING_OR_NULL, _character, None, "MongoDB has no such function"),
    scalar("ASCII", 1, NUMBER_OR_NULL, of_texts(_code), None, "MongoDB has no such function"),
    scalar("MD5", 1, STRING_OR_NULL, of_texts(_md5), None, "MongoDB has no such function"),
    scalar("TO_HEX", 1, STRING_OR_NULL, _to_hex, None, "MongoDB has no such function"),
    scalar("UUID", 0, Type.STRING, _uuid, None, "a new one for every call", repeatable=False),
    scalar("GEN_RANDOM_UUID", 0, Type.STRING, _uuid, None, "a new one for every call", repeatable=False),
)
