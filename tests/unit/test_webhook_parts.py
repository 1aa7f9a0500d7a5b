"""Which addresses a webhook may have, and how a request is sent to the one that was checked."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from queryleaf_cdc import CompileError, compile_sql
from queryleaf_cdc.logical.public_addresses import is_public
from queryleaf_cdc.logical.sink_targets import check_path, check_url
from queryleaf_cdc.sinks import addresses, webhook
from queryleaf_cdc.sinks.faults import Away, Refused
from queryleaf_cdc.source import Span

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "::127.0.0.1", "64:ff9b:1::7f00:1", "240.0.0.1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


URLS = [
    "ftp://example.com/", "example.com", "https://", "https:///path", "https://example.com:0/", "https://example.com:99999/",
    "https://exa mple.com/", "https://example.com/\r\nX: y", "https://exämple.com/", "https://example.com/#part",
    "https://me@example.com/", "https://me:word@example.com/", "https://[::1/", "https://-.example/", "https://a_b\\@c/",
    "https://example.com/" + "x" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_no_url_of_a_webhook(url: str) -> None:
    with pytest.raises(CompileError) as caught:
        check_url(url, Span(0, 1))
    assert caught.value.code == "QL252"


@pytest.mark.parametrize("url", ["https://me:pa/ss@example.com/", "https://me:word@example.com:port/"])
def test_a_password_is_not_shown_once_more(url: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_sql(f"CREATE SINK s AS SELECT a FROM t WHERE CHANGE_DETECTED() INTO WEBHOOK '{url}'")
    assert not any(part in str(caught.value) for part in ("word", "pa/", "'pa'", "ss@"))


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://example.com:8443/a?b=c", "http://[::1]:80/", "HTTPS://X.Y/"]
)
def test_a_url_of_a_webhook(url: str) -> None:
    check_url(url, Span(0, 1))


PATHS = [
    "", "/etc/a.jsonl", "../a.jsonl", "a/../b.jsonl", "./a.jsonl", "a//b.jsonl", "out/", "~/a.jsonl", "C:a.jsonl",
    "\\\\host\\a.jsonl", "a\0.jsonl", "a\n.jsonl", "procedures.py", "a.jsonl/", ".bashrc", "a" * 2000 + ".jsonl",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_of_a_file(path: str) -> None:
    with pytest.raises(CompileError) as caught:
        check_path(path, Span(0, 1))
    assert caught.value.code == "QL253"


class Resolver:
    """Stands for the system's; gives another answer each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in self.answers.pop(0)]


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Resolver:
    resolver = Resolver(*answers)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


def test_of_several_addresses_the_private_ones_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, ["10.0.0.1", "93.184.216.34"])
    assert addresses.addresses("example.com", 443, False) == [(socket.AF_INET, ("93.184.216.34", 443))]


def test_a_name_that_leads_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, ["127.0.0.1"])
    with pytest.raises(Refused, match=r"example\.com is 127\.0\.0\.1"):
        addresses.addresses("example.com", 443, False)


def test_a_name_that_nobody_knows_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Away, match="cannot be resolved"):
        addresses.addresses("nowhere.example", 443, True)


def row(url: str, **options: Any) -> dict[str, Any]:
    to = {"kind": "webhook", "name": url, "timeout_ms": 2000, "allow_private": True, "secret_env": None, **options}
    of_change = {"change_id": "82", "operation": "INSERT", "collection": "orders", "key": {"_id": 1}, "timestamp": None}
    return {"_id": "k" * 32, "trigger": "hook", "attempts": 0, "to": to, "row": {"total": 5}, **of_change}


class Listener:
    """Takes one connection, and answers 200."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.heard = b""
        self._context = context
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            connection, _ = self._listening.accept()
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                while not self.heard.endswith(b"}}"):
                    self.heard += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            pass

    def close(self) -> None:
        self._listening.close()
        self._thread.join(5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    each = Listener()
    yield each
    each.close()


def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    """A second look-up would lead elsewhere; there is none."""
    resolver = resolve_to(monkeypatch, ["127.0.0.1"], ["10.255.255.1"])
    webhook.deliver(row(f"http://example.com:{listener.port}/in"))
    assert resolver.asked == 1
    assert f"Host: example.com:{listener.port}".encode() in listener.heard


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of localhost, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    made = (folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-out", str(made[0]), "-keyout", str(made[1])]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl is not here")
    return made


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[Listener]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    each = Listener(context)
    yield each
    each.close()


def test_a_trusted_certificate_is_accepted(
    monkeypatch: pytest.MonkeyPatch, secure: Listener, certificate: tuple[Path, Path]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    webhook.deliver(row(f"https://localhost:{secure.port}/"))
    assert b"POST / HTTP/1.1" in secure.heard


def test_an_unknown_certificate_is_not(secure: Listener) -> None:
    with pytest.raises(Away, match="CERTIFICATE_VERIFY_FAILED"):
        webhook.deliver(row(f"https://localhost:{secure.port}/"))
    assert secure.heard == b""


def test_one_of_another_host_is_not(
    monkeypatch: pytest.MonkeyPatch, secure: Listener, certificate: tuple[Path, Path]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with pytest.raises(Away, match="CERTIFICATE_VERIFY_FAILED"):
        webhook.deliver(row(f"https://127.0.0.1:{secure.port}/"))


def test_the_signature_is_that_of_the_documentation() -> None:
    assert webhook.signed("hush", 1700000000, b'{"row":{}}') == (
        "472636843d150dc093cc6002a9568f8fea1b6528f075ffc776ff30dbfbeca163"
    )
