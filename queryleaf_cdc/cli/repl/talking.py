"""The loop at a terminal: ask, run, say what went wrong, ask again."""

from __future__ import annotations

from queryleaf_cdc import __version__
from queryleaf_cdc.cli.repl.commands import COMMANDS
from queryleaf_cdc.cli.repl.names import DatabaseNames
from queryleaf_cdc.cli.repl.prompt import Prompt
from queryleaf_cdc.cli.repl.reading import read
from queryleaf_cdc.cli.repl.shell import Shell, sentence


def talk(shell: Shell) -> None:
    """Until Ctrl-D or a command ends it. Whatever a statement does, the next one can be typed."""
    names = DatabaseNames(shell.ql, lambda: tuple(str(each.number) for each in shell.jobs.all()))
    commands = [(each.name, each.completes) for each in COMMANDS]
    prompt = Prompt(shell.screen, shell.ql.database.name, names, commands, lambda: toolbar(shell))
    shell.screen.say(rf"queryleaf-cdc {__version__}, database {shell.ql.database.name}. \? is help, Ctrl-D ends.")
    while not shell.over:
        shell.look_after_worker()
        draft, shell.draft = shell.draft, ""
        try:
            text = prompt.ask(draft)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        run(shell, text)
        names.forget()


def run(shell: Shell, text: str) -> None:
    try:
        shell.run(read(text).items)
    except KeyboardInterrupt:
        shell.screen.say("\ninterrupted", "yellow")
    except Exception as error:
        shell.screen.error(sentence(error))


def toolbar(shell: Shell) -> str:
    """What goes on in the background."""
    worker = shell.worker
    parts = [f"worker: {worker.state}" if worker is not None else r"no worker (\run)"]
    jobs = shell.jobs.all()
    if jobs:
        parts.append(f"{len(jobs)} in the background")
    if worker is not None and worker.trouble:
        parts.append(" ".join(worker.trouble.split()))
    return " · ".join(parts)
