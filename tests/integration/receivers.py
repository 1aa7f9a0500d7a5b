"""HTTP servers on loopback that receive a webhook's rows, each with a temper of its own."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """``answer`` is called with the number of the request (from 1) and the handler, and answers."""

    answer: Callable[[int, BaseHTTPRequestHandler], None]
    received: list[Received] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)
    """set at the end, so that an answer may wait for it"""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self._lock:
            self.received.append(Received(handler.path, dict(handler.headers), body))
            number = len(self.received)
        with contextlib.suppress(OSError):  # the sender has given up
            self.answer(number, handler)

    def rows(self) -> list[Any]:
        return [each.message["row"] for each in self.received]


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[int, BaseHTTPRequestHandler], None]:
    """Always the same answer."""

    def answer(number: int, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def in_turn(*answers: Callable[[int, BaseHTTPRequestHandler], None]) -> Callable[[int, BaseHTTPRequestHandler], None]:
    """One answer after the other; the last one from then on."""
    return lambda number, handler: answers[min(number, len(answers)) - 1](number, handler)


@contextlib.contextmanager
def receiver(answer: Callable[[int, BaseHTTPRequestHandler], None]) -> Iterator[Receiver]:
    found = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(self)

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.released.set()
            server.shutdown()
            thread.join()
