"""One POST over one connection, to an address that is already known, within one deadline.

From the standard library: a client of its own would resolve the name again, follow redirects or proxies, and count its
timeout anew with each byte that it gets."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.sinks.addresses import Address
from queryleaf_cdc.sinks.faults import Away

MAX_RESPONSE = 1024
"""bytes of a response's body that are read: for the message of an error"""
_PIECE = 64 * 1024


@frozen
class Request:
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    encrypted: bool


@frozen
class Response:
    status: int
    text: str
    """the beginning of the body, "" after a success"""
    retry_after: str | None = None
    """that header"""


def post(request: Request, places: Sequence[Address], timeout_seconds: float) -> Response:
    """Raises Away (QL621) when there is no answer in time."""
    deadline = time.monotonic() + timeout_seconds
    try:
        with _connected(places, deadline) as plain, _secured(plain, request, deadline) as connected:
            return _exchange(request, _Deadlined(connected, deadline))
    except TimeoutError as error:
        raise Away("QL621", f"{request.host} did not answer within {timeout_seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Away("QL621", f"{request.host} cannot be reached: {type(error).__name__}: {error}") from error


def _connected(places: Sequence[Address], deadline: float) -> socket.socket:
    """To the first of the addresses that answers."""
    failed: OSError = ConnectionError("no address")
    for family, address in places:
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.settimeout(_left(deadline))
            plain.connect(address)
            return plain
        except OSError as error:
            plain.close()
            failed = error
    raise failed


def _secured(plain: socket.socket, request: Request, deadline: float) -> socket.socket:
    """The certificate must be that of the URL's host."""
    if not request.encrypted:
        return plain
    plain.settimeout(_left(deadline))
    return ssl.create_default_context().wrap_socket(plain, server_hostname=request.host)


def _exchange(request: Request, connected: _Deadlined) -> Response:
    client = http.client.HTTPConnection(request.host, 80)  # which it is not asked to reach
    client.sock = connected
    client.request("POST", request.path, request.body, dict(request.headers))
    response = client.getresponse()
    success = 200 <= response.status < 300
    return Response(response.status, "" if success else _text(response), response.getheader("Retry-After"))


def _text(response: http.client.HTTPResponse) -> str:
    try:
        read = response.read(MAX_RESPONSE)
    except (OSError, http.client.HTTPException, ValueError):
        return ""  # the status is known, and what matters
    return " ".join("".join(each if each.isprintable() else " " for each in read.decode(errors="replace")).split())


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Deadlined:
    """A socket for ``http.client`` whose every step takes of the same time."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self._deadline = deadline

    def sendall(self, sent: bytes) -> None:
        """In pieces, as an encrypted socket counts its timeout for each of them."""
        view = memoryview(sent)
        for start in range(0, len(view), _PIECE):
            self._socket.settimeout(_left(self._deadline))
            self._socket.sendall(view[start : start + _PIECE])

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._socket, self._deadline))

    def close(self) -> None:
        """``post`` closes what it has opened; the client would do so before the body is read."""


class _Reading(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(buffer)
