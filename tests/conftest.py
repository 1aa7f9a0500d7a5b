"""One real server per test process (so one per xdist worker), a fresh database per test."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from queryleaf_cdc.mongo.embedded import start_embedded

# Chosen for tests: dead workers' transactions end after 20 s instead of 60, images are swept quickly.
_PARAMETERS = {"transactionLifetimeLimitSeconds": 20, "enableTestCommands": 1}


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    """URI of a private replica set that ends with this process."""
    with start_embedded(parameters=_PARAMETERS) as uri:
        yield uri


@pytest.fixture(scope="session")
def client(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(mongo_uri) as each:
        yield each


@pytest.fixture
def db(client: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """A database of its own, dropped at the end."""
    name = "t_" + uuid.uuid4().hex[:12]
    yield client[name]
    client.drop_database(name)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files")
    parser.addoption("--faces-examples", type=int, help="random expressions to hold both faces equal on")


def pytest_configure(config: pytest.Config) -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell's job in the background; commands would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
    examples = config.getoption("--faces-examples")
    if examples is not None:
        os.environ["QUERYLEAF_FACES_EXAMPLES"] = str(examples)
