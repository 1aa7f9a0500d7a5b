"""Which addresses and paths a sink may have. What depends on the machine is checked when a row is delivered."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.source import Span

MAX_URL = 2048
MAX_PATH = 1024
SUFFIX = ".jsonl"

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_SECRET = re.compile(r"token|secret|passw|pwd|auth|credential|signature|(^|_|-)(key|sig)$|api_?key", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?|[0-9A-Fa-f:.]+")


def check_url(url: str, span: Span) -> None:
    """Raises CompileError QL252."""
    problem = _url_problem(url)
    if problem is not None:
        text, hint = problem
        secret = "@" in url  # which is not shown once more below the error
        raise CompileError("QL252", text, None if secret else span, hint)


def _url_problem(url: str) -> tuple[str, str | None] | None:
    if len(url) > MAX_URL:
        return f"the URL has more than {MAX_URL} characters", None
    if _PRINTABLE.fullmatch(url) is None:
        return "a URL has no blanks and only ASCII", "write other characters as %XX, and a host as xn--..."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # whose text may hold a password
        return "this is no URL: its host or its port cannot be read", None
    if parts.scheme not in ("https", "http"):
        return "a webhook's URL begins with https://", None
    if parts.username is not None or parts.password is not None:
        return "a webhook's URL holds no user and no password", "sign the rows: WITH (secret = ENV 'NAME')"
    if not host or _HOST.fullmatch(host) is None or port == 0:
        return "the URL names no host", "write WEBHOOK 'https://example.com/path'"
    if parts.fragment:
        return "a fragment (#...) is never sent", "leave it out"
    return None


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def secret_in(url: str) -> str | None:
    """The name, as it is written, of a value of the URL's query that seems to be a secret."""
    given = (each.partition("=") for each in urlsplit(url).query.split("&"))
    return next((name for name, _, value in given if value and _SECRET.search(name)), None)


def is_unencrypted(url: str) -> bool:
    return url.lower().startswith("http:")


def check_path(path: str, span: Span) -> None:
    """Raises CompileError QL253."""
    if not path or len(path) > MAX_PATH or "\0" in path or not path.isprintable():
        raise CompileError("QL253", "this is no path of a file", span)
    hint = "the path is relative to the directory that the worker was started in: FILE 'out/orders.jsonl'"
    if path.startswith(("/", "~", "\\")) or re.match(r"[A-Za-z]:", path):
        raise CompileError("QL253", "a sink's file has a relative path", span, hint)
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise CompileError("QL253", "a sink's path leads downwards only, to a file", span, hint)
    if not path.endswith(SUFFIX):
        text = "what is no file of lines must not be appended to by mistake: a program, a configuration"
        raise CompileError("QL253", f"the name of a sink's file ends in {SUFFIX}", span, text)
