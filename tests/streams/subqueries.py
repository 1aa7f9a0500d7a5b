"""Random subqueries of a streaming SELECT over a collection ``d`` (_id, k, w), in which fields are missing."""

from __future__ import annotations

from random import Random

from tests.streams.changes import Document
from tests.streams.queries import Question

_FILTERS = ("", "w > 2", "w IS NOT NULL", "w IS NULL", "k <> 1", "w > 100")


def draw_documents(random: Random) -> list[Document]:
    found: list[Document] = []
    for key in range(random.choice((0, 3, 12))):
        document: Document = {"_id": key}
        if random.random() < 0.8:
            document["k"] = random.randrange(4)
        if random.random() < 0.8:
            document["w"] = random.randrange(-3, 12)
        found.append(document)
    return found


def draw_subqueries(random: Random) -> Question:
    """In WHERE, and in the SELECT list."""
    where = [_condition(random)]
    if random.random() < 0.3:
        where = [f"({where[0]} {random.choice(('OR', 'AND'))} {random.choice((_condition(random), 'v > 5'))})"]
    items = ["a.v AS v"]
    if random.random() < 0.5:
        items.append(f"{random.choice((_scalar, _condition))(random)} AS s")
    query = f"SELECT a.{{id}} AS id, {', '.join(items)} FROM a WHERE {{detected}}{' AND '.join(where)}"
    mine = query.format(id="_id", detected="CHANGE_DETECTED() AND ", inner="_id")
    return Question(mine, query.format(id="id", detected="", inner="id"))


def _condition(random: Random) -> str:
    filter = random.choice(_FILTERS)
    negated = random.choice(("", "NOT "))
    match random.randrange(5):
        case 0:
            return f"a.k {negated}IN (SELECT k FROM d{f' WHERE {filter}' if filter else ''})"
        case 1:
            return f"a.v {negated}IN (SELECT w FROM d WHERE {_tied(random, filter)})"
        case 2:
            return f"{negated}EXISTS (SELECT 1 FROM d WHERE {_tied(random, filter)})"
        case 3:
            return f"{negated}EXISTS (SELECT 1 FROM d{f' WHERE {filter}' if filter else ''})"
        case _:
            return f"COALESCE({_scalar(random)}, 0) > 2"


def _tied(random: Random, filter: str) -> str:
    terms = ["d.k = a.k", *([f"d.{filter}"] if filter else []), *random.choice(([], ["d.w = a.v"]))]
    random.shuffle(terms)
    return " AND ".join(terms)


def _scalar(random: Random) -> str:
    value = random.choice(("MAX(d.w)", "COUNT(*)", "COUNT(d.w) + 1", "SUM(d.w)", "COALESCE(MIN(d.w), 7)"))
    return f"(SELECT {value} FROM d WHERE {_tied(random, random.choice(_FILTERS))})"
