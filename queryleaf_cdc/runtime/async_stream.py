"""``async for`` over a stream of rows.

Changes are waited for by pymongo's asynchronous client: no thread waits. What may block is done by a thread of the
loop's own: opening, what a batch becomes (lookups ask the server), closing. It reads only when somebody waits, so it is
never ahead by more than the batch at hand."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Self

from queryleaf_cdc.mongo.async_clients import AsyncClients
from queryleaf_cdc.mongo.change_source import ChangeBatch, ChangeSource, StreamFault
from queryleaf_cdc.mongo.conversation import AsyncServer
from queryleaf_cdc.runtime.patience import Patience
from queryleaf_cdc.runtime.row_stream import Row, RowStream, pause_after


class AsyncRowStream(AsyncIterator[Row]):
    """Belongs to one event loop and one task at a time. A wait that is cancelled or timed out loses no row.

    It begins with ``async with``, or with the first row that is asked for."""

    def __init__(self, start: Callable[[], RowStream], clients: AsyncClients) -> None:
        self._start = start
        self._clients = clients
        self._opening: asyncio.Task[tuple[RowStream, AsyncServer]] | None = None
        self._taking: asyncio.Task[list[Row]] | None = None
        self._ready: deque[Row] = deque()
        self._source: ChangeSource | None = None
        """whose cursor may be open"""
        self._closed = False

    async def __anext__(self) -> Row:
        if self._ready:
            return self._ready.popleft()
        stream, server = await self._opened()
        while not self._ready:
            if self._closed or stream.closed:
                await self.aclose()
                raise StopAsyncIteration
            if self._taking is None:
                self._taking = asyncio.create_task(self._take(stream, server))
            taking = self._taking
            try:
                rows = await asyncio.shield(taking)
            except asyncio.CancelledError:
                if self._closed:
                    raise StopAsyncIteration from None
                raise
            finally:
                if taking.done():
                    self._taking = None
            self._ready.extend(rows)
        return self._ready.popleft()

    async def aclose(self) -> None:
        """No row comes after this; a task that waits for one ends at once."""
        if self._closed:
            return
        self._closed = True
        self._ready.clear()
        if self._opening is None:
            return
        try:
            stream, server = await self._opening
        except Exception:
            return
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.gather(self._taking, return_exceptions=True)
        if self._source is not None:
            await server.close(self._source.given_up())
        await asyncio.to_thread(stream.close)
        await self._clients.give_back()

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _opened(self) -> tuple[RowStream, AsyncServer]:
        if self._closed:
            raise StopAsyncIteration
        self._opening = self._opening or asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> tuple[RowStream, AsyncServer]:
        database = self._clients.take()
        try:
            return await asyncio.to_thread(self._start), AsyncServer(database)
        except BaseException:
            await self._clients.give_back()
            raise

    async def _take(self, stream: RowStream, server: AsyncServer) -> list[Row]:
        source = stream.waits_for
        batch = await self._batch(stream, source, server) if source is not None else None
        return await asyncio.to_thread(stream.take, batch)

    async def _batch(self, stream: RowStream, source: ChangeSource, server: AsyncServer) -> ChangeBatch | None:
        """None when closed meanwhile. Raises ServerError QL521."""
        self._source = source
        patience = Patience()
        while True:
            try:
                return await server.converse(source.conversation())
            except StreamFault as fault:
                if stream.closed:
                    return None
                await asyncio.sleep(pause_after(fault, patience))
