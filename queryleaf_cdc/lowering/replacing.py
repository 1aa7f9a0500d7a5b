"""Rows that take the place of those with the same _id, as those of a sink into a collection."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.plans.actions import Action, Choose, InsertRow


def replacing(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """A row has the id of its change. One that is there already is that of the same change: from an earlier sink, or
    from before this one was made anew with ``start = 'beginning'``."""
    return tuple(map(_row, actions))


def _row(action: Action) -> Action:
    match action:
        case InsertRow():
            return replace(action, replaces=True)
        case Choose(branches=branches, otherwise=otherwise):
            inner = tuple((test, replacing(body)) for test, body in branches)
            return replace(action, branches=inner, otherwise=replacing(otherwise))
    return action
