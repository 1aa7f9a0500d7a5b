"""What CALL reaches in the demo. ``queryleaf-cdc run --procedures`` imports this in the worker's process."""

from __future__ import annotations

import os
import threading
from typing import Any

COURIER = "courier_bookings"
"""the courier's own records: one document for each time that the courier was called"""


def add_procedures(ql: Any) -> None:
    bookings = ql.database[COURIER]

    @ql.procedure("BOOK_COURIER")  # type: ignore[untyped-decorator]
    def book_courier(order_id: int, city: str, *, change: Any) -> None:
        bookings.insert_one({"order_id": order_id, "city": city, "key": change.idempotency_key})


def register(ql: Any) -> None:
    """For the worker's process, which must not outlive the demo."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    add_procedures(ql)


def _end_with_parent() -> None:
    """Standard input is a pipe that only the demo holds: it ends when the demo does, however that happens."""
    while os.read(0, 64):  # not sys.stdin: a thread that waits in it cannot be left alone when the process ends
        pass
    os._exit(1)
