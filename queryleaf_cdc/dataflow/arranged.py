"""The rows of one key in order, in pages of which only those are in memory that were wanted.

The first document of a key holds either all its rows, or the directory of its pages: from which place on, how many
places, how many rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from queryleaf_cdc.dataflow.pages import Page, page_id
from queryleaf_cdc.dataflow.places import Order, encoded_in, placed
from queryleaf_cdc.dataflow.rows import Row, exact
from queryleaf_cdc.dataflow.state import NegativeWeight, StateChange, StateStore
from queryleaf_cdc.values import Document

_PAGE = 32
"""Places of a page, or as many as there are pages (a change writes a page and the directory). One with twice as many is
cut in two, and so is one of more than ``_BYTES``."""

_BYTES = 1 << 20

_low = attrgetter("low")


class Arranged:
    """The rows of one key."""

    __slots__ = ("_id", "_next", "_order", "_removed", "_store", "memo", "pages")

    def __init__(self, id: bytes, store: StateStore, order: Order) -> None:
        self._id = id
        self._store = store
        self._order = order
        self._next = 1
        self._removed: list[int] = []
        """numbers of stored pages that are empty now"""
        self.pages: list[Page] = [Page(0, b"")]
        self.memo: Any = None
        """What the operator has worked out from the rows as they are; lost when they leave memory or roll back."""

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def is_loaded(self) -> bool:
        """Whether all its rows are in memory."""
        pages = self.pages
        return pages[0].number == 0 or all(page.is_loaded for page in pages)

    @property
    def total(self) -> int:
        """How many rows, duplicates counted."""
        return sum(page.total for page in self.pages)

    @property
    def size(self) -> int:
        """How many places."""
        return sum(page.size for page in self.pages)

    @property
    def in_memory(self) -> int:
        """Places in memory; of pages that are not, 1 each."""
        first = self.pages[0]
        return first.size if first.number == 0 else sum([len(page.places) or 1 for page in self.pages])

    def weighted(self) -> list[tuple[Row, int]]:
        """All rows with their weights, in order."""
        page = self.pages[0]
        if page.number == 0:
            return list(zip(page.rows, page.weights, strict=True))
        return [(row, weight) for _, row, weight in self.entries()]

    def entries(self, start: bytes = b"") -> Iterator[tuple[bytes, Row, int]]:
        """(place, row, weight) in order, from a place on."""
        for index in range(self._page_at(start), len(self.pages)):
            page = self._loaded(self.pages[index])
            for at in range(bisect_left(page.places, start), page.size):
                yield page.places[at], page.rows[at], page.weights[at]

    def backwards(self, end: bytes | None = None) -> Iterator[tuple[bytes, Row, int]]:
        """(place, row, weight) from the last one before ``end`` down."""
        last = len(self.pages) - 1 if end is None else self._page_at(end)
        for index in range(last, -1, -1):
            page = self._loaded(self.pages[index])
            top = page.size if end is None else bisect_left(page.places, end)
            for at in range(top - 1, -1, -1):
                yield page.places[at], page.rows[at], page.weights[at]

    def before(self, place: bytes) -> int:
        """How many rows, duplicates counted, stand before a place."""
        at = self._page_at(place)
        page = self._loaded(self.pages[at])
        inside = sum(page.weights[: bisect_left(page.places, place)])
        return sum(each.total for each in self.pages[:at]) + inside

    def from_position(self, position: int) -> Iterator[tuple[bytes, Row, int]]:
        """(place, row, weight) from the row with this number (from 0) on; its weight is what is left from there."""
        for index, page in enumerate(self.pages):
            if position >= page.total:
                position -= page.total
                continue
            self._loaded(page)
            for at in range(page.size):
                weight = page.weights[at]
                if position >= weight:
                    position -= weight
                    continue
                yield page.places[at], page.rows[at], weight - position
                position = 0
            for later in self.pages[index + 1 :]:
                self._loaded(later)
                yield from zip(later.places, later.rows, later.weights, strict=True)
            return

    def first_place(self) -> bytes | None:
        for place, _, _ in self.entries():
            return place
        return None

    def weight(self, place: bytes) -> int:
        page, at = self._find(place)
        return page.weights[at] if at is not None else 0

    # -- changing --------------------------------------------------------------------------------------------------

    def add(self, row: Row, weight: int) -> tuple[int, int]:
        """Adds to the row's weight; (weight before, after). Raises NegativeWeight."""
        return self.add_at(placed(self._order(row), exact(row)), row, weight)

    def add_at(self, place: bytes, row: Row, weight: int) -> tuple[int, int]:
        """The same for one who knows the row's place."""
        index = self._page_at(place)
        page = self._loaded(self.pages[index])
        at = bisect_left(page.places, place)
        if at < page.size and page.places[at] == place:
            before = page.weights[at]
            after = before + weight
            if after < 0:
                raise NegativeWeight(repr(row))
            page.changed = True
            page.total += weight
            if after:
                page.weights[at] = after
            else:
                self._remove(index, at)
            return before, after
        if weight < 0:
            raise NegativeWeight(repr(row))
        if weight:
            self._insert(index, at, place, row, weight)
        return 0, weight

    def mark(self, place: bytes) -> int:
        page, at = self._find(place)
        return page.marks[at] if at is not None else 0

    def set_mark(self, place: bytes, mark: int) -> None:
        """The place must be there."""
        page, at = self._find(place)
        assert at is not None
        page.marks[at] = mark
        page.changed = True

    def wanted(self, places: Iterable[bytes]) -> set[int]:
        """The numbers of the pages at these places that are not in memory."""
        return {page.number for page in (self.pages[self._page_at(place)] for place in places) if not page.is_loaded}

    def wanted_between(self, start: bytes = b"", end: bytes | None = None) -> set[int]:
        """The numbers of the pages that are not in memory and may hold places from ``start`` up to ``end``."""
        last = len(self.pages) - 1 if end is None else self._page_at(end)
        return {page.number for page in self.pages[self._page_at(start) : last + 1] if not page.is_loaded}

    def wanted_up_to(self, position: int) -> set[int]:
        """The numbers of the pages that are not in memory and hold rows up to the one with this number."""
        return {page.number for page in self._up_to(position) if not page.is_loaded}

    def wanted_at(self, position: int) -> set[int]:
        """The number of the page with the row of this number, if it is not in memory."""
        pages = self._up_to(position)
        return {page.number for page in pages[-1:] if not page.is_loaded}

    def give(self, numbers: Iterable[int], documents: Mapping[bytes, Document]) -> None:
        """Takes in pages that were read."""
        by_number = {page.number: page for page in self.pages}
        for number in numbers:
            by_number[number].fill(documents[self.page_id(number)], self._order)

    # -- storing ---------------------------------------------------------------------------------------------------

    def load(self, document: Document) -> None:
        self._next = document.get("next", 1)
        if "pages" not in document:
            page = Page(0, b"")
            page.fill(document, self._order)
            page.size, page.total = len(page.places), sum(page.weights)
            self.pages = [page]
            return
        self.pages = [Page(number, bytes(low), size, total, False) for low, number, size, total in document["pages"]]

    def changes(self, is_stored: bool) -> Iterator[StateChange]:
        if self.pages[0].number:
            self._drop_empty_pages()
        for number in self._removed:
            yield StateChange(self.page_id(number), None, False)
        if self.pages[0].number == 0:
            if self.pages[0].changed:
                empty = not self.pages[0].size
                if is_stored or not empty:
                    yield StateChange(self._id, None if empty else self._inline(), not is_stored)
            return
        for page in self.pages:
            if page.changed:
                yield StateChange(self.page_id(page.number), page.document(), not page.is_stored)
        yield StateChange(self._id, self._directory(), not is_stored)

    def stored(self) -> None:
        """Or nobody stores anything."""
        if self.pages[0].number:
            self._drop_empty_pages()
        self._removed.clear()
        for page in self.pages:
            if page.changed:
                page.changed = False
                page.is_stored = page.number > 0

    def page_id(self, number: int) -> bytes:
        return page_id(self._id, number)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _inline(self) -> Document:
        document = self.pages[0].document()
        if self._next > 1:
            document["next"] = self._next
        return document

    def _directory(self) -> Document:
        return {"pages": [[page.low, page.number, page.size, page.total] for page in self.pages], "next": self._next}

    def _page_at(self, place: bytes) -> int:
        if len(self.pages) == 1:
            return 0
        return max(bisect_right(self.pages, place, key=_low) - 1, 0)

    def _up_to(self, position: int) -> list[Page]:
        before = 0
        for index, page in enumerate(self.pages):
            before += page.total
            if before > position:
                return self.pages[: index + 1]
        return self.pages

    def _loaded(self, page: Page) -> Page:
        if not page.is_loaded:
            id = self.page_id(page.number)
            page.fill(self._store.load([id])[id], self._order)
        return page

    def _find(self, place: bytes) -> tuple[Page, int | None]:
        page = self._loaded(self.pages[self._page_at(place)])
        at = bisect_left(page.places, place)
        return page, at if at < page.size and page.places[at] == place else None

    def _insert(self, index: int, at: int, place: bytes, row: Row, weight: int) -> None:
        page = self.pages[index]
        page.places.insert(at, place)
        page.rows.insert(at, row)
        encoded = encoded_in(place)
        page.encoded.insert(at, encoded)
        page.weights.insert(at, weight)
        page.marks.insert(at, 0)
        page.size += 1
        page.total += weight
        page.bytes += len(encoded)
        page.changed = True
        if page.size >= 2 * max(_PAGE, len(self.pages)) or (page.bytes > _BYTES and page.size > 1):
            self._cut(index)

    def _cut(self, index: int) -> None:
        page = self.pages[index]
        if page.number == 0:  # it was the only one, in the first document itself
            page.number = self._take_number()
            page.is_stored = False
        self.pages.insert(index + 1, page.cut(self._take_number()))

    def _take_number(self) -> int:
        self._next += 1
        return self._next - 1

    def _remove(self, index: int, at: int) -> None:
        page = self.pages[index]
        page.bytes -= len(page.encoded[at])
        for values in (page.places, page.rows, page.encoded, page.weights, page.marks):
            del values[at]
        page.size -= 1
        page.changed = True

    def _drop_empty_pages(self) -> None:
        """Not before the batch is computed: their places would pass to pages that may not be in memory."""
        self._removed += [page.number for page in self.pages if not page.size and page.is_stored]
        self.pages = [page for page in self.pages if page.size]
        if not self.pages:
            self.pages = [Page(0, b"")]
            self.pages[0].changed = True
        self.pages[0].low = b""
