"""What the payments' triggers CALL."""

from __future__ import annotations

from typing import Any


def register(ql: Any) -> None:
    approvals = ql.database["approvals"]

    @ql.procedure("ASK_APPROVAL")
    def ask_approval(account: str, payment: int, amount: float, *, change: Any) -> None:
        """One request for each payment: the payment's own key makes a repeated call harmless."""
        approvals.replace_one({"_id": payment}, {"account": account, "amount": amount}, upsert=True)
