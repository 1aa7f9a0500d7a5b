"""``python -m tests.views.fuzz``: random views in memory against DuckDB, until it is told to stop.

Every failure is shrunk and written to tests/views/cases, where a test runs it from then on."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic

import click

from tests.views.case_files import FOLDER, written
from tests.views.checking import Case, Failure, check, check_together
from tests.views.drawing_cases import draw_group
from tests.views.histories import History
from tests.views.memory import CALM, MIXED, RESTARTS, ROLLBACKS, MemoryEngine, Mishaps
from tests.views.queries import View
from tests.views.shrinking import Fails, shrink

_MOST_ALIKE = 3
"""Failures with one symptom that are worth a file."""


@click.command()
@click.option("--seed", default=1000, help="the first seed", show_default=True)
@click.option("--seeds", type=int, help="stop after so many of them")
@click.option("--seconds", type=float, help="stop after this time")
@click.option("--views", default=10, help="views of one seed", show_default=True)
@click.option("--changes", default=100, help="changes of one seed", show_default=True)
@click.option("--shrink-seconds", default=60.0, help="time to make a failing case smaller", show_default=True)
@click.option("--cases", default=FOLDER, type=Path, help="where failing cases are written")
def main(
    seed: int, seeds: int | None, seconds: float | None, views: int, changes: int, shrink_seconds: float, cases: Path
) -> None:
    """Runs from seed to seed; the exit code is 1 when something failed."""
    fuzzing = _Fuzzing(cases, shrink_seconds)
    started = monotonic()
    try:
        for each in _seeds(seed, seeds):
            fuzzing.run(each, views, changes)
            fuzzing.tell(each, monotonic() - started)
            if seconds is not None and monotonic() - started > seconds:
                break
    except KeyboardInterrupt:
        pass
    fuzzing.summarize()
    sys.exit(bool(fuzzing.symptoms))


def _seeds(first: int, number: int | None) -> Iterator[int]:
    return iter(count(first)) if number is None else iter(range(first, first + number))


@dataclass
class _Fuzzing:
    cases: Path
    shrink_seconds: float
    views: int = 0
    rows: int = 0
    symptoms: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def run(self, seed: int, views: int, changes: int) -> None:
        history, groups = draw_group(seed, views, changes)
        created_after = (0, 0, 3)[seed % 3]
        verdicts = check_together(groups, history, lambda: MemoryEngine(seed), created_after)
        for number, (group, verdict) in enumerate(zip(groups, verdicts, strict=True)):
            self.views += 1
            self.rows += verdict.rows
            if verdict.refused is not None:
                self._refused(seed, number, verdict.refused)
            if verdict.failure is not None:
                self._failed(seed, number, group, history, created_after, verdict.failure)

    def _refused(self, seed: int, number: int, reason: str) -> None:
        self.refused[_first_line(reason)] += 1
        if self.refused[_first_line(reason)] == 1:
            click.echo(f"\nseed {seed}, view {number} is refused: {_first_line(reason)}")

    def _failed(
        self, seed: int, number: int, views: tuple[View, ...], history: History, created_after: int, failure: Failure
    ) -> None:
        symptom = _symptom(failure)
        self.symptoms[symptom] += 1
        if failure.symptom == "raised" and self.symptoms[symptom] > _MOST_ALIKE:
            return
        case = Case(views, history, created_after)
        for mishaps in (CALM, ROLLBACKS, RESTARTS, MIXED):
            fails = _failing(seed, mishaps, symptom)
            if fails(case):
                self._write(f"seed_{seed}_{number}", shrink(case, fails, self.shrink_seconds), seed, mishaps)
                return
        click.echo(f"seed {seed}, view {number}: {symptom} only beside the others of its seed")

    def _write(self, name: str, case: Case, seed: int, mishaps: Mishaps) -> None:
        failure = check(case, lambda: MemoryEngine(seed, mishaps=mishaps)).failure
        remark = "only sometimes" if failure is None else failure.message
        if failure is not None and failure.symptom == "raised":
            remark = _symptom(failure)
        path = self.cases / f"{name}.sql"
        path.write_text(written(case, f"{mishaps}\n{remark}"))
        click.echo(f"\n{path}\n{path.read_text()}")

    def tell(self, seed: int, seconds: float) -> None:
        failed = sum(self.symptoms.values())
        click.echo(
            f"\rseed {seed}: {self.views} views, {self.rows} rows compared, {sum(self.refused.values())} refused, "
            f"{failed} failed, {seconds:.0f} s",
            nl=not sys.stdout.isatty(),
        )

    def summarize(self) -> None:
        for title, found in (("refused", self.refused), ("failed", self.symptoms)):
            for text, times in found.most_common(30):
                click.echo(f"{title} {times} times: {text}")


def _failing(seed: int, mishaps: Mishaps, symptom: str) -> Fails:
    def fails(case: Case) -> bool:
        found = check(case, lambda: MemoryEngine(seed, mishaps=mishaps)).failure
        return found is not None and _symptom(found) == symptom

    return fails


def _symptom(failure: Failure) -> str:
    """What failures have in common that have one cause."""
    if failure.symptom != "raised":
        return failure.symptom
    lines = failure.message.rstrip().splitlines()
    places = [line.strip() for line in lines if line.startswith('  File "') and "queryleaf_cdc" in line]
    place = re.sub(r'File ".*/(queryleaf_cdc|tests)/', r"\1/", places[-1]) if places else ""
    return f"{lines[-1].split(':')[0]} {place}"


def _first_line(text: str) -> str:
    return re.sub(r"v\d+:\d+:\d+|<sql>:\d+:\d+|r\d+\.\w+", "...", text.splitlines()[0])[:200]


if __name__ == "__main__":
    main()
