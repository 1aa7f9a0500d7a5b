"""What the help desk's triggers CALL."""

from __future__ import annotations

from typing import Any


def register(ql: Any) -> None:
    mails = ql.database["sent_mails"]

    @ql.procedure("SEND_MAIL")
    def send_mail(customer: str, text: str, *, change: Any) -> None:
        """Stands for a real mail service. The call may be repeated: the key makes the second one do nothing."""
        mails.update_one(
            {"_id": change.idempotency_key},
            {"$setOnInsert": {"customer": customer, "text": text}},
            upsert=True,
        )
