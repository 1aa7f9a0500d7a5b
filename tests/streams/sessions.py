"""Random GROUP BY SESSION over streams: what DuckDB is asked, and how sessions come about, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.streams.changes import History
from tests.streams.queries import Question

_AGGREGATES = ("COUNT(*)", "COUNT(v)", "SUM(v)", "AVG(x)", "MIN(v)", "MAX(x)", "COUNT(DISTINCT v)")


def draw_sessions(random: Random) -> Question:
    """By the time of the commits."""
    gap = f"INTERVAL '{random.choice((1, 5, 20, 40))} seconds'"
    keys = random.choice(([], ["k"], ["k", "op"]))
    aggregates = [f"{each} AS g{at}" for at, each in enumerate(random.sample(_AGGREGATES, random.choice((1, 2, 3))))]
    where = random.choice(("", "v > 3"))
    having = random.choice(("", " HAVING COUNT(*) > 1"))
    mine_keys = ["CHANGE_TYPE()" if key == "op" else key for key in keys]
    listed = [f"{key} AS {name}" for key, name in zip(mine_keys, keys, strict=True)]
    mine = (
        f"SELECT {', '.join(['window_start AS first', 'window_end AS past', *listed, *aggregates])} FROM a"
        f" WHERE CHANGE_DETECTED(){f' AND {where}' if where else ''}"
        f" GROUP BY {', '.join([f'SESSION(CHANGE_TIMESTAMP(), {gap})', *mine_keys])}{having}"
    )
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    window = f"OVER ({partition}ORDER BY seq)"
    rows = f"SELECT *, LAG(ts) {window} AS before FROM a{f' WHERE {where}' if where else ''}"
    numbered = f"SELECT *, COUNT(*) FILTER (WHERE before IS NULL OR ts >= before + {gap}) {window} AS s FROM ({rows})"
    theirs = (
        f"SELECT {', '.join([f'MIN(ts) AS first, MAX(ts) + {gap} AS past', *keys, *aggregates])} FROM ({numbered})"
        f" GROUP BY {', '.join(['s', *keys])}{having}"
    )
    return Question(mine, theirs)


@dataclass
class Session:
    key: Any
    start: datetime
    end: datetime
    rows: list[tuple[int, Any]] = field(default_factory=list)


@dataclass
class Sessions:
    """By the column ``t`` and the key ``k``, as the documentation tells it."""

    gap: timedelta
    open: list[Session] = field(default_factory=list)
    ended: list[Session] = field(default_factory=list)
    late: int = 0
    given_out: datetime = datetime.min

    def batch(self, history: History, seqs: Sequence[int], now: datetime) -> None:
        """Changes of the collection ``a`` come, and then it is ``now``."""
        for _, seq, _, _, _, k, v, _, t in (history.rows[seq] for seq in seqs if history.rows[seq][0] == "a"):
            self._row(Session(k, t, t + self.gap, [(seq, v)]))
        gone = [each for each in self.open if each.end <= now]
        self.open = [each for each in self.open if each.end > now]
        self.ended += gone
        self.given_out = now if gone else self.given_out

    def _row(self, own: Session) -> None:
        touched = [each for each in self.open if each.key == own.key and each.start < own.end and own.start < each.end]
        if not touched and own.end <= self.given_out:
            self.late += 1
            return
        parts = [*touched, own]
        whole = Session(own.key, min(each.start for each in parts), max(each.end for each in parts))
        whole.rows = [row for each in parts for row in each.rows]
        self.open = [each for each in self.open if each not in touched] + [whole]
