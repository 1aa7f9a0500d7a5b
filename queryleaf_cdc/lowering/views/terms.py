"""The terms of a condition, one by one: what must hold each time, so that it can become a key or go into a scan."""

from __future__ import annotations

from queryleaf_cdc.logical.walk import conjunction, conjuncts
from queryleaf_cdc.syntax.expressions import Call, Expr


def terms_of(condition: Expr | None) -> list[Expr]:
    """The terms of ANDs, and those that all branches of an OR have: ``(a AND b) OR (a AND c)`` is ``a AND (b OR c)``,
    with NULLs too."""
    return [found for term in conjuncts(condition) for found in _of_or(term)]


def _of_or(term: Expr) -> list[Expr]:
    if not (isinstance(term, Call) and term.name == "OR"):
        return [term]
    branches = [terms_of(each) for each in term.args]
    written = [{repr(each) for each in branch} for branch in branches]
    common = [each for each in branches[0] if all(repr(each) in other for other in written)]
    if not common:
        return [term]
    shared = {repr(each) for each in common}
    rests = [conjunction([each for each in branch if repr(each) not in shared]) for branch in branches]
    others = [each for each in rests if each is not None]
    if len(others) < len(rests):  # a OR (a AND b) is a
        return common
    return [*common, Call("OR", tuple(others), term.span)]
