r"""Tall results in a pager, as psql has it: ``$PAGER``, else ``less``; ``\pset pager off`` does without."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

_CHUNK = 1 << 16


def page(text: str) -> None:
    """Returns when the pager has ended."""
    click.echo_via_pager(_chunks(text.removesuffix("\n")))


def is_wanted() -> bool:
    """A ``PAGER`` that is blank says that there is to be none."""
    return os.environ.get("PAGER", "less").strip() != ""


def _chunks(text: str) -> Iterator[str]:
    """A pager that is left early need not take the rest."""
    return (text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK))
