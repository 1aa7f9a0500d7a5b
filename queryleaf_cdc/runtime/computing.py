"""What a dataflow that works in a lane, and keeps its state there, is to the lane."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from queryleaf_cdc.dataflow.flow import StreamFlow
from queryleaf_cdc.dataflow.view import ViewDataflow
from queryleaf_cdc.mongo.view_state import MongoStateStore
from queryleaf_cdc.runtime.feeds import ViewFeed


class Compiled(Protocol):
    @property
    def feeds(self) -> Mapping[int, ViewFeed]:
        """Its scans in the stream, by Scan.number."""


class Computing:
    """``compiled`` is what a program has of it; caches outlive the program. A step is kept or undone with the batch's
    transaction."""

    def __init__(self, compiled: Compiled, store: MongoStateStore, flow: ViewDataflow | StreamFlow) -> None:
        self.compiled = compiled
        self.store = store
        self._dataflow = flow
        self._stepped = False

    @property
    def next_due(self) -> datetime | None:
        """When rows come or go by themselves, the next time: by the clock that it steps with."""
        return self._dataflow.next_due

    @property
    def collections(self) -> frozenset[str]:
        """whose changes it reads from the stream"""
        return frozenset(feed.scan.collection for feed in self.compiled.feeds.values())

    def has_rows(self) -> bool:
        return any(feed.rows for feed in self.compiled.feeds.values())

    def clear(self) -> None:
        for feed in self.compiled.feeds.values():
            if feed.rows:
                feed.rows = []

    def commit(self) -> None:
        if self._stepped:
            self._stepped = False
            self.store.is_empty = False
            self._dataflow.commit()

    def rollback(self) -> None:
        if self._stepped:
            self._stepped = False
            self._dataflow.rollback()
