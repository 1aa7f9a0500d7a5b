"""A view's operators as people read them: parameters are SQL text, with names in place of columns' numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from queryleaf_cdc.logical.bind import EVENT_FUNCTIONS
from queryleaf_cdc.lowering.sql_text import NameOf, Text, below, frame_text, identifier, order_text, sql_text
from queryleaf_cdc.lowering.views.rules import TABLE, Rule, rule_of
from queryleaf_cdc.plans.dataflow import (
    ROW,
    Along,
    Closing,
    Combine,
    Concat,
    DataflowPlan,
    Group,
    Join,
    Lookup,
    Map,
    Meet,
    Node,
    Over,
    Scan,
    Sessions,
    Sort,
    Top,
    Unnest,
    While,
    WindowFunction,
    fed_scans,
    inputs_of,
)
from queryleaf_cdc.syntax.expressions import Aggregate, Expr, Field, OrderItem
from queryleaf_cdc.syntax.queries import CHANGE, NEW_DOCUMENT, OLD_DOCUMENT

Parameter = str | int | bool | list[str]
_Keys = tuple[tuple[Expr, ...], tuple[Expr, ...], tuple[bool, ...]]
"""of both sides of a join, and whether NULL equals NULL"""

_LONGEST_NAME = 50
"""An expression that is longer gets a name, by which the operators above read it."""


@dataclass(frozen=True, eq=False)
class Operator:
    """``number`` is set where several operators read this one's rows; it is one object in the tree then."""

    rule: Rule
    parameters: Mapping[str, Parameter]
    inputs: tuple[Operator, ...]
    columns: tuple[Text, ...]
    """what the operators above call its columns"""
    number: int | None
    scan: Scan | None
    """set where a change stream feeds it"""


def described(plan: DataflowPlan) -> Operator:
    return _Describing(plan).operator(plan.root)


class _Describing:
    def __init__(self, plan: DataflowPlan) -> None:
        self._fed = fed_scans(plan.root)
        self._qualified = len(plan.scans) > 1
        self._readers = Counter(id(each) for node in _nodes(plan.root) for each in inputs_of(node))
        self._known: dict[int, Operator] = {}
        self._shared = 0
        self._taken: Counter[str] = Counter()
        self._wanted = _wanted_names(plan)

    def operator(self, node: Node) -> Operator:
        if id(node) not in self._known:
            inputs = tuple(self.operator(each) for each in inputs_of(node))
            parameters, columns = self._described(node, [each.columns for each in inputs])
            given = {name: value for name, value in parameters.items() if value not in (None, [], False)}
            number = self._number() if self._readers[id(node)] > 1 else None
            scan = node if isinstance(node, Scan) and node.number in self._fed else None
            rule = TABLE if isinstance(node, Scan) and scan is None else rule_of(node)
            self._known[id(node)] = Operator(rule, given, inputs, columns, number, scan)
        return self._known[id(node)]

    def _number(self) -> int:
        self._shared += 1
        return self._shared

    def _described(
        self, node: Node, inputs: Sequence[tuple[Text, ...]]
    ) -> tuple[Mapping[str, Parameter | None], tuple[Text, ...]]:
        """Parameters, and the names of the columns."""
        match node:
            case Scan():
                return self._scan(node)
            case Map(columns=columns, condition=condition):
                name_of = _names(inputs[0])
                listed, names = self._listed([sql_text(each, name_of) for each in columns], self._wanted.get(id(node)))
                return {"columns": listed, "where": _optional(condition, name_of)}, names
            case Unnest(array=array, outer=outer):
                text = sql_text(array, _names(inputs[0])).sql
                added = [self._new("element"), self._new("position")]
                return {"array": text, "as": [each.sql for each in added], "outer": outer}, (*inputs[0], *added)
            case Concat():
                return self._concat(inputs)
            case Combine(all=all_):
                return {"all": all_}, inputs[0]
            case Join():
                keys = (node.left_keys, node.right_keys, node.null_safe)
                return self._join(node, keys, *inputs)
            case Lookup():
                keys = (node.input_keys, node.table_keys, node.null_safe)
                parameters, names = self._join(node, keys, *inputs)
                return {**parameters, "found_by": node.path}, names
            case Meet():
                keys = (node.left_keys, node.right_keys, (False,) * len(node.left_keys))
                parameters, names = self._join(node, keys, *inputs)
                return {**parameters, "before_ms": node.before, "after_ms": node.after}, names
            case Group() | Closing():
                return self._group(node, inputs[0])
            case Sessions():
                return self._sessions(node, inputs[0])
            case Over() | Along():
                return self._over(node, inputs[0])
            case Top(partition_by=partition_by, order_by=order_by, limit=limit, offset=offset):
                within = _within(partition_by, order_by, _names(inputs[0]))
                return {**within, "limit": limit, "offset": offset or None}, inputs[0]
            case Sort(order_by=order_by):
                return _within((), order_by, _names(inputs[0])), inputs[0]
            case While(since=since, until=until):
                name_of = _names(inputs[0])
                return {"since": _optional(since, name_of), "until": _optional(until, name_of)}, inputs[0]
            case _:
                assert_never(node)

    def _scan(self, node: Scan) -> tuple[Mapping[str, Parameter | None], tuple[Text, ...]]:
        def name_of(field: Field) -> Text:
            if node.changes and field.path and field.path[0] in _OF_CHANGE:
                return _of_change(field)
            if self._qualified or not field.path:
                return below(Text(identifier(field.source)), field.path)
            return below(Text(identifier(str(field.path[0]))), field.path[1:])

        texts = [sql_text(each, name_of) for each in node.columns]
        listed, names = self._listed(texts, None)
        return {"collection": node.collection, "columns": listed, "where": _optional(node.condition, name_of)}, names

    def _concat(self, inputs: Sequence[tuple[Text, ...]]) -> tuple[Mapping[str, Parameter | None], tuple[Text, ...]]:
        """Columns that the inputs call differently get a name of their own."""
        columns = [list(dict.fromkeys(each)) for each in zip(*inputs, strict=True)]
        names = tuple(each[0] if len(each) == 1 else self._new(_last_part(each[0].sql)) for each in columns)
        is_renamed = any(len(each) > 1 for each in columns)
        return {"as": _sql(names) if is_renamed else None}, names

    def _group(
        self, node: Group | Closing, input: tuple[Text, ...]
    ) -> tuple[Mapping[str, Parameter | None], tuple[Text, ...]]:
        listed, names = self._listed([_aggregate(each, input) for each in node.aggregates], None)
        parameters: dict[str, Parameter | None] = {"by": _sql(input[: node.keys]), "aggregates": listed}
        if isinstance(node, Closing):
            if node.size:
                parameters |= {"window": input[node.start].sql, "window_ms": node.size}
            parameters |= {"emit": _emit(node)}
        return parameters, (*input[: node.keys], *names)

    def _sessions(
        self, node: Sessions, input: tuple[Text, ...]
    ) -> tuple[Mapping[str, Parameter | None], tuple[Text, ...]]:
        listed, names = self._listed([_aggregate(each, input) for each in node.aggregates], None)
        ends = {node.start: self._new("session_start"), node.end: self._new("session_end")}
        parameters: dict[str, Parameter | None] = {
            "by": _sql(input[at] for at in range(node.keys) if at not in ends),
            "window": f"{input[node.start].sql} to {input[node.end].sql}",
            "aggregates": listed,
            "emit": _emit(node),
        }
        return parameters, (*(ends.get(at, input[at]) for at in range(node.keys)), *names)

    def _join(
        self, node: Join | Lookup | Meet, keys: _Keys, left: tuple[Text, ...], right: tuple[Text, ...]
    ) -> tuple[Mapping[str, Parameter | None], tuple[Text, ...]]:
        same = {each.sql for each in left}
        right = tuple(Text(f"right.{each.sql}") if each.sql in same else each for each in right)
        both, of_left, of_right = _names(left + right), _names(left), _names(right)
        pairs = [
            f"{sql_text(one, of_left).sql} {'IS NOT DISTINCT FROM' if safe else '='} {sql_text(other, of_right).sql}"
            for one, other, safe in zip(*keys, strict=True)
        ]
        parameters: dict[str, Parameter | None] = {"kind": node.kind.lower(), "keys": pairs}
        parameters["condition"] = _optional(node.condition, both)
        if node.kind != "MARK":
            return parameters, left + right
        mark = self._new("matched")
        return {**parameters, "as": mark.sql}, (*left, mark)

    def _over(
        self, node: Over | Along, input: tuple[Text, ...]
    ) -> tuple[Mapping[str, Parameter | None], tuple[Text, ...]]:
        name_of = _names(input)
        added = [self._new(each.name.lower()) for each in node.functions]
        functions = [f"{_function(f, name_of)} AS {name.sql}" for f, name in zip(node.functions, added, strict=True)]
        parameters: dict[str, Parameter | None] = {
            **_within(node.partition_by, node.order_by, name_of), "functions": functions,
            "first": node.first if isinstance(node, Over) else None,
        }  # fmt: skip
        return parameters, (*input, *added)

    # -- names -----------------------------------------------------------------------------------------------------

    def _listed(self, texts: Sequence[Text], wanted: Mapping[int, str] | None) -> tuple[list[str], tuple[Text, ...]]:
        """Computed columns as in a SELECT list, and their names: their own text, or one that is given."""
        listed, names = [], []
        for at, text in enumerate(texts):
            name = text
            if len(text.sql) > _LONGEST_NAME:
                known = (wanted or {}).get(at)
                name = Text(identifier(known)) if known is not None else self._new("expression")
                listed.append(f"{text.sql} AS {name.sql}")
            else:
                listed.append(text.sql)
            names.append(name)
        return listed, tuple(names)

    def _new(self, name: str) -> Text:
        self._taken[name] += 1
        count = self._taken[name]
        return Text(name if count == 1 else f"{name}_{count}")


def _nodes(root: Node) -> Iterable[Node]:
    """Each node once."""
    known: dict[int, Node] = {}

    def visit(node: Node) -> None:
        if id(node) not in known:
            known[id(node)] = node
            for each in inputs_of(node):
                visit(each)

    visit(root)
    return known.values()


def _wanted_names(plan: DataflowPlan) -> dict[int, dict[int, str]]:
    """The view's own names for what its last Map computes."""
    node = plan.root
    while isinstance(node, Top | While | Sort):
        node = node.input
    return {id(node): {at: name for at, name in enumerate(plan.output.columns) if name is not None}}


def _names(columns: Sequence[Text]) -> NameOf:
    def name_of(field: Field) -> Text:
        assert field.source == ROW
        at, *path = field.path
        assert isinstance(at, int)
        return below(columns[at], tuple(path)) if path else columns[at]

    return name_of


def _of_change(field: Field) -> Text:
    """What is about the change itself, as SQL calls it."""
    kind, *path = field.path
    if kind == CHANGE:
        return below(Text(_CHANGE_FUNCTIONS[str(path[0])]), tuple(path[1:]))
    return below(Text(_OF_CHANGE[str(kind)]), tuple(path))


_OF_CHANGE = {CHANGE: "", OLD_DOCUMENT: "OLD", NEW_DOCUMENT: "NEW"}
_CHANGE_FUNCTIONS = {field: f"{name}()" for name, field in EVENT_FUNCTIONS.items() if name.startswith("CHANGE")}


def _last_part(text: str) -> str:
    """``city`` for ``c.address.city``; a word for what is no plain name."""
    found = re.fullmatch(r"(?:.*\.)?([A-Za-z_]\w*)", text)
    return found[1] if found is not None and text != "NULL" else "column"


def _emit(node: Closing | Sessions) -> str:
    return "changes" if node.every_change else "on window close"


def _sql(texts: Iterable[Text]) -> list[str]:
    return [each.sql for each in texts]


def _optional(expr: Expr | None, name_of: NameOf) -> str | None:
    return None if expr is None else sql_text(expr, name_of).sql


def _within(
    partition_by: Iterable[Expr], order_by: tuple[OrderItem, ...], name_of: NameOf
) -> dict[str, Parameter | None]:
    partition = [sql_text(each, name_of).sql for each in partition_by]
    return {"partition_by": partition, "order_by": order_text(order_by, name_of) or None}


def _aggregate(node: Aggregate, columns: tuple[Text, ...]) -> Text:
    return sql_text(node, _names(columns))


def _function(node: WindowFunction, name_of: NameOf) -> str:
    call = Aggregate(node.name, node.args, node.distinct, node.filter, node.order_by, node.span)
    text = sql_text(call, name_of).sql if node.args or node.name == "COUNT" else f"{node.name}()"
    text += " IGNORE NULLS" if node.ignore_nulls else ""
    return f"{text} {frame_text(node.frame, name_of)}" if node.frame is not None else text
