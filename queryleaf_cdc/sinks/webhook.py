"""A sink's row as a POST: signed if wanted, never redirected, judged by the status of the answer."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from queryleaf_cdc.sinks.addresses import addresses
from queryleaf_cdc.sinks.faults import Away, Refused
from queryleaf_cdc.sinks.http_post import Request, Response, post
from queryleaf_cdc.sinks.message import message_json
from queryleaf_cdc.sinks.retry_after import seconds_until
from queryleaf_cdc.values import Document

_TEXT = 200
_WORTH_ANOTHER_TRY = (408, 429)
"""of the 4xx: the receiver had no time"""


def deliver(row: Document, environment: Mapping[str, str] = os.environ) -> None:
    """One attempt. Raises Away (QL620, QL621, QL623) or Refused (QL620, QL622)."""
    to = row["to"]
    url = urlsplit(to["name"])
    body = message_json(row).encode()
    signature = _signature(to["secret_env"], body, environment, int(time.time()))
    places = addresses(url.hostname or "", url.port or _default_port(url), to["allow_private"])
    headers = {
        "Host": url.netloc,
        "Content-Type": "application/json",
        "User-Agent": "queryleaf-cdc",
        "Idempotency-Key": row["_id"],
        "Connection": "close",
        **signature,
    }
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    request = Request(url.hostname or "", path, headers, body, url.scheme == "https")
    _judge(post(request, places, to["timeout_ms"] / 1000), request.host)


def signed(secret: str, timestamp: int, body: bytes) -> str:
    """What a receiver computes too: HMAC-SHA256 over ``<timestamp>.<body>``, in hexadecimal digits."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _signature(name: str | None, body: bytes, environment: Mapping[str, str], now: int) -> dict[str, str]:
    """The header. The secret is looked up for each delivery, and kept nowhere."""
    if name is None:
        return {}
    secret = environment.get(name)
    if not secret:
        text = f"the secret is not here: the worker has no environment variable {name}"
        raise Away("QL623", text)
    return {"QueryLeaf-Signature": f"t={now},v1={signed(secret, now, body)}"}


def _default_port(url: SplitResult) -> int:
    return 443 if url.scheme == "https" else 80


def _judge(response: Response, host: str) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    said = f": {response.text[:_TEXT]}" if response.text else ""
    redirected = " (redirects are not followed)" if 300 <= status < 400 else ""
    text = f"{host} answered {status}{redirected}{said}"
    if 400 <= status < 500 and status not in _WORTH_ANOTHER_TRY:
        raise Refused("QL620", text)
    away = Away("QL620", text)
    away.retry_after = seconds_until(response.retry_after, datetime.now(UTC))
    raise away
