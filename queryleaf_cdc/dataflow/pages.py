"""A page of an arrangement: a run of places with the rows that stand there."""

from __future__ import annotations

from queryleaf_cdc.dataflow.places import Order, read
from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.values import Document


class Page:
    """Places in order, with their rows, weights, and marks (a number that the operator keeps beside each)."""

    __slots__ = (
        "bytes",
        "changed",
        "encoded",
        "is_stored",
        "low",
        "marks",
        "number",
        "places",
        "rows",
        "size",
        "total",
        "weights",
    )

    def __init__(self, number: int, low: bytes, size: int = 0, total: int = 0, loaded: bool = True) -> None:
        self.number = number
        self.low = low
        self.size = size
        """places"""
        self.total = total
        """sum of the weights"""
        self.bytes = 0
        """length of the encoded rows"""
        self.places: list[bytes] = []
        self.rows: list[Row] = []
        self.encoded: list[bytes] = []
        self.weights: list[int] = []
        self.marks: list[int] = []
        self.is_stored = not loaded
        self.changed = False

    @property
    def is_loaded(self) -> bool:
        return len(self.places) == self.size

    def fill(self, document: Document, order: Order) -> None:
        stored: bytes = document["r"]
        self.places, self.rows, self.encoded = read(stored, order)
        self.bytes = len(stored)
        self.weights = list(document.get("w") or [1] * len(self.rows))
        self.marks = list(document.get("m") or [0] * len(self.rows))

    def document(self) -> Document:
        found: Document = {"r": b"".join(self.encoded)}
        if self.total != self.size:
            found["w"] = list(self.weights)
        if any(self.marks):
            found["m"] = list(self.marks)
        return found

    def cut(self, number: int) -> Page:
        """Its upper half, as a page of its own."""
        half = self.size // 2
        upper = Page(number, _separator(self.places[half - 1], self.places[half]))
        for name in ("places", "rows", "encoded", "weights", "marks"):
            values = getattr(self, name)
            setattr(upper, name, values[half:])
            del values[half:]
        upper.size, upper.total = len(upper.places), sum(upper.weights)
        upper.bytes = sum(map(len, upper.encoded))
        self.bytes -= upper.bytes
        self.size, self.total = len(self.places), self.total - upper.total
        upper.changed = self.changed = True
        return upper


def page_id(id: bytes, number: int) -> bytes:
    """Of the cell with this id."""
    return id + b"\xff" + number.to_bytes(4, "big")


def _separator(below: bytes, above: bytes) -> bytes:
    """The shortest start of ``above`` that comes after ``below``: directories stay small."""
    pairs = zip(below, above, strict=False)
    return above[: next((at for at, (a, b) in enumerate(pairs) if a != b), len(below)) + 1]
