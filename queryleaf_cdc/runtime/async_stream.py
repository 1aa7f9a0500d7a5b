"""``async for`` over a stream of rows.

The change stream itself is read by a thread of the stream's own: one mechanism, tested once, for both ways of waiting.
The thread reads only when somebody waits, so it is never ahead by more than the batch at hand. A batch costs one hop
between threads, and so does half a second without rows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from queryleaf_cdc.runtime.row_stream import Row, RowStream

T = TypeVar("T")


class AsyncRowStream(AsyncIterator[Row]):
    """Belongs to one event loop and one task at a time. A wait that is cancelled or timed out loses no row.

    It begins with ``async with``, or with the first row that is asked for."""

    def __init__(self, start: Callable[[], RowStream]) -> None:
        self._start = start
        self._thread = ThreadPoolExecutor(1, "queryleaf-stream")
        self._stream: RowStream | None = None
        self._opening: asyncio.Future[RowStream] | None = None
        self._taking: asyncio.Future[list[Row]] | None = None
        self._ready: deque[Row] = deque()
        self._closed = False

    async def __anext__(self) -> Row:
        stream = await self._opened()
        while not self._ready:
            if self._closed or stream.closed:
                raise StopAsyncIteration
            if self._taking is None:
                self._taking = self._run(stream.take)
            rows = await asyncio.shield(self._taking)
            self._taking = None
            self._ready.extend(rows)
        return self._ready.popleft()

    async def aclose(self) -> None:
        """No row comes after this; a task that waits for one ends within half a second."""
        self._closed = True
        self._ready.clear()
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._stream is not None:
            await asyncio.to_thread(self._stream.close)
        self._thread.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _opened(self) -> RowStream:
        if self._stream is None:
            if self._closed:
                raise StopAsyncIteration
            self._opening = self._opening or self._run(self._start)
            self._stream = await asyncio.shield(self._opening)
        return self._stream

    def _run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)
