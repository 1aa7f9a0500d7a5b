"""The shell itself: runs statements and commands one after another. It does not know where they come from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from queryleaf_cdc.cli.changes import lines_of
from queryleaf_cdc.cli.repl import layout
from queryleaf_cdc.cli.repl.jobs import Jobs, ShowRow
from queryleaf_cdc.cli.repl.missing import missing_collections
from queryleaf_cdc.cli.repl.reading import Command, Item, Sql, read
from queryleaf_cdc.cli.repl.screen import Screen, plain
from queryleaf_cdc.errors import InputError, QueryLeafError
from queryleaf_cdc.plans.program import ChangelogStatement, TableStatement
from queryleaf_cdc.source import Source

NO_WORKER = r"no worker is at work on this database: \run starts one here"


@dataclass
class Shell:
    """``draft`` is what the next prompt begins with; ``last`` the statement that was run last."""

    ql: Any
    screen: Screen
    interactive: bool
    expanded: bool = False
    timing: bool = False
    over: bool = False
    draft: str = ""
    last: Sql | None = None
    skipped: int = 0
    depth: int = 0
    """of files that run files"""
    jobs: Jobs = field(default_factory=Jobs)

    def run(self, items: Sequence[Item], name: str = "<sql>") -> None:
        """Runs the items in turn, until one ends the shell. Raises what goes wrong; what follows it is not run, and
        ``skipped`` tells how much that is."""
        for position, item in enumerate(items):
            if self.over:
                return
            self.skipped = len(items) - position - 1
            self._run_one(item, name, last=self.skipped == 0)

    def run_text(self, text: str, name: str) -> None:
        """A file: all of it is there."""
        self.run(read(text, final=True).items, name)

    def _run_one(self, item: Item, name: str, last: bool) -> None:
        match item:
            case Sql():
                self.run_sql(item, name)
            case Command():
                from queryleaf_cdc.cli.repl.commands import command_named

                command = command_named(item.name)
                if item.argument and not command.argument:
                    raise InputError("QL451", rf"\{item.name} stands alone: what is {item.argument}?")
                if item.before is not None and not command.takes_statement:
                    self._keep(item.before, last)
                command.run(self, item)

    def _keep(self, unfinished: Sql, last: bool) -> None:
        """A command behind a statement that has no semicolon yet: one goes on with it at the next prompt."""
        if not (self.interactive and last):
            raise InputError("QL452", "a command stands behind a statement that has no semicolon")
        self.draft = unfinished.text

    # -- statements ---------------------------------------------------------------------------------------------

    def run_sql(self, sql: Sql, name: str = "<sql>") -> None:
        """Raises what goes wrong, with the place in what was typed."""
        try:
            self._run_sql(sql, name)
        except QueryLeafError as error:
            if error.source is not None and error.source.text == sql.placed:
                error.source = Source(sql.shown, name)
            raise

    def _run_sql(self, sql: Sql, name: str) -> None:
        started = time.monotonic()
        program = self.ql.compile(sql.placed, name=name)
        for each in program.diagnostics:
            self.screen.say(each.render(program.source, self.screen.width), "yellow")
        self.last = sql
        if [each.kind for each in program.statements] == ["stream"]:
            follows = isinstance(program.statements[0], ChangelogStatement)
            self._say_if_missing(program.statements)
            self._stream(sql, self.show_change if follows else self.show_row)
            return
        if sql.background:
            raise InputError("QL453", "only a streaming SELECT runs in the background", hint="end it with a semicolon")
        for result in self.ql.execute_all(sql.placed, name=name):
            self.show_result(result)
        for each in program.statements:
            if isinstance(each, TableStatement):
                self.screen.say(f"{each.node.name}: declared for this session; the first row makes the collection")
        self._say_if_missing(program.statements)
        self.show_time(started)

    def _say_if_missing(self, statements: Sequence[Any]) -> None:
        if self.interactive:
            for each in missing_collections(self.ql, statements):
                self.screen.say(each, "yellow")

    def show_time(self, started: float) -> None:
        if self.timing:
            self.screen.say(f"Time: {(time.monotonic() - started) * 1000:,.1f} ms")

    def show_result(self, result: Any) -> None:
        if result.status is not None:
            self.screen.say(f"{result.name}: {result.status}", "green")
            if result.status in ("created", "replaced") and not self.has_worker(result.name):
                self.screen.say(NO_WORKER, "yellow")
        elif not result.is_query:
            self.screen.say(counted(result.rowcount, "row"))
        else:
            self.show_rows(list(result), result.columns)

    def show_rows(self, rows: Sequence[layout.Row], columns: tuple[str, ...] | None = None) -> None:
        names = layout.columns_of(rows, columns)
        draw = layout.expanded if self.expanded else layout.table
        self.screen.page([*draw(rows, names, self.screen.width), plain(f"({counted(len(rows), 'row')})")])

    def has_worker(self, name: str) -> bool:
        """Whether somebody works on what was just registered, here or elsewhere."""
        try:
            return bool(self.ql.status()[name]["state"] != "stopped")
        except (QueryLeafError, KeyError):
            return True  # nothing is known; no reason to alarm

    # -- streams ------------------------------------------------------------------------------------------------

    def _stream(self, sql: Sql, show: ShowRow) -> None:
        rows = self.ql.stream(sql.text)
        if self.interactive:
            rows.on_trouble = self._tell_of_trouble
        if sql.background:
            job = self.jobs.start(sql.text, rows, show)
            self.screen.say(rf"[{job.number}] streams in the background; \kill {job.number} ends it", "dim")
            return
        if self.interactive:
            self.screen.say("waiting for changes; Ctrl-C ends the query", "dim")
        arrangement = layout.Arrangement()
        try:
            with rows:
                while True:
                    row = rows.poll()
                    if row is not None:
                        arrangement = show(arrangement, row, "")
        except KeyboardInterrupt:
            if not self.interactive:
                raise
            self.screen.say(f"\n({counted(arrangement.rows, 'row')})")

    def _tell_of_trouble(self, trouble: str | None) -> None:
        self.screen.say("the server is back" if trouble is None else "the server is away; waiting for it", "dim")

    def show_row(self, before: layout.Arrangement, row: layout.Row, mark: str = "") -> layout.Arrangement:
        """One more row of a stream; ``mark`` stands before each of its lines."""
        width = self.screen.width - len(mark)
        if self.expanded:
            after, lines = layout.next_record(before, row, width)
        else:
            after, lines = layout.next_row(before, row, width)
        self.screen.show([(("dim", mark), *line) for line in lines] if mark else lines)
        return after

    def show_change(self, before: layout.Arrangement, change: Any, mark: str = "") -> layout.Arrangement:
        """One more change of a row that is followed, as the row that goes and the one that comes."""
        for each in lines_of(change):
            before = self.show_row(before, each, mark)
        return before

    # -- the worker ---------------------------------------------------------------------------------------------

    @property
    def worker(self) -> Any:
        """The worker that runs in here, or None."""
        try:
            return self.ql.worker
        except InputError:
            return None

    def look_after_worker(self) -> None:
        """Says so when the worker in here has ended by itself."""
        worker = self.worker
        if worker is None:
            return
        try:
            worker.check()
        except Exception as error:
            self.ql.stop()
            self.screen.error(f"the worker ended: {sentence(error, self.screen.width)}")

    def close(self) -> None:
        """Ends what runs in the background."""
        self.jobs.close()
        self.screen.redirect(None)


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def sentence(error: Exception, width: int | None = None) -> str:
    """An error for a user: ours know how to say it, others are named."""
    if isinstance(error, QueryLeafError):
        return error.render(width)
    return f"error: {type(error).__name__}: {error}"
