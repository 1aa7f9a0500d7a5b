"""Rows of the table, and how a figure is made from several runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RUNS = 3


@dataclass(frozen=True)
class Row:
    """``met`` is None where nothing was promised."""

    what: str
    figure: str
    compared: str = ""
    target: str = ""
    met: bool | None = None


def rate(count: int, seconds: Sequence[float]) -> str:
    return f"{count / statistics.median(seconds):,.0f} events/s"


def at_least(what: str, figure: str, ratios: Sequence[float], target: float, of: str) -> Row:
    """Ratios are of pairs measured right after one another."""
    ratio = statistics.median(ratios)
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 and ratio < 20 else ""
    shown = f"{ratio:.2f}" if ratio < 20 else f"{ratio:,.0f}"
    return Row(what, figure, f"{shown} × {of}{spread}", f"≥ {target:g} ×", ratio >= target)


def at_most(what: str, figure: str, value: float, target: float, unit: str, compared: str = "") -> Row:
    return Row(what, figure, compared, f"≤ {target:g} {unit}", value <= target)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(numerators, denominators, strict=True)]
