"""Random triggers and random histories of changes, by seed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from bson import Decimal128, Int64

FIELDS = ("a", "b", "s", "t", "n.x", "l[0].k")
_LITERALS = ("0", "1", "2.5", "-3", "'x'", "'yes'", "''", "'2025-03-01'", "TRUE", "NULL", "10")


class Triggers:
    """Draws trigger bodies. All they need is ``random.Random``; the same seed gives the same SQL."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.actions = 0

    def trigger(self, name: str, collection: str) -> str:
        pick = self.random
        events = pick.sample(["INSERT", "UPDATE", "DELETE"], pick.randint(1, 3))
        if "UPDATE" in events and pick.random() < 0.2:
            events[events.index("UPDATE")] = f"UPDATE OF {pick.choice(['a', 's', 'n'])}"
        when = f"\nWHEN ({self.condition(2)})" if pick.random() < 0.3 else ""
        return f"CREATE TRIGGER {name} AFTER {' OR '.join(events)} ON {collection}{when}\nBEGIN\n{self.body(3)}END;"

    def body(self, depth: int) -> str:
        return "".join(self.statement(depth) for _ in range(self.random.randint(1, 3)))

    def statement(self, depth: int) -> str:
        kind = self.random.random()
        if depth > 0 and kind < 0.45:
            return self.branches(depth)
        if kind < 0.52:
            return f"IF {self.condition(1)} THEN RETURN; END IF;\n"
        if kind < 0.56:
            return f"IF {self.condition(1)} THEN RAISE 'no %', {self.value(1)}; END IF;\n"
        return self.action()

    def branches(self, depth: int) -> str:
        parts = [f"IF {self.condition(2)} THEN\n{self.body(depth - 1)}"]
        for _ in range(self.random.randint(0, 2)):
            parts.append(f"ELSIF {self.condition(2)} THEN\n{self.body(depth - 1)}")
        if self.random.random() < 0.3:
            parts.append(f"ELSE\n{self.body(depth - 1)}")
        return "".join(parts) + "END IF;\n"

    def action(self) -> str:
        self.actions += 1
        mark = self.actions
        match self.random.randint(0, 4):
            case 0 | 1:
                return f"INSERT INTO out (mark, u, v) VALUES ({mark}, {self.value(2)}, {self.value(2)});\n"
            case 2:
                return f"UPDATE other SET q = q + {self.value(1)}, m = {mark} WHERE k = {self.value(1)};\n"
            case 3:
                return f"CALL NOTE({mark}, {self.value(2)});\n"
            case _:
                return f"DELETE FROM other WHERE k = {self.value(1)} AND z > {self.value(1)};\n"

    def condition(self, depth: int) -> str:
        pick = self.random
        if depth > 0 and pick.random() < 0.5:
            inner = [self.condition(depth - 1) for _ in range(pick.randint(2, 3))]
            joined = f" {pick.choice(['AND', 'OR'])} ".join(f"({each})" for each in inner)
            return f"NOT ({joined})" if pick.random() < 0.2 else joined
        match pick.randint(0, 9):
            case 0:
                return f"TRIGGER_ACTION {pick.choice(['=', '<>'])} '{pick.choice(['INSERT', 'UPDATE', 'DELETE'])}'"
            case 1:
                return f"{self.field()} IS {pick.choice(['', 'NOT '])}NULL"
            case 2:
                return f"{self.field()} {pick.choice(['', 'NOT '])}IN ({', '.join(pick.sample(_LITERALS, 3))})"
            case 3:
                return f"{self.field()} BETWEEN {pick.choice(_LITERALS)} AND {pick.choice(_LITERALS)}"
            case 4:
                return f"OLD.{pick.choice(FIELDS)} IS DISTINCT FROM NEW.{pick.choice(FIELDS)}"
            case 5:
                return f"{self.field()} LIKE '{pick.choice(['x%', '%e%', '_', 'yes', '%'])}'"
            case 6:
                return f"FIELD_EXISTS({pick.choice(['NEW', 'OLD'])}.{pick.choice(['a', 's', 'n.x'])})"
            case _:
                operator = pick.choice(["=", "<>", "<", "<=", ">", ">="])
                return f"{self.value(1)} {operator} {self.value(1)}"

    def field(self) -> str:
        return f"{self.random.choice(['NEW', 'NEW', 'OLD'])}.{self.random.choice(FIELDS)}"

    def value(self, depth: int) -> str:
        pick = self.random
        if depth > 0 and pick.random() < 0.3:
            left, right = self.value(depth - 1), self.value(depth - 1)
            return pick.choice(
                [
                    f"({left} + {right})",
                    f"({left} * {right})",
                    f"COALESCE({left}, {right})",
                    f"CASE WHEN {self.condition(0)} THEN {left} ELSE {right} END",
                    f"({left} || {right})",
                    f"LENGTH({left})",
                ]
            )
        return self.field() if pick.random() < 0.65 else pick.choice(_LITERALS)


class History:
    """Draws documents and changes of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self) -> Any:
        pick = self.random
        return pick.choice(
            [
                0, 1, 2, 10, -3, Int64(1), 2.5, 1.0, float("nan"), Decimal128("2.5"), "x", "yes", "", "xyz",
                "2025-03-01",
                True, False, None, datetime(2025, 3, 1), datetime(2025, 3, 1) + timedelta(days=pick.randint(0, 3)),
                [], [1], ["x"], [None], {"k": 1}, {"x": "x"},
            ]
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        pick = self.random
        found: dict[str, Any] = {name: self.value() for name in ("a", "b", "s", "t") if pick.random() < 0.85}
        if pick.random() < 0.7:
            found["n"] = pick.choice([{"x": self.value()}, {}, None, [{"x": 1}, {"x": "x"}, {}], 5])
        if pick.random() < 0.7:
            found["l"] = pick.choice([[{"k": self.value()}], [], [1], {"k": 1}, None])
        return found

    def apply(self, collection: Any, steps: int) -> None:
        """Inserts, updates, replaces and deletes."""
        known: list[Any] = []
        for _ in range(steps):
            kind = self.random.random()
            if not known or kind < 0.45:
                known.append(collection.insert_one(self.document()).inserted_id)
            elif kind < 0.7:
                names = self.random.sample(["a", "b", "s", "t", "n", "l"], self.random.randint(1, 3))
                change: dict[str, Any] = {"$set": {name: self.document().get(name) for name in names}}
                collection.update_one({"_id": self.random.choice(known)}, change)
            elif kind < 0.85:
                collection.replace_one({"_id": self.random.choice(known)}, self.document())
            else:
                collection.delete_one({"_id": known.pop(self.random.randrange(len(known)))})
