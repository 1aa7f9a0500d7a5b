"""The worker inside of the shell, and the streams in the background."""

from __future__ import annotations

from queryleaf_cdc.cli.repl.reading import Command
from queryleaf_cdc.cli.repl.shell import Shell
from queryleaf_cdc.errors import InputError, RunError
from queryleaf_cdc.mongo.deployment import address

_DRAIN_SECONDS = 30.0


def start_worker(shell: Shell, command: Command) -> None:
    if shell.worker is not None:
        shell.screen.say("a worker runs already")
        return
    shell.ql.start()
    shell.screen.say(r"the worker runs; \stop ends it", "green")


def stop_worker(shell: Shell, command: Command) -> None:
    if shell.worker is None:
        shell.screen.say("no worker runs in here")
        return
    shell.ql.stop()
    shell.screen.say("the worker is stopped")


def drain(shell: Shell, command: Command) -> None:
    """Raises InputError QL443 without a worker, RunError QL455 when it takes too long."""
    seconds = float(command.argument) if command.argument.replace(".", "", 1).isdigit() else _DRAIN_SECONDS
    try:
        shell.ql.drain(seconds)
    except InputError as error:  # no worker
        error.hint = r"\run starts one"
        raise
    except TimeoutError as error:
        raise RunError("QL455", str(error)) from None
    shell.screen.say("all is worked off")


def connection(shell: Shell, command: Command) -> None:
    """The address and not the URI, which may hold a password."""
    worker = shell.worker
    shell.screen.say(f"database {shell.ql.database.name} at {address(shell.ql.client)}")
    shell.screen.say(f"the worker in here: {worker.state}" if worker is not None else "no worker runs in here")


def list_jobs(shell: Shell, command: Command) -> None:
    rows = [
        {"job": each.number, "rows": each.count, "state": each.state, "query": " ".join(each.sql.split())}
        for each in shell.jobs.all()
    ]
    if rows:
        shell.show_rows(rows)
    else:
        shell.screen.say("nothing runs in the background")


def kill_job(shell: Shell, command: Command) -> None:
    if not command.argument.isdecimal():
        raise InputError("QL451", "which job?", hint=r"\kill 1; \jobs lists them")
    job = shell.jobs.kill(int(command.argument[:9]))
    shell.screen.say(f"[{job.number}] ended after {job.count} row{'' if job.count == 1 else 's'}")
