"""WITH (...) of a trigger."""

from __future__ import annotations

from queryleaf_cdc.errors import CompileError, did_you_mean
from queryleaf_cdc.plans.trigger import TriggerOptions
from queryleaf_cdc.syntax.statements import Option

_CHOICES = {"on_error": ("retry", "dead_letter", "stop"), "start": ("now", "beginning")}
MAX_RETRIES = 1000


def trigger_options(options: tuple[Option, ...]) -> TriggerOptions:
    """Checks names and values. Raises CompileError QL232, QL233."""
    given: dict[str, str | int] = {}
    for option in options:
        name = option.name.lower()
        known = (*_CHOICES, "max_retries")
        if name not in known:
            hint = did_you_mean(name, known) or f"options are {', '.join(known)}"
            raise CompileError("QL232", f"unknown option {option.name!r}", option.span, hint)
        if name in given:
            raise CompileError("QL233", f"option {option.name!r} is given twice", option.span)
        given[name] = _max_retries(option) if name == "max_retries" else _choice(option, _CHOICES[name])
    return TriggerOptions(
        on_error=str(given.get("on_error", "retry")),
        max_retries=int(given.get("max_retries", 5)),
        start=str(given.get("start", "now")),
    )


def _choice(option: Option, choices: tuple[str, ...]) -> str:
    if option.value not in choices:
        said = " or ".join(repr(choice) for choice in choices)
        raise CompileError("QL233", f"{option.name} is {said}, not {option.value!r}", option.span)
    return str(option.value)


def _max_retries(option: Option) -> int:
    value = option.value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_RETRIES:
        raise CompileError("QL233", f"max_retries is a whole number from 0 to {MAX_RETRIES}", option.span)
    return value
