"""A short run of ``tests.streams.chaos``; the long ones are part of ``make soak``."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.streams.chaos import run


def test_durable_streams_under_everything_at_once(
    mongo_uri: str, client: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    name = "t_" + uuid.uuid4().hex[:12]
    try:
        assert run(mongo_uri, name, 3, 3, tmp_path) == []
    finally:
        client.drop_database(name)
