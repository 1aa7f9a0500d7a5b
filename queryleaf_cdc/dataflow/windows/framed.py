"""Aggregates over frames. Frames only ever move on: what enters is added, what leaves is taken away again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from queryleaf_cdc.dataflow.rows import Row
from queryleaf_cdc.dataflow.windows.frames import Bounds
from queryleaf_cdc.dataflow.windows.sequence import Sequence as Stretch
from queryleaf_cdc.values import Value


class Contents(Protocol):
    """What is in a frame. A new one is empty."""

    def add(self, items: Sequence[Any], weight: int) -> None:
        """Enter at the end (weight 1), or leave at the beginning (-1). None is an item that does not count."""


class FramedAggregate:
    """``read`` makes an item of each row, ``result`` the aggregate's value of what is in the frame."""

    def __init__(
        self,
        empty: Callable[[], Contents],
        read: Callable[[list[Row]], list[Any]],
        result: Callable[[Any], Value],
        frame: Bounds,
    ) -> None:
        self._empty, self._read, self._result, self._frame = empty, read, result, frame
        self.reach = frame.reach

    def values(self, sequence: Stretch, start: int, stop: int) -> list[Value]:
        frames = self._frame.of(sequence, start, stop)
        offset = min(first for first, _ in frames)
        items = self._read(sequence.rows[offset : max(end for _, end in frames)])
        found: list[Value] = []
        contents, last = self._first(sequence), (0, 0)
        for first, end in frames:
            frame = first - offset, end - offset
            if frame == last and found:
                found.append(found[-1])
                continue
            contents = self._moved(contents, items, last, frame)
            last = frame
            found.append(self._result(contents))
        return found

    def _first(self, sequence: Stretch) -> Contents:
        return self._empty()

    def _moved(self, contents: Contents, items: list[Any], old: tuple[int, int], new: tuple[int, int]) -> Contents:
        (at, until), (first, end) = old, new
        if first > at and (first >= until or first - at > end - first):
            contents = self._empty()
            at = until = first
        if end > until:
            contents.add(items[until:end], 1)
        if first > at:
            contents.add(items[at:first], -1)
        return contents


class ExcludingAggregate(FramedAggregate):
    """Over frames with EXCLUDE: what is left out is taken away for a moment. ``Contents`` that know no other order than
    that of the rows are made anew for each row."""

    def __init__(
        self,
        empty: Callable[[], Contents],
        read: Callable[[list[Row]], list[Any]],
        result: Callable[[Any], Value],
        frame: Bounds,
        anew: bool,
    ) -> None:
        super().__init__(empty, read, result, frame)
        self._anew = anew

    def values(self, sequence: Stretch, start: int, stop: int) -> list[Value]:
        items = self._read(sequence.rows)
        if self._anew:
            return [self._of_parts(items, parts) for parts in self._frame.parts(sequence, start, stop)]
        found: list[Value] = []
        contents, last = self._empty(), (0, 0)
        frames, gaps = self._frame.of(sequence, start, stop), self._frame.gaps(sequence, start, stop)
        for frame, left_out in zip(frames, gaps, strict=True):
            contents, last = self._moved(contents, items, last, frame), frame
            away = [item for begin, end in left_out for item in items[begin:end]]
            if away:
                contents.add(away, -1)
            found.append(self._result(contents))
            if away:
                contents.add(away, 1)
        return found

    def _of_parts(self, items: list[Any], parts: list[tuple[int, int]]) -> Value:
        contents = self._empty()
        for begin, end in parts:
            contents.add(items[begin:end], 1)
        return self._result(contents)
