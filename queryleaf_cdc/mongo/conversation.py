"""What is asked of a server, apart from how its answers are waited for.

A conversation is a generator: it yields commands, and is sent the replies, or thrown the errors. ``Server`` answers it
by a client that blocks, ``AsyncServer`` by one that does not."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import field
from typing import Any, TypeAlias, TypeVar

from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.client_session import ClientSession
from pymongo.database import Database

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.mongo.deployment import is_away

T = TypeVar("T")


@frozen
class Command:
    """``begins``: in a session of its own, as are those that follow."""

    name: str
    value: object
    options: Mapping[str, Any] = field(default_factory=dict)
    begins: bool = False


@frozen
class Close:
    """Ends a cursor (0: there is none), and the session. It does not fail, and has no reply."""

    cursor_id: int


Conversation: TypeAlias = Generator[Command | Close, Any, T]
"""is sent a RawBSONDocument for each command"""


class Server:
    """Answers by a client that blocks. One conversation at a time; ``close`` may come from another thread."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._session: ClientSession | None = None

    def converse(self, conversation: Conversation[T]) -> T:
        """What the conversation returns. Raises what it raises."""
        try:
            said = next(conversation)
            while True:
                try:
                    reply = self._answer(said)
                except Exception as error:
                    said = conversation.throw(error)
                else:
                    said = conversation.send(reply)
        except StopIteration as end:
            found: T = end.value
            return found

    def close(self, said: Close) -> None:
        session, self._session = self._session, None
        with contextlib.suppress(Exception):
            if said.cursor_id and not is_away(self._database.client):
                self._database.command("killCursors", "$cmd.aggregate", cursors=[said.cursor_id], session=session)
        with contextlib.suppress(Exception):
            if session is not None:
                session.end_session()

    def _answer(self, said: Command | Close) -> RawBSONDocument | None:
        if isinstance(said, Close):
            self.close(said)
            return None
        if said.begins:
            self._session = self._database.client.start_session(causal_consistency=False)
        reply: RawBSONDocument = self._database.command(
            said.name, said.value, session=self._session, codec_options=DEFAULT_RAW_BSON_OPTIONS, **said.options
        )
        return reply


class AsyncServer:
    """Answers by a client that belongs to one event loop."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._session: AsyncClientSession | None = None

    async def converse(self, conversation: Conversation[T]) -> T:
        """What the conversation returns. Raises what it raises. When it is cancelled, the cursor is still to be
        closed."""
        try:
            said = next(conversation)
            while True:
                try:
                    reply = await self._answer(said)
                except Exception as error:  # not that it is cancelled
                    said = conversation.throw(error)
                else:
                    said = conversation.send(reply)
        except StopIteration as end:
            found: T = end.value
            return found

    async def close(self, said: Close) -> None:
        session, self._session = self._session, None
        with contextlib.suppress(Exception):
            if said.cursor_id:
                await self._database.command("killCursors", "$cmd.aggregate", cursors=[said.cursor_id], session=session)
        with contextlib.suppress(Exception):
            if session is not None:
                await session.end_session()

    async def _answer(self, said: Command | Close) -> RawBSONDocument | None:
        if isinstance(said, Close):
            await self.close(said)
            return None
        if said.begins:
            self._session = self._database.client.start_session(causal_consistency=False)
        reply: RawBSONDocument = await self._database.command(
            said.name, said.value, session=self._session, codec_options=DEFAULT_RAW_BSON_OPTIONS, **said.options
        )
        return reply
