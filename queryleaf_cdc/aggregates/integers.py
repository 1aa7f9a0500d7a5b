"""Integers of any size in BSON."""

from __future__ import annotations

from queryleaf_cdc.functions.server_numbers import LONG_MAX, LONG_MIN


def stored(value: int) -> int | bytes:
    """Beyond 64 bits its bytes, in two's complement."""
    if LONG_MIN <= value <= LONG_MAX:
        return value
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def loaded(value: int | bytes) -> int:
    return int.from_bytes(value, "big", signed=True) if isinstance(value, bytes) else int(value)
