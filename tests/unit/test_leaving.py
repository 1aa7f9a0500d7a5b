"""What is taken from the driver by its name is still there."""

from __future__ import annotations

import atexit
from typing import Any

import pytest
from pymongo.synchronous import monitor

from queryleaf_cdc.mongo.leaving import leave_at_once


def test_the_driver_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    unregistered: list[Any] = []
    monkeypatch.setattr(atexit, "unregister", unregistered.append)
    leave_at_once()
    assert unregistered == [monitor._shutdown_resources]
