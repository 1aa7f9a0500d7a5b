"""What changed between two images of a document."""

from __future__ import annotations

from queryleaf_cdc.functions import FUNCTIONS
from queryleaf_cdc.values import Document


def changed_fields(old: Document | None, new: Document | None) -> list[str]:
    """Top-level fields that differ, by IS DISTINCT FROM: the new document's in order, then those that went."""
    before, after = old or {}, new or {}
    distinct = FUNCTIONS["IS DISTINCT FROM"].evaluate
    names = [*after, *(name for name in before if name not in after)]
    return [name for name in names if distinct(before.get(name), after.get(name)) is True]
