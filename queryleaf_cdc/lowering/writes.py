"""INSERT ... SELECT, UPDATE and DELETE → templates that the worker fills and runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.functions.mql import Const as MqlConst
from queryleaf_cdc.functions.mql import Mql, Named, Param, Ref, cond, op
from queryleaf_cdc.functions.paths import is_plain
from queryleaf_cdc.logical.columns import output_columns, with_columns
from queryleaf_cdc.logical.rules.found_rows import find_delete, find_update
from queryleaf_cdc.logical.walk import conjunction, conjuncts, free_fields_in
from queryleaf_cdc.lowering.client_columns import in_reach_of_server, split_columns
from queryleaf_cdc.lowering.holes import HOLE, Holes, read_hole
from queryleaf_cdc.lowering.match import exact_match, query_path
from queryleaf_cdc.lowering.mongo_json import expression_json, match_json, pipeline_json
from queryleaf_cdc.lowering.rows import QueryPlan, document, in_server
from queryleaf_cdc.lowering.select import lower_query, lower_sources
from queryleaf_cdc.lowering.server_face import Reader, ServerScope, lower_truth, lower_value, or_null
from queryleaf_cdc.lowering.set_operations import without_unions
from queryleaf_cdc.plans.actions import (
    Computed,
    Conflict,
    DeleteRows,
    Equality,
    Filter,
    Hole,
    InsertQuery,
    QueryTemplate,
    Template,
    UpdateRows,
)
from queryleaf_cdc.plans.stages import ExprTest, Lookup, Stage, UnionWith
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Path
from queryleaf_cdc.syntax.queries import FromItem, Join, Query, Select
from queryleaf_cdc.syntax.statements import Assignment, Delete, Insert, OnConflict, Update
from queryleaf_cdc.values import Type

OUTER: dict[str, str | Reader] = {HOLE: read_hole}


@dataclass(frozen=True)
class WriteLowering:
    """``outer`` are the sources known before a statement runs; ``compute`` places the values that it needs."""

    outer: frozenset[str]
    compute: Callable[[Expr], Computed]
    in_transaction: bool = True

    # -- queries --------------------------------------------------------------------------------------------------

    def query(self, query: Query) -> QueryTemplate:
        """A query whose columns keep their names."""
        holes = Holes(self.outer, self.compute)
        for_server, client = split_columns(holes.query(query))
        return replace(self._template(lower_query(for_server, OUTER), holes, query), client=client)

    def numbered_query(self, query: Query) -> QueryTemplate:
        """A query whose columns are called ``c0``, ``c1``, ..."""
        return self.query(_numbered(query))

    def _source(self, item: FromItem, joins: tuple[Join, ...], where: Expr | None) -> QueryTemplate:
        holes = Holes(self.outer, self.compute)
        probe = Select(
            (), item, joins, where, (), None, None, (), None, None, None, (), None, Span(0, 0)
        )  # fmt: skip
        filled = holes.query(probe)
        assert isinstance(filled, Select) and filled.from_item is not None
        return self._template(lower_sources(filled.from_item, filled.joins, filled.where, OUTER), holes, probe)

    def _template(self, plan: QueryPlan, holes: Holes, query: Query) -> QueryTemplate:
        reads = frozenset(_collections(plan.pipeline)) | ({plan.collection} if plan.collection is not None else set())
        stages = without_unions(plan.pipeline) if self.in_transaction else plan.pipeline
        return QueryTemplate(plan.collection, Template(pipeline_json(stages), tuple(holes.values)), reads, query)

    # -- statements -----------------------------------------------------------------------------------------------

    def insert_query(self, node: Insert) -> InsertQuery:
        assert node.query is not None
        conflict = self.conflict(node) if node.on_conflict is not None else None
        return InsertQuery(node.target, node.columns, self.numbered_query(node.query), conflict, node.span)

    def update(self, node: Update) -> UpdateRows:
        node = find_update(node, lambda value: in_reach_of_server(Holes(self.outer, self.compute).expr(value)))
        source, aliases, own = self._split(node.alias, node.from_item, node.joins, node.where)
        known = self.outer | set(aliases)
        return UpdateRows(
            collection=node.target,
            alias=node.alias,
            source=source,
            aliases=aliases,
            filter=self._filter(own, node.alias, known),
            update=self._assignments(node.assignments, node.alias, known),
            condition=conjunction(own),
            assignments=tuple((each.path, each.value) for each in node.assignments),
            span=node.span,
        )

    def delete(self, node: Delete) -> DeleteRows:
        node = find_delete(node)
        source, aliases, own = self._split(node.alias, node.using, node.joins, node.where)
        filter_ = self._filter(own, node.alias, self.outer | set(aliases))
        return DeleteRows(node.target, node.alias, source, aliases, filter_, conjunction(own), node.span)

    def _split(
        self, alias: str, item: FromItem | None, joins: tuple[Join, ...], where: Expr | None
    ) -> tuple[QueryTemplate | None, tuple[str, ...], list[Expr]]:
        """The rows to run through, their aliases, and the conditions on the target for each."""
        terms = conjuncts(where)
        if item is None:
            return None, (), terms
        aliases = (item.alias, *(join.item.alias for join in joins))
        own = [term for term in terms if any(each.source == alias for each in free_fields_in(term))]
        rest = [term for term in terms if term not in own]
        return self._source(item, joins, conjunction(rest)), aliases, own

    # -- filters --------------------------------------------------------------------------------------------------

    def _filter(self, terms: list[Expr], alias: str, known: Collection[str]) -> Filter:
        equalities: list[Equality] = []
        others: list[Expr] = []
        for term in terms:
            equality = self._equality(term, alias, known)
            if equality is None:
                others.append(term)
            else:
                equalities.append(equality)
        holes = Holes(known, self.compute)
        condition = conjunction([holes.expr(term) for term in others])
        document: object = {}
        if condition is not None:
            scope = ServerScope({**OUTER, alias: "$"})
            document = match_json(in_server(condition, lambda: exact_match(condition, scope, {alias: ""})))
        return Filter(tuple(equalities), Template(document, tuple(holes.values)))

    def _equality(self, term: Expr, alias: str, known: Collection[str]) -> Equality | None:
        if not (isinstance(term, Call) and term.name == "="):
            return None
        for field, value in (term.args, term.args[::-1]):
            if not isinstance(field, Field) or field.source != alias:
                continue
            path = query_path(field, {alias: ""})
            holes = Holes(known, self.compute)
            if path is None or holes.expr(value) != Field(HOLE, (0,), value.span):
                continue
            scope = ServerScope({**OUTER, alias: "$"})
            exact = ExprTest(lower_truth(Call("=", (field, Field(HOLE, (0,), value.span)), term.span), scope))
            return Equality(path, holes.values[0], Template(match_json(exact), tuple(holes.values)))
        return None

    # -- SET ------------------------------------------------------------------------------------------------------

    def _assignments(self, assignments: tuple[Assignment, ...], alias: str, known: Collection[str]) -> Template:
        """An update document when nothing of the row is read, an update pipeline otherwise."""
        holes = Holes(known, self.compute, volatile=True)
        values = [(each, holes.expr(each.value)) for each in assignments]

        def lower(types: tuple[Type, ...]) -> object:
            known_types: dict[tuple[str, Path], Type] = {(HOLE, (i,)): type_ for i, type_ in enumerate(types)}
            return _set_document(values, ServerScope({**OUTER, alias: "$"}, types=known_types))

        anything = lower((Type.ANY,) * len(holes.values))
        narrowed = lower if isinstance(anything, list) and holes.values else None
        return Template(anything, tuple(holes.values), narrowed)

    # -- ON CONFLICT ----------------------------------------------------------------------------------------------

    def conflict(self, node: Insert) -> Conflict:
        """The holes of the update are the new row's values, in the order of the columns."""
        conflict = node.on_conflict
        assert conflict is not None
        columns = [str(column[0]) for column in node.columns]
        for column in conflict.columns:
            if not is_plain(column):
                raise CompileError("QL306", f"ON CONFLICT cannot name the column {column!r}", conflict.span)
        if not conflict.assignments and all(is_plain(column) for column in columns):
            inserted: object = {"$setOnInsert": {name: Hole(i) for i, name in enumerate(columns)}}
            return Conflict(conflict.columns, Template(inserted, ()), node.target, None, ())
        update = self._do_update(node.target, columns, conflict)
        set_ = tuple((each.path, each.value) for each in conflict.assignments)
        return Conflict(conflict.columns, update, node.target, conflict.where, set_)

    def _do_update(self, target: str, columns: list[str], conflict: OnConflict) -> Template:
        """One upsert that knows by the missing ``_id`` whether the row is new. (Where the conflict is about ``_id``
        itself, a row that holds nothing else counts as new.)"""
        holes = Holes(self.outer, self.compute, volatile=True)
        holes.values = [Computed(Field("EXCLUDED", (name,), conflict.span), None, "the new row") for name in columns]
        positions = {name: i for i, name in enumerate(columns)}

        def excluded(path: Path) -> Mql:
            return Param(positions[str(path[0])])

        scope = ServerScope({**OUTER, target: "$", "EXCLUDED": excluded})
        set_ = [
            (a.path, or_null(in_server(a.value, lambda a=a: lower_value(holes.expr(a.value), scope))), a.span)  # type: ignore[misc]
            for a in conflict.assignments
        ]
        changed: Mql = Ref("$$ROOT")
        for path, value, span in set_:
            name = _single_name(path, span)
            changed = Named("$setField", (("field", MqlConst(name)), ("input", changed), ("value", value)))
        if conflict.where is not None:
            test = in_server(conflict.where, lambda: lower_truth(holes.expr(conflict.where), scope))  # type: ignore[arg-type]
            changed = cond(test, changed, Ref("$$ROOT"))
        new = document({name: Param(i) for name, i in positions.items()})
        is_new = _is_new(conflict.columns)
        merged = op("$mergeObjects", Ref("$$ROOT"), new)
        return Template([{"$replaceWith": expression_json(cond(is_new, merged, changed))}], tuple(holes.values))


def _set_document(values: list[tuple[Assignment, Expr]], scope: ServerScope) -> object:
    lowered = [(each, or_null(in_server(value, lambda v=value: lower_value(v, scope)))) for each, value in values]  # type: ignore[misc]
    if all(isinstance(value, MqlConst | Param) and _is_simple(each.path) for each, value in lowered):
        return {"$set": {str(each.path[0]): _direct(value) for each, value in lowered}}
    return _set_pipeline([(each.path, value, each.span) for each, value in lowered])


def _direct(value: Mql) -> object:
    """A constant or hole outside of an aggregation expression needs no ``$literal``."""
    return Hole(value.index) if isinstance(value, Param) else value.value if isinstance(value, MqlConst) else None


def _is_new(columns: tuple[str, ...]) -> Mql:
    if "_id" not in columns:
        return op("$eq", op("$type", Ref("$_id")), MqlConst("missing"))
    return op("$eq", op("$size", op("$objectToArray", Ref("$$ROOT"))), MqlConst(len(columns)))


def _single_name(path: Path, span: Span) -> str:
    if len(path) != 1 or not isinstance(path[0], str):
        raise CompileError("QL306", "ON CONFLICT sets whole columns", span)
    return path[0]


def _is_simple(path: Path) -> bool:
    return len(path) == 1 and isinstance(path[0], str) and is_plain(path[0])


def _set_pipeline(assignments: list[tuple[Path, Mql, Span]]) -> list[object]:
    """``$set`` for plain paths (all see the old row), ``$setField`` for a name that ``$set`` cannot write."""
    plain: dict[str, object] = {}
    odd: list[tuple[str, Mql]] = []
    for path, value, span in assignments:
        if all(isinstance(part, str) and is_plain(part) for part in path):
            plain[".".join(str(part) for part in path)] = expression_json(value)
        elif len(path) == 1 and isinstance(path[0], str):
            odd.append((path[0], value))
        else:
            raise CompileError("QL306", "SET cannot write below an array index or an odd name", span)
    if not odd:
        return [{"$set": plain}]
    old = {f"_new{i}": expression_json(value) for i, (_, value) in enumerate(odd)}
    root: Mql = Ref("$$ROOT")
    for i, (name, _) in enumerate(odd):
        root = Named("$setField", (("field", MqlConst(name)), ("input", root), ("value", Ref(f"$_new{i}"))))
    return [{"$set": {**plain, **old}}, {"$replaceWith": expression_json(root)}, {"$unset": list(old)}]


def _numbered(query: Query) -> Query:
    columns = output_columns(query)
    if columns is None:
        raise CompileError("QL221", "the columns must be named, * leaves them open", query.span)
    return with_columns(query, tuple(f"c{number}" for number in range(len(columns))))


def _collections(pipeline: tuple[Stage, ...]) -> set[str]:
    found: set[str] = set()
    for stage in pipeline:
        if isinstance(stage, Lookup | UnionWith):
            found |= _collections(stage.pipeline) | ({stage.collection} if stage.collection is not None else set())
    return found
