"""What becomes of a view's entry when something happens to it. Nothing here talks to a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bson.binary import Binary
from bson.timestamp import Timestamp

from queryleaf_cdc.mongo.active import ActiveEntry, Build, Copied
from queryleaf_cdc.mongo.catalog import CatalogEntry
from queryleaf_cdc.runtime.limits import Limits, backoff


def after_change(known: ActiveEntry | None, entry: CatalogEntry) -> ActiveEntry:
    """A view after its catalog entry changed: created, replaced, refreshed, paused or resumed."""
    if entry.state == "paused":
        held = replace(known, entry=entry) if known is not None else ActiveEntry(entry)
        return replace(held, state="paused", reason=None, followed=False, build=None, attempts=0)
    if known is None or not known.is_view:
        return rebuilt(ActiveEntry(entry), None)
    if _is_same(known.entry, entry) and known.state in ("running", "backfilling", "rebuilding"):
        return replace(known, entry=entry)
    return rebuilt(replace(known, entry=entry, attempts=0), None)


def _is_same(known: CatalogEntry, entry: CatalogEntry) -> bool:
    return known.sql == entry.sql and known.view == entry.view


def rebuilt(known: ActiveEntry, reason: str | None, not_before: datetime | None = None) -> ActiveEntry:
    """To be built from scratch, beside what there is."""
    view = known.entry.view
    assert view is not None
    build = Build.new(known.entry.sql, view.target, not_before)
    return replace(known, state="rebuilding" if known.live else "backfilling", reason=reason, build=build)


def troubled(known: ActiveEntry, uid: str, reason: str, now: datetime, limits: Limits) -> ActiveEntry:
    """After one of its builds was found to be wrong, or could not go on: it is built again, after a pause that grows
    when that happens again soon; or it is stopped, if the user wants that."""
    view = known.entry.view
    assert view is not None
    if known.live is not None and known.live.uid == uid:
        known = replace(known, followed=False)
        if known.build is not None:
            return replace(known, state="rebuilding", reason=reason)
    elif known.build is None or known.build.version.uid != uid:
        return known
    if view.on_error == "stop":
        return replace(known, state="stopped", reason=reason, followed=False, build=None)
    again = known.troubled_at is not None and now - known.troubled_at < timedelta(seconds=limits.view_calm_seconds)
    known = replace(known, attempts=known.attempts + 1 if again else 1, troubled_at=now)
    if known.attempts > limits.view_attempts:
        return failed(known, uid, f"{reason} (it was built {limits.view_attempts} times in vain)")
    wait = (
        0.0 if known.attempts == 1 else backoff(known.attempts - 1, limits.view_retry_seconds, limits.max_retry_seconds)
    )
    return rebuilt(known, reason, now + timedelta(seconds=wait))


def failed(known: ActiveEntry, uid: str, reason: str) -> ActiveEntry:
    """Nothing helps but another definition, or REFRESH. A live version that is right goes on."""
    followed = known.followed and known.live is not None and known.live.uid != uid
    return replace(known, state="failed", reason=reason, build=None, followed=followed)


def swapped(known: ActiveEntry, since: Timestamp, collection: Binary | None) -> ActiveEntry:
    """The build has taken the target's place."""
    assert known.build is not None
    live = replace(known.build.version, since=since, collection=collection)
    return replace(known, state="running", reason=None, live=live, followed=True, build=None)


def after_source(known: ActiveEntry) -> ActiveEntry:
    """A view after one that it reads was built anew: what it has of the old rows is worth nothing. One that waits for
    the user goes on waiting."""
    if known.state in ("paused", "stopped") or not (known.live or (known.build and known.build.copied)):
        return known
    return rebuilt(replace(known, followed=False), None)


def copied_on(
    build: Build, scan: int, chunk: tuple[bytes, Timestamp], last: tuple[object, ...], rows: int, done: Timestamp | None
) -> Build:
    """One more chunk is copied. Changes before ``done`` are behind the lane: chunks up to then become one."""
    known = build.copied.get(scan, Copied())
    late = [each for each in known.chunks if done is None or each[1] >= done]
    early = [each for each in known.chunks if done is not None and each[1] < done][-1:]
    copied = Copied((*early, *late, chunk), last, not last)
    return replace(build, copied={**build.copied, scan: copied}, rows=build.rows + rows)


def readers(active: Mapping[str, ActiveEntry], source: ActiveEntry) -> list[ActiveEntry]:
    """The views that read this one, directly."""
    view = source.entry.view
    assert view is not None
    names = {source.name, view.target}
    return [each for each in active.values() if each.entry.view and not names.isdisjoint(each.entry.view.reads)]


def entry_of_build(active: Mapping[str, ActiveEntry], uid: str) -> ActiveEntry | None:
    for each in active.values():
        if uid in (each.live and each.live.uid, each.build and each.build.version.uid):
            return each
    return None
