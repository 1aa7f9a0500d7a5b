"""What a statement goes on with where only few words, or names of one kind, can stand. A pure function."""

from __future__ import annotations

from collections.abc import Sequence

from queryleaf_cdc.cli.repl.words import BEGINNINGS
from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.logical.options import OPTION_NAMES

KINDS = ("collections", "views", "streams", "sinks", "triggers", "procedures")
"""of names: what ``Names`` calls them"""


@frozen
class Next:
    """``words`` as they are written, and names of these ``kinds``."""

    words: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


_CREATED = ("TRIGGER", "MATERIALIZED VIEW", "VIEW", "SINK")
_WHOLE = {
    "": Next(BEGINNINGS),
    "CREATE": Next((*_CREATED, "TABLE", "OR REPLACE")),
    "CREATE OR REPLACE": Next(_CREATED),
    "CREATE MATERIALIZED": Next(("VIEW",)),
    "DROP": Next(_CREATED),
    "DROP TRIGGER": Next(kinds=("triggers",)),
    "DROP VIEW": Next(kinds=("streams",)),
    "DROP SINK": Next(kinds=("sinks",)),
    "DROP MATERIALIZED": Next(("VIEW",)),
    "DROP MATERIALIZED VIEW": Next(kinds=("views",)),
    "REFRESH": Next(("MATERIALIZED VIEW",)),
    "REFRESH MATERIALIZED VIEW": Next(kinds=("views",)),
    "SHOW": Next(("TRIGGERS", "VIEWS", "STREAMS", "SINKS", "COLLECTIONS")),
    "DESCRIBE": Next(kinds=("collections", "views", "streams", "sinks", "triggers")),
}
"""the statement so far → what follows"""


def next_words(words: Sequence[str]) -> Next | None:
    """``words`` are those of the statement before the one that is typed, in capitals. None where much can follow."""
    if words[:1] == ["EXPLAIN"]:
        words = words[1:]
    if words[-2:] == ["IF", "EXISTS"]:
        words = words[:-2]
    found = _WHOLE.get(" ".join(words))
    if found is not None:
        return found
    created = _created(words)
    match words[-1]:
        case "INTO" if created == "SINK":
            return Next(("PROCEDURE", "WEBHOOK", "FILE"), ("collections",))
        case "PROCEDURE" if created == "SINK":
            return Next(kinds=("procedures",))
        case "CALL":
            return Next(kinds=("procedures",))
        case "(" | "," if created and _in_options(words):
            return Next(OPTION_NAMES[created])
        case "=" if words[-2:-1] == ["SECRET"] and created == "SINK":
            return Next(("ENV",))
    return None


def _created(words: Sequence[str]) -> str | None:
    """What the statement creates, if that has options."""
    if words[:1] != ["CREATE"]:
        return None
    kind = next((each for each in words[1:5] if each in ("TRIGGER", "SINK", "VIEW", "MATERIALIZED")), None)
    return None if kind == "VIEW" else "VIEW" if kind == "MATERIALIZED" else kind


def _in_options(words: Sequence[str]) -> bool:
    """Whether the innermost bracket that is open is that of WITH (...), before the body or the query."""
    depth = 0
    for position in range(len(words) - 1, 0, -1):
        depth += (words[position] == ")") - (words[position] == "(")
        if depth < 0:
            return words[position - 1] == "WITH" and not {"AS", "BEGIN"} & set(words[:position])
    return False
