"""Type names: PostgreSQL's spellings to the types that this dialect knows."""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.frozen import frozen

TYPES: dict[str, str | None] = {
    **dict.fromkeys(("INT", "INTEGER", "INT2", "INT4", "SMALLINT", "TINYINT", "MEDIUMINT"), "INTEGER"),
    **dict.fromkeys(("SERIAL", "SMALLSERIAL", "SERIAL4", "SERIAL2"), "INTEGER"),
    **dict.fromkeys(("BIGINT", "INT8", "LONG", "BIGSERIAL", "SERIAL8"), "BIGINT"),
    **dict.fromkeys(("DOUBLE PRECISION", "DOUBLE", "FLOAT", "FLOAT4", "FLOAT8", "REAL"), "DOUBLE"),
    **dict.fromkeys(("NUMERIC", "DECIMAL", "DEC", "DECIMAL128"), "DECIMAL"),
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR", "CHARACTER", "CHARACTER VARYING", "CHAR VARYING"), "TEXT"),
    **dict.fromkeys(("BPCHAR", "STRING", "NAME", "CITEXT", "UUID"), "TEXT"),
    **dict.fromkeys(("BOOLEAN", "BOOL"), "BOOLEAN"),
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMPTZ", "DATETIME", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITHOUT TIME ZONE"),
        "TIMESTAMP",
    ),
    "DATE": "DATE",
    **dict.fromkeys(("TIME", "TIMETZ", "TIME WITH TIME ZONE", "TIME WITHOUT TIME ZONE"), "TIME"),
    "OBJECTID": "OBJECTID",
    "INTERVAL": "INTERVAL",
    **dict.fromkeys(("JSON", "JSONB", "DOCUMENT"), "JSON"),
    # no cast leads there; a declaration may name them
    **dict.fromkeys(("BYTEA", "BINARY", "RECORD", "ROW", "ANY"), None),
}
_LONGEST = 4  # words in a type name


@frozen
class TypeName:
    """``name`` is one of CAST_TYPES, or None for a known type without a meaning here; ``size`` is what stood in ( )."""

    name: str | None
    written: str
    size: tuple[int, ...] = ()
    array: bool = False


def read_type(words: Sequence[str]) -> tuple[TypeName, int] | None:
    """The type at the start of ``words`` (upper-case words and symbols) and how many of them it takes, or None."""
    for count in range(min(_LONGEST, len(words)), 0, -1):
        written = " ".join(words[:count])
        if written in TYPES:
            break
    else:
        return None
    size, position = _size(words, count)
    rest = " ".join(words[position : position + 3])
    for tail in ("WITH TIME ZONE", "WITHOUT TIME ZONE"):  # timestamp(3) with time zone
        if size and rest == tail and f"{written} {tail}" in TYPES:
            position += 3
    array, position = _array(words, position)
    return TypeName(TYPES[written], written, size, array), position


def _size(words: Sequence[str], position: int) -> tuple[tuple[int, ...], int]:
    if words[position : position + 1] != ["("]:
        return (), position
    size: list[int] = []
    end = position + 1
    while end < len(words) and words[end].isdigit() and len(words[end]) < 9:
        size.append(int(words[end]))
        end += 1
        if words[end : end + 1] == [")"]:
            return tuple(size), end + 1
        if words[end : end + 1] != [","]:
            break
        end += 1
    return (), position


def _array(words: Sequence[str], position: int) -> tuple[bool, int]:
    array = False
    if words[position : position + 1] == ["ARRAY"]:
        return True, position + 1
    while words[position : position + 2] == ["[", "]"]:
        array, position = True, position + 2
    return array, position
