"""What a dataflow that works in a lane, and keeps its state there, is to the lane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from queryleaf_cdc.dataflow.flow import StreamFlow
from queryleaf_cdc.dataflow.operator import TooMuchAtOnce
from queryleaf_cdc.dataflow.view import ViewDataflow
from queryleaf_cdc.errors import ServerError
from queryleaf_cdc.mongo.faults import BatchTooLarge, Unreachable
from queryleaf_cdc.mongo.view_state import MongoStateStore
from queryleaf_cdc.runtime.feeds import ViewFeed

_UNREACHABLE = "QL503"


class Compiled(Protocol):
    @property
    def feeds(self) -> Mapping[int, ViewFeed]:
        """Its scans in the stream, by Scan.number."""


class Computing:
    """``compiled`` is what a program has of it; caches outlive the program. A step is kept or undone with the batch's
    transaction.

    ``passed`` is the clock of streams: no later change was committed before it."""

    def __init__(self, compiled: Compiled, store: MongoStateStore, flow: ViewDataflow | StreamFlow) -> None:
        self.compiled = compiled
        self.store = store
        self._passed = self._seen = datetime.min
        self._dataflow = flow
        self._stepped = False
        self.late: int | None = None
        """rows that were left out so far; None before the first step"""

    @property
    def closes_at(self) -> datetime | None:
        """When rows of a stream come by themselves, the next time: once the clock of streams has got there."""
        return self._dataflow.closes_at

    @property
    def passed(self) -> datetime:
        return max(self._passed, self._seen)

    def pass_time(self, moment: datetime) -> None:
        self._passed = max(self._passed, moment)

    def see_time(self, moment: datetime) -> None:
        """What the batch's changes tell. It passes when they are committed: of a batch that fails, a part may come
        next."""
        self._seen = moment

    def is_closing_before(self) -> bool:
        """Whether rows come of the time that the batch's changes tell, which passes now, before these: none of them
        is before it."""
        self._passed = self.passed
        return self.is_closing

    @property
    def is_closing(self) -> bool:
        """Whether rows of a stream are to come, be there changes or not."""
        due = self.closes_at
        return due is not None and due <= self.passed

    @property
    def collections(self) -> frozenset[str]:
        """whose changes it reads from the stream"""
        return frozenset(feed.scan.collection for feed in self.compiled.feeds.values())

    def has_rows(self) -> bool:
        return any(feed.rows for feed in self.compiled.feeds.values())

    def clear(self) -> None:
        self._seen = datetime.min
        for feed in self.compiled.feeds.values():
            if feed.rows:
                feed.rows = []

    def commit(self) -> None:
        self._passed = self.passed
        if self._stepped:
            self._stepped = False
            self.store.is_empty = False
            self._dataflow.commit()

    def rollback(self) -> None:
        if self._stepped:
            self._stepped = False
            self._dataflow.rollback()


@contextmanager
def computing_faults() -> Iterator[None]:
    """What a step meets as faults of the worker."""
    try:
        yield
    except TooMuchAtOnce as error:
        raise BatchTooLarge(str(error)) from error
    except ServerError as error:  # of a lookup
        if error.code == _UNREACHABLE:
            raise Unreachable(str(error)) from error
        raise
