"""RETURN is folded into the branches, so that "reached" is a matter of conditions alone.

``IF c THEN RETURN; END IF; rest`` → ``IF c THEN ELSE rest END IF``. What follows an IF with a RETURN in it moves into
its branches that do not return. It is copied when there are several; where that would make the IF larger than
``MAX_SIZE`` statements the RETURN stays, and the filter lets more events through than take an action."""

from __future__ import annotations

from dataclasses import replace

from queryleaf_cdc.syntax.statements import BodyStatement, ForLoop, If, Raise, Return

Body = tuple[BodyStatement, ...]
MAX_SIZE = 60


def fold_returns(body: Body) -> Body:
    """The body without RETURN wherever it could be folded."""
    folded: list[BodyStatement] = []
    for position, statement in enumerate(body):
        if isinstance(statement, Return):
            return tuple(folded)
        if isinstance(statement, If):
            rest = body[position + 1 :]
            if rest and _may_return(statement):
                extended = _extended(statement, rest)
                if _open_ends(statement) <= 1 or _size((extended,)) <= MAX_SIZE:
                    return (*folded, _fold_if(extended))
            statement = _fold_if(statement)
        folded.append(statement)
    return tuple(folded)


def _fold_if(node: If) -> If:
    branches = tuple((test, fold_returns(body)) for test, body in node.branches)
    return replace(node, branches=branches, otherwise=fold_returns(node.otherwise))


def _extended(node: If, rest: Body) -> If:
    branches = tuple((test, body if _always_returns(body) else (*body, *rest)) for test, body in node.branches)
    otherwise = node.otherwise if _always_returns(node.otherwise) else (*node.otherwise, *rest)
    return replace(node, branches=branches, otherwise=otherwise)


def _bodies(node: If) -> tuple[Body, ...]:
    return (*(body for _, body in node.branches), node.otherwise)


def _size(body: Body) -> int:
    """Statements, those inside counted too."""
    inner = (each for statement in body if isinstance(statement, If) for each in _bodies(statement))
    loops = (statement.body for statement in body if isinstance(statement, ForLoop))
    return len(body) + sum(map(_size, inner)) + sum(map(_size, loops))


def _open_ends(node: If) -> int:
    return sum(not _always_returns(body) for body in _bodies(node))


def _always_returns(body: Body) -> bool:
    return any(isinstance(each, Return | Raise) for each in body)


def _may_return(node: BodyStatement) -> bool:
    if isinstance(node, If):
        return any(_may_return(each) for body in _bodies(node) for each in body)
    return isinstance(node, Return | Raise) or (isinstance(node, ForLoop) and any(map(_may_return, node.body)))
