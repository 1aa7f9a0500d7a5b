"""Random SELECTs over the tables of ``select_oracle``: any two answers of a right implementation are the same."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

NUMBER, TEXT, BOOL = "number", "text", "bool"

SCHEMA: dict[str, dict[str, str]] = {
    "a": {"k": NUMBER, "v": NUMBER},
    "b": {"k": NUMBER, "v": NUMBER},
    "nothing": {"k": NUMBER, "v": NUMBER},
    "orders": {"_id": NUMBER, "customer_id": NUMBER, "qty": NUMBER, "amount": NUMBER, "status": TEXT},
    "customers": {"_id": NUMBER, "boss": NUMBER, "name": TEXT, "city": TEXT, "vip": BOOL},
    "items": {"_id": NUMBER, "order_id": NUMBER, "price": NUMBER, "n": NUMBER, "sku": TEXT},
}
LITERALS = {
    NUMBER: ("0", "1", "2", "3", "-1", "7", "1.5"),
    TEXT: ("'paid'", "'p'", "'Bern'", "''"),
    BOOL: ("TRUE", "FALSE"),
}


@dataclass(frozen=True)
class Column:
    text: str
    type: str


class Generator:
    """One query per ``query()``. Aliases are not unique on purpose: inner ones hide outer ones."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def query(self) -> tuple[str, bool]:
        """The SQL, and whether its order is total."""
        types = [self.type() for _ in range(self.random.randint(1, 3))]
        sql = self.rows(2, [], types)
        ordered = self.chance(0.35)
        if ordered:
            sql = f"SELECT * FROM ({sql}) AS q ORDER BY {self.order(len(types), 'q')}"
            sql += self.pick("", " LIMIT 3", " LIMIT 4 OFFSET 1", " OFFSET 2")
        return sql, ordered

    def order(self, columns: int, source: str) -> str:
        places = list(range(columns))
        self.random.shuffle(places)
        return ", ".join(
            f"{source}.c{each}{self.pick('', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST')}" for each in places
        )

    # -- rows -----------------------------------------------------------------------------------------------------

    def rows(self, depth: int, outer: list[Column], types: list[str]) -> str:
        if depth > 0 and self.chance(0.2):
            word = self.pick("UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL")
            left, right = self.select(depth - 1, outer, types), self.rows(depth - 1, outer, types)
            return f"{left} {word} ({right})"
        return self.select(depth, outer, types)

    def select(self, depth: int, outer: list[Column], types: list[str]) -> str:
        source, columns = self.sources(depth, outer)
        inner = self.hiding(outer, columns)
        where = f" WHERE {self.condition(depth, columns, inner)}" if self.chance(0.45) else ""
        if self.chance(0.35):
            return self.grouped(depth, source + where, columns, inner, types)
        items = ", ".join(f"{self.value(t, depth, columns, inner)} AS c{n}" for n, t in enumerate(types))
        return f"SELECT {self.pick('', '', 'DISTINCT ')}{items} FROM {source}{where}"

    def grouped(self, depth: int, source: str, columns: list[Column], outer: list[Column], types: list[str]) -> str:
        keys = [self.random.choice(columns) for _ in range(self.random.randint(0, 2))]
        cells = []
        for number, type_ in enumerate(types):
            fitting = [key.text for key in keys if key.type == type_]
            cell = self.random.choice(fitting) if fitting and self.chance(0.6) else self.aggregate(type_, columns)
            cells.append(f"{cell} AS c{number}")
        by = f" GROUP BY {', '.join(key.text for key in keys)}" if keys else ""
        having = f" HAVING {self.aggregate(NUMBER, columns)} > {self.literal(NUMBER)}" if self.chance(0.3) else ""
        if keys and depth > 0 and self.chance(0.2):
            having = f" HAVING {self.exists(depth, keys)}"
        return f"SELECT {', '.join(cells)} FROM {source}{by}{having}"

    def sources(self, depth: int, outer: list[Column]) -> tuple[str, list[Column]]:
        names = ["x", "y", "z"]
        text, columns = self.source(depth, names[0])
        for name in names[1 : self.pick(1, 1, 2, 2, 3)]:
            item, added = self.source(depth, name)
            before, columns = columns, columns + added
            kind = self.pick("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
            text = f"{text} {kind} {item}"
            if kind != "CROSS JOIN":
                text += f" ON {self.joining(kind, before, added, columns)}"
        return text, columns

    def source(self, depth: int, alias: str) -> tuple[str, list[Column]]:
        if depth > 0 and self.chance(0.25):
            types = [NUMBER, self.type()]
            inner = self.rows(depth - 1, [], types)
            if self.chance(0.3):
                inner = f"SELECT * FROM ({inner}) AS s ORDER BY {self.order(len(types), 's')} LIMIT 3"
            return f"({inner}) AS {alias}", [Column(f"{alias}.c{n}", t) for n, t in enumerate(types)]
        table = "nothing" if self.chance(0.04) else self.random.choice([each for each in SCHEMA if each != "nothing"])
        return f"{table} AS {alias}", [Column(f"{alias}.{name}", type_) for name, type_ in SCHEMA[table].items()]

    def joining(self, kind: str, before: list[Column], added: list[Column], both: list[Column]) -> str:
        left, right = self.numeric(before), self.numeric(added)
        text = f"{left} = {right}" if self.chance(0.5) else f"{right} = {left}"
        if kind != "FULL JOIN" and self.chance(0.3):
            text += f" AND {self.simple(both)}"
        return text

    def numeric(self, columns: list[Column]) -> str:
        return self.random.choice([each.text for each in columns if each.type == NUMBER])

    # -- conditions -----------------------------------------------------------------------------------------------

    def condition(self, depth: int, columns: list[Column], outer: list[Column]) -> str:
        if self.chance(0.28):
            word = self.pick(" AND ", " OR ")
            return "(" + word.join(self.condition(depth, columns, outer) for _ in range(2)) + ")"
        if self.chance(0.15):
            return f"NOT {self.condition(depth, columns, outer)}"
        if depth > 0 and self.chance(0.35):
            return self.pick(self.exists, self.among)(depth, columns + outer)
        return self.simple(columns + outer)

    def exists(self, depth: int, outer: list[Column]) -> str:
        return f"{self.pick('', 'NOT ')}EXISTS ({self.correlated(depth - 1, outer, [NUMBER])})"

    def among(self, depth: int, outer: list[Column]) -> str:
        type_ = self.pick(NUMBER, NUMBER, TEXT)
        value = self.value(type_, 0, outer, [])
        return f"{value} {self.pick('', 'NOT ')}IN ({self.correlated(depth - 1, outer, [type_])})"

    def correlated(self, depth: int, outer: list[Column], types: list[str]) -> str:
        return self.rows(depth, outer if self.chance(0.6) else [], types)

    def simple(self, columns: list[Column]) -> str:
        type_ = self.pick(NUMBER, NUMBER, TEXT)
        left = self.value(type_, 0, columns, [])
        match self.random.randrange(7):
            case 0:
                return f"{left} IS {self.pick('', 'NOT ')}NULL"
            case 1:
                options = ", ".join([self.literal(type_), self.pick(self.literal(type_), "NULL")])
                return f"{left} {self.pick('', 'NOT ')}IN ({options})"
            case 2 if type_ == NUMBER:
                return f"{left} {self.pick('', 'NOT ')}BETWEEN {self.literal(NUMBER)} AND {self.literal(NUMBER)}"
            case 3:
                return f"{left} IS {self.pick('', 'NOT ')}DISTINCT FROM {self.value(type_, 0, columns, [])}"
            case 4 if any(each.type == BOOL for each in columns):
                return self.random.choice([each.text for each in columns if each.type == BOOL])
            case _:
                operator = self.pick("=", "<>", "<", "<=", ">", ">=")
                return f"{left} {operator} {self.value(type_, 0, columns, [])}"

    # -- values ---------------------------------------------------------------------------------------------------

    def value(self, type_: str, depth: int, columns: list[Column], outer: list[Column]) -> str:
        fitting = [each.text for each in columns + outer if each.type == type_]
        if depth > 0 and self.chance(0.12):
            return f"({self.scalar(depth, columns + outer, type_)})"
        if not fitting or self.chance(0.2):
            return self.literal(type_)
        one = self.random.choice(fitting)
        if type_ == NUMBER and self.chance(0.25):
            return self.pick(f"({one} + {self.literal(NUMBER)})", f"ABS({one})", f"(-{one})", f"COALESCE({one}, 0)")
        if type_ == TEXT and self.chance(0.2):
            return self.pick(f"COALESCE({one}, 'none')", f"CASE WHEN {one} = 'p' THEN 'is' ELSE {one} END")
        return one

    def scalar(self, depth: int, outer: list[Column], type_: str) -> str:
        source, columns = self.sources(depth - 1, [])
        inner = self.hiding(outer, columns)
        where = f" WHERE {self.condition(depth - 1, columns, inner)}" if self.chance(0.8) else ""
        return f"SELECT {self.aggregate(type_, columns)} FROM {source}{where}"

    def aggregate(self, type_: str, columns: list[Column]) -> str:
        fitting = [each.text for each in columns if each.type == type_]
        if type_ == BOOL:
            return f"{self.pick('BOOL_AND', 'BOOL_OR')}({self.random.choice(fitting) if fitting else 'TRUE'})"
        one = self.random.choice(fitting) if fitting else self.literal(type_)
        filtered = f" FILTER (WHERE {self.simple(columns)})" if self.chance(0.2) else ""
        if type_ == TEXT:
            return f"{self.pick('MIN', 'MAX')}({one}){filtered}"
        calls = ("COUNT(*)", f"COUNT({one})", f"COUNT(DISTINCT {one})", f"SUM({one})", f"SUM(DISTINCT {one})")
        return f"{self.pick(*calls, f'AVG({one})', f'MIN({one})', f'MAX({one})')}{filtered}"

    # -- choices --------------------------------------------------------------------------------------------------

    def hiding(self, outer: list[Column], inner: list[Column]) -> list[Column]:
        """The outer columns that the inner sources' aliases leave visible."""
        hidden = {each.text.split(".")[0] for each in inner}
        return [each for each in outer if each.text.split(".")[0] not in hidden]

    def literal(self, type_: str) -> str:
        return self.random.choice(LITERALS[type_])

    def type(self) -> str:
        return self.pick(NUMBER, NUMBER, NUMBER, TEXT, BOOL)

    def pick(self, *options):  # type: ignore[no-untyped-def]
        return self.random.choice(options)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability
