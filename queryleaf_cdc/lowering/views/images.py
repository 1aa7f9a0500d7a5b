"""What an event of a view's change stream tells: the row before the change, and the row after it."""

from __future__ import annotations

from dataclasses import dataclass

from queryleaf_cdc.plans.actions import Choose, Computed, InsertRow
from queryleaf_cdc.plans.trigger import TriggerPlan


@dataclass(frozen=True)
class Image:
    """The row of one image: whether it is there, and its columns. ``decided`` names a field of the event, or is None
    where the worker decides, for the reason that ``because`` tells."""

    decided: tuple[str, ...] | None
    because: str
    row: tuple[str, ...] | None
    columns: tuple[Computed, ...]


def images(plan: TriggerPlan) -> tuple[Image, ...]:
    """Of a ``ViewSource``: before and after a change. Of a ``ChangeScan``: the row of the change."""
    return tuple(map(_image_of, plan.actions))


def _image_of(action: object) -> Image:
    match action:
        case Choose(slot, because, ((_, (InsertRow(fields=fields, slot=row),)),)):
            return Image(slot, because, row, tuple(value for _, value in fields))
        case InsertRow(fields=fields, slot=row):
            return Image(row, "", row, tuple(value for _, value in fields))
        case _:
            raise AssertionError(action)
