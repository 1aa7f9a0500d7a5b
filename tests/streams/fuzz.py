"""``python -m tests.streams.fuzz``: random streaming SELECTs against DuckDB, until it is told to stop.

What fails is named with its seed, and repeated by ``--seed N --seeds 1 --kind NAME``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from itertools import count
from random import Random
from threading import Event
from time import monotonic

import click

from queryleaf_cdc.dataflow import along, row_log
from tests.streams.queries import Question, draw_groups, draw_lookup, draw_meeting, draw_windows
from tests.streams.sessions import draw_sessions
from tests.streams.test_random_streams import check
from tests.streams.test_stream_grammar import check_any

_DRAWN: dict[str, Callable[[Random], Question]] = {
    "windows": draw_windows,
    "meetings": draw_meeting,
    "lookups": draw_lookup,
    "groups": draw_groups,
    "sessions": draw_sessions,
}
KINDS = ("any", *_DRAWN)
"""``any``: chains of everything"""


@click.command()
@click.option("--seed", default=10_000, help="the first seed", show_default=True)
@click.option("--seeds", type=int, help="stop after so many of them")
@click.option("--seconds", type=float, help="stop after this time")
@click.option("--kind", type=click.Choice(KINDS), help="only these")
def main(seed: int, seeds: int | None, seconds: float | None, kind: str | None) -> None:
    """Runs from seed to seed; the exit code is 1 when something failed."""
    stop = Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())  # a shell's background has it ignored, and DuckDB its own way
    started, done, failed = monotonic(), 0, 0
    for at in count(seed) if seeds is None else range(seed, seed + seeds):
        for name in (kind,) if kind is not None else KINDS:
            failed += not _holds(name, at)
            done += 1
        click.echo(f"\rstreams: seed {at}, {done} queries, {failed} failed", nl=not sys.stdout.isatty())
        if stop.is_set() or (seconds is not None and monotonic() - started > seconds):
            break
    sys.exit(failed > 0)


def _holds(kind: str, seed: int) -> bool:
    along._SLACK = (1, 3, 32)[seed % 3]  # partitions are shortened early, too
    row_log._PAGE = (1, 2, 64)[seed // 2 % 3]
    try:
        if kind == "any":
            check_any(seed)
        else:
            check(_DRAWN[kind](Random(seed)), seed)
    except Exception as error:
        click.echo(f"\n--seed {seed} --kind {kind}\n{error}")
        return False
    return True


if __name__ == "__main__":
    main()
