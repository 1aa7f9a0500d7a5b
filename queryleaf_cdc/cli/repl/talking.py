"""The loop at a terminal: ask, run, say what went wrong, ask again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from queryleaf_cdc import __version__
from queryleaf_cdc.cli.repl.commands import COMMANDS
from queryleaf_cdc.cli.repl.interrupts import Interrupts
from queryleaf_cdc.cli.repl.names import DatabaseNames
from queryleaf_cdc.cli.repl.prompt import Prompt
from queryleaf_cdc.cli.repl.reading import read
from queryleaf_cdc.cli.repl.shell import Shell, counted, sentence


def talk(shell: Shell) -> None:
    """Until Ctrl-D or a command ends it. Whatever a statement does, the next one can be typed."""
    names = DatabaseNames(shell.ql, lambda: tuple(str(each.number) for each in shell.jobs.all()))
    commands = [(each.name, each.completes) for each in COMMANDS]
    prompt = Prompt(shell.screen, shell.ql.database.name, names, commands, lambda: toolbar(shell))
    shell.screen.say(rf"queryleaf-cdc {__version__}, database {shell.ql.database.name}. \? is help, Ctrl-D ends.")
    with _ctrl_d_kept(), Interrupts() as interrupts:
        while not shell.over:
            with contextlib.suppress(KeyboardInterrupt):
                _turn(shell, prompt, interrupts)
            names.forget()


def _turn(shell: Shell, prompt: Prompt, interrupts: Interrupts) -> None:
    shell.look_after_worker()
    draft, shell.draft = shell.draft, ""
    try:
        text = prompt.ask(draft)
    except EOFError:
        shell.over = True
        return
    run(shell, text, interrupts)


def run(shell: Shell, text: str, interrupts: Interrupts) -> None:
    """Runs what was typed, and says what went wrong. What is not finished goes on at the next prompt: a terminal that
    can do nothing but lines takes each of them for the whole."""
    reading = read(text)
    try:
        interrupts.run(lambda: shell.run(reading.items))
        shell.draft = f"{reading.rest}\n" if reading.rest else shell.draft
    except KeyboardInterrupt:
        shell.screen.say("\ninterrupted", "yellow")
    except Exception as error:
        shell.screen.error(sentence(error, shell.screen.width))
        if shell.skipped:
            shell.screen.say(f"({counted(shell.skipped, 'statement')} behind it not run)", "dim")


@contextlib.contextmanager
def _ctrl_d_kept() -> Iterator[None]:
    """A Ctrl-D that is typed while a statement runs is there for the next prompt, as other keys are; the terminal
    itself would turn it into nothing."""
    try:
        import termios

        before = termios.tcgetattr(0)
    except (ImportError, OSError, termios.error):
        yield
        return
    changed = [*before[:6], [*before[6]]]
    changed[6][termios.VEOF] = b"\0"
    termios.tcsetattr(0, termios.TCSANOW, changed)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, before)


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
