"""COUNT and SUM by group in Pathway (PyPI ``pathway``), fed from the same change stream; prints the seconds."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pathway as pw
from bson.timestamp import Timestamp
from pymongo import MongoClient


class Source(pw.io.python.ConnectorSubject):  # type: ignore[misc]
    def __init__(self, uri: str, database: str, start: Timestamp, events: int) -> None:
        super().__init__()
        self._place = (uri, database, start, events)

    def run(self) -> None:
        uri, database, start, events = self._place
        client = MongoClient[dict[str, Any]](uri)
        with client[database].src.watch(start_at_operation_time=start) as stream:
            for seen, event in enumerate(stream, 1):
                row = event["fullDocument"]
                self.next(g=row["g"], amount=row["amount"])
                if seen == events:
                    break
        client.close()


class Row(pw.Schema):  # type: ignore[misc]
    g: int
    amount: int


def main(uri: str, database: str, time_: int, inc: int, events: int, groups: int) -> None:
    table = pw.io.python.read(Source(uri, database, Timestamp(time_, inc), events), schema=Row)
    sums = table.groupby(pw.this.g).reduce(pw.this.g, n=pw.reducers.count(), total=pw.reducers.sum(pw.this.amount))
    counts: dict[int, int] = {}
    began = time.perf_counter()
    done = threading.Event()

    def on_change(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        if is_addition:
            counts[row["g"]] = row["n"]
            if row["n"] * groups >= events and sum(counts.values()) == events:
                done.set()

    pw.io.subscribe(sums, on_change=on_change)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    if not done.is_set():
        raise SystemExit(f"{sum(counts.values())} of {events} events counted")
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
