"""What a receiver says about when to ask again: the header Retry-After (RFC 9110, 10.2.3), in seconds or as a date."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST = 900.0
"""seconds; who asks for more is asked again then"""
_DIGITS = 9


def seconds_until(header: str | None, now: datetime) -> float:
    """Between 0 and ``MOST``; 0 for a time that has passed, or what is neither. ``now`` has a zone."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return min(MOST, float(text[:_DIGITS]))
    try:
        when = parsedate_to_datetime(text)
        left = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return max(0.0, min(MOST, left.total_seconds()))
