"""Writes Nexmark events into a database at a given rate: ``python examples/nexmark/load.py --uri mongodb://...``."""

from __future__ import annotations

import argparse
import time
from itertools import groupby
from operator import itemgetter

from events import Document, Stream, side_input
from pymongo import MongoClient
from pymongo.database import Database

SLICE = 0.1
"""seconds between two writes"""


def main() -> None:
    options = _options()
    database: Database[Document] = MongoClient(options.uri)[options.db]
    if not database["side_input"].find_one():
        database["side_input"].insert_many(side_input())
    stream, at_once = Stream(options.seed, options.rate), max(1, round(options.rate * SLICE))
    began = time.monotonic()
    for first in range(options.first, options.first + options.events, at_once):
        events = list(stream.events(first, min(first + at_once, options.first + options.events)))
        for collection, several in groupby(sorted(events, key=itemgetter(0)), itemgetter(0)):
            database[collection].insert_many([document for _, document in several])
        done = first + len(events) - options.first
        time.sleep(max(0.0, began + done / options.rate - time.monotonic()))
    print(f"{options.events} events in {time.monotonic() - began:.1f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", default="mongodb://localhost:27017")
    parser.add_argument("--db", default="test")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first event, to go on where a run ended")
    parser.add_argument("--rate", type=float, default=1_000, help="events per second")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
