"""What the worker itself reads and computes of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.logical.walk import fields_in
from queryleaf_cdc.lowering.event_scope import PREFIXES
from queryleaf_cdc.plans.actions import (
    Action,
    CallAction,
    Choose,
    Computed,
    Conflict,
    DeleteRows,
    Filter,
    ForEach,
    InsertQuery,
    InsertRow,
    QueryTemplate,
    RaiseAction,
    ReadInto,
    ReturnAction,
    SetVariable,
    Template,
    UpdateRows,
)
from queryleaf_cdc.syntax.expressions import Expr

BASE_FIELDS = ("operationType", "ns", "documentKey", "clusterTime", "wallTime")
"""Kept of every event: what dead letters, CALL and lag are made of."""


def walk_actions(actions: Iterable[Action]) -> Iterator[Action]:
    """Every action, the inner ones of IF and loops too."""
    for action in actions:
        yield action
        match action:
            case Choose(branches=branches, otherwise=otherwise):
                for _, body in branches:
                    yield from walk_actions(body)
                yield from walk_actions(otherwise)
            case ForEach(body=body):
                yield from walk_actions(body)


def computed_values(action: Action) -> Iterator[Computed]:
    """The values that one action needs, its inner actions' left out."""
    match action:
        case Choose() | ReturnAction():
            return
        case InsertRow(fields=fields, conflict=conflict):
            yield from (value for _, value in fields)
            yield from _of_conflict(conflict)
        case InsertQuery(query=query, conflict=conflict):
            yield from query.pipeline.values
            yield from _of_conflict(conflict)
        case UpdateRows(source=source, filter=filter_, update=update):
            yield from _of_query(source)
            yield from _of_filter(filter_)
            yield from update.values
        case DeleteRows(source=source, filter=filter_):
            yield from _of_query(source)
            yield from _of_filter(filter_)
        case CallAction(args=args):
            yield from args
        case RaiseAction(message=value) | SetVariable(value=value):
            yield value
        case ReadInto(query=query) | ForEach(query=query):
            yield from query.pipeline.values


def _of_conflict(conflict: Conflict | None) -> Iterable[Computed]:
    return conflict.update.values if conflict is not None else ()


def _of_query(query: QueryTemplate | None) -> Iterable[Computed]:
    return query.pipeline.values if query is not None else ()


def _of_filter(filter_: Filter) -> Iterator[Computed]:
    templates: list[Template] = [filter_.rest]
    for each in filter_.equalities:
        yield each.value
        templates.append(each.exact)
    for template in templates:
        yield from template.values


def worker_expressions(actions: Iterable[Action]) -> Iterator[Expr]:
    """Expressions that the worker evaluates when the server has computed all it can."""
    for action in walk_actions(actions):
        if isinstance(action, Choose) and action.slot is None:
            yield from (test for test, _ in action.branches)
        yield from (value.expr for value in computed_values(action) if value.slot is None)


def all_expressions(actions: Iterable[Action]) -> Iterator[Expr]:
    """Expressions that the worker evaluates when the server computes nothing."""
    for action in walk_actions(actions):
        if isinstance(action, Choose):
            yield from (test for test, _ in action.branches)
        yield from (value.expr for value in computed_values(action))


def event_fields(expressions: Iterable[Expr]) -> frozenset[str]:
    """Event paths below the images that the expressions read, as ``$project`` takes them."""
    found: set[str] = set()
    for expr in expressions:
        for each in fields_in(expr):
            prefix = PREFIXES.get(each.source)
            if each.source == "EVENT" and each.path == ("changed_fields",):
                found |= set(PREFIXES.values())
            elif prefix is not None:
                head = each.path[0] if each.path else ""
                plain = isinstance(head, str) and is_plain(head)
                found.add(f"{prefix}.{head}" if plain else prefix)
    return frozenset(path for path in found if path.partition(".")[0] not in found or "." not in path)
