"""Rows that mostly come at the end and go from the beginning: what a batch writes of them is what it changed.

The last rows stand in the document of their cell. When these are many, or long, they move into pages: documents of
their own, which are written once, and deleted when all of their rows are gone. Of its pages the cell's document has
only the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import bson

from queryleaf_cdc.dataflow.pages import page_id
from queryleaf_cdc.dataflow.places import OPTIONS
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.state import StateChange
from queryleaf_cdc.values import Document

_PAGE = 64
"""Rows of a page, at most. As many in the cell's document move into pages."""
_BYTES = 1 << 15
"""The same for their length, encoded, and in the cell's document for all of its logs together; but a page has at least
one row, however long that is."""


class _Page:
    """Of ``size`` rows; before them stand ``skip`` that are gone."""

    __slots__ = ("changed", "number", "size", "skip")

    def __init__(self, number: int, size: int, skip: int = 0) -> None:
        self.number, self.size, self.skip = number, size, skip
        self.changed = False

    def grow(self, rows: int) -> None:
        self.size += rows
        self.changed = True


class RowLog:
    """``rows`` are all in memory. They may be added to at the end; all else is done to them here."""

    __slots__ = ("gone", "paged", "pages", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.paged = 0
        """how many of them, from the first one on, stand in pages"""
        self.pages: list[_Page] = []
        self.gone: list[int] = []
        """numbers of pages that are stored, and of no use any more"""

    def put(self, place: int, rows: list[Row]) -> None:
        self.rows[place:place] = rows
        if place < self.paged:
            self._put_into_page(place, len(rows))

    def drop(self, count: int) -> None:
        """The first rows."""
        del self.rows[:count]
        if self.paged:
            self._drop_from_pages(min(count, self.paged))

    def clear(self) -> None:
        self.drop(len(self.rows))

    def release(self) -> list[int]:
        """Numbers of all its pages, which are of no use any more: its rows go elsewhere."""
        numbers = [*self.gone, *(page.number for page in self.pages)]
        self.paged, self.pages, self.gone = 0, [], []
        return numbers

    def _put_into_page(self, place: int, size: int) -> None:
        start = self.paged
        for page in reversed(self.pages):
            start -= page.size
            if place >= start:
                page.grow(size)
                break
        self.paged += size

    def _drop_from_pages(self, count: int) -> None:
        self.paged -= count
        whole = 0
        for page in self.pages:
            if page.size > count:
                page.size -= count
                page.skip += count
                break
            count -= page.size
            self.gone.append(page.number)
            whole += 1
        del self.pages[:whole]


class PageWriter:
    """Writes the logs of one cell, once per batch: ``document`` of each of them, and then ``changes``."""

    def __init__(self, id: bytes, logs: Sequence[RowLog], gone: Iterable[int] = ()) -> None:
        self._id = id
        going = [*gone, *(number for log in logs for number in log.gone)]
        taken = [*going, *(page.number for log in logs for page in log.pages)]
        self._numbers = count(max(taken, default=-1) + 1)
        self._room = _BYTES
        self.changes = [StateChange(page_id(id, number), None, False) for number in going]
        """of pages"""
        for log in logs:
            log.gone.clear()

    def document(self, log: RowLog) -> Document:
        """``t`` the last rows; ``p`` the pages before them, as (first number, how many); ``s`` how many rows of the
        first page are gone. What is not there is left out."""
        encoded = self._tail(log)
        if any(page.changed for page in log.pages):
            log.pages = list(self._cut_anew(log))
        document: Document = {"t": encoded} if encoded else {}
        if log.pages:
            document["p"] = _runs(page.number for page in log.pages)
        if log.pages and log.pages[0].skip:
            document["s"] = log.pages[0].skip
        return document

    def _tail(self, log: RowLog) -> bytes:
        """The rows that stay in the cell's document, encoded; the others move into pages."""
        rows = log.rows[log.paged :]
        if not rows:
            return b""
        encoded = _encoded(rows) if len(rows) < _PAGE else None
        if encoded is not None and len(encoded) <= self._room:
            self._room -= len(encoded)
            return encoded
        is_small = encoded is not None and len(encoded) <= _BYTES
        if is_small and log.pages and log.pages[-1].size + len(rows) <= _PAGE:
            log.pages[-1].grow(len(rows))
        else:
            log.pages += [self._new_page(*piece) for piece in _pieces(rows)]
        log.paged = len(log.rows)
        return b""

    def _cut_anew(self, log: RowLog) -> Iterator[_Page]:
        """The log's pages, with those that changed written."""
        start = 0
        for page in log.pages:
            end = start + page.size
            if not page.changed:
                yield page
            else:
                (size, encoded), *others = _pieces(log.rows[start:end])
                self.changes.append(StateChange(page_id(self._id, page.number), {"r": encoded}, False))
                yield _Page(page.number, size)
                yield from [self._new_page(*piece) for piece in others]
            start = end

    def _new_page(self, size: int, encoded: bytes) -> _Page:
        page = _Page(next(self._numbers), size)
        self.changes.append(StateChange(page_id(self._id, page.number), {"r": encoded}, True))
        return page


def pages_of(id: bytes, document: Document) -> list[bytes]:
    """The ids of the pages that a log's document names."""
    return [page_id(id, number) for first, many in document.get("p", ()) for number in range(first, first + many)]


def read_log(id: bytes, document: Document, found: Mapping[bytes, Document]) -> RowLog:
    """From its document and its pages."""
    log = RowLog()
    skip = document.get("s", 0)
    for first, many in document.get("p", ()):
        for number in range(first, first + many):
            rows = _decoded(found[page_id(id, number)]["r"])[skip:]
            log.rows += rows
            log.pages.append(_Page(number, len(rows), skip))
            skip = 0
    log.paged = len(log.rows)
    if "t" in document:
        log.rows += _decoded(document["t"])
    return log


def _pieces(rows: list[Row]) -> Iterator[tuple[int, bytes]]:
    """(how many, encoded) of the rows of one page after the other."""
    if len(rows) <= _PAGE:
        encoded = _encoded(rows)
        if len(encoded) <= _BYTES or len(rows) == 1:
            yield len(rows), encoded
            return
    half = len(rows) // 2
    yield from _pieces(rows[:half])
    yield from _pieces(rows[half:])


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers that follow each other as (first one, how many)."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    return runs


def _encoded(rows: list[Row]) -> bytes:
    return bson.encode({"": rows})


def _decoded(rows: bytes) -> list[Row]:
    found: list[Any] = bson.decode(rows, OPTIONS)[""]
    return list(map(tuple, found))
