"""Asynchronous clients: one for each event loop that streams are open in, as long as any is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from queryleaf_cdc.mongo.handles import Db


@dataclass(slots=True)
class _Shared:
    client: AsyncMongoClient[dict[str, Any]]
    users: int = 0


class AsyncClients:
    """Clients with the settings of the database's own."""

    def __init__(self, database: Db) -> None:
        self._database = database
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()

    def take(self) -> AsyncDatabase[dict[str, Any]]:
        """The database, for the running loop. To be given back."""
        loop = asyncio.get_running_loop()
        shared = self._by_loop.get(loop)
        if shared is None:
            # pymongo has no public way to these settings; the test of async streams tells when they are elsewhere.
            shared = self._by_loop[loop] = _Shared(AsyncMongoClient(**self._database.client._init_kwargs))
        shared.users += 1
        return shared.client[self._database.name]

    async def give_back(self) -> None:
        loop = asyncio.get_running_loop()
        shared = self._by_loop[loop]
        shared.users -= 1
        if not shared.users:
            del self._by_loop[loop]
            await shared.client.close()
