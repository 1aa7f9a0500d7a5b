"""Values as text on one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from bson import Decimal128, ObjectId, json_util

_EXTENDED = json_util.RELAXED_JSON_OPTIONS


def shown(value: Any) -> str:
    """A value in a table. What is not printable (a newline, an escape, a mark that turns the direction of writing) is
    written as Python does: ``\\n``, ``\\x1b``."""
    text = "NULL" if value is None else plain(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def plain(value: Any) -> str:
    """A value as text, NULL as the empty one. A text is given as it is."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat(sep=" ", timespec="milliseconds")
        case ObjectId() | Decimal128() | str() | int() | float():
            return str(value)
    return json_text(value)


def json_text(value: Any, ascii: bool = False) -> str:
    """Relaxed extended JSON. What is not printable is escaped also where JSON would not ask for it; with ``ascii`` all
    that is beyond that."""
    text: str = json_util.dumps(value, json_options=_EXTENDED, ensure_ascii=ascii)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1] if ord(char) > 0x7F else f"\\u{ord(char):04x}"
