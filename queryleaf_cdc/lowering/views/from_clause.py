"""FROM, JOIN and the plain terms of WHERE: which rows there are before anything is grouped.

Terms of WHERE that read one source go into its scan; those that equate two sources become join keys, and the order of
inner joins follows them, so that a list of tables with conditions in WHERE makes no cross product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import assert_never

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.walk import any_node, conjunction
from queryleaf_cdc.lowering.streams.append_only import AppendOnly
from queryleaf_cdc.lowering.views.correlation import computed, pairs_of
from queryleaf_cdc.lowering.views.leaves import (
    Leaf,
    aliases_in,
    from_clauses,
    from_items,
    needed,
    outer_fields,
    own_clauses,
    starred,
)
from queryleaf_cdc.lowering.views.moving_clock import is_timed, timed
from queryleaf_cdc.lowering.views.relation import (
    BuildQuery,
    OuterValues,
    Relation,
    column,
    extended,
    filtered,
    mapped,
    outer_sources,
)
from queryleaf_cdc.lowering.views.terms import terms_of
from queryleaf_cdc.plans.dataflow import Concat, Group, Join, Node, Scan, Unnest
from queryleaf_cdc.source import NO_SPAN, Span
from queryleaf_cdc.syntax.expressions import Call, Expr, Field, Literal, Path, Subquery
from queryleaf_cdc.syntax.queries import CHANGE, FromItem, Query, Select, SubqueryRef, TableRef, UnnestRef
from queryleaf_cdc.syntax.queries import Join as JoinClause

_SCANS = count()
"""Each scan that is built has another number, until those that are equal are put together."""


def from_clause(
    query: Select, base: OuterValues | None, want_key: bool, build: BuildQuery
) -> tuple[Relation, list[Expr]]:
    """The joined rows, and the terms of WHERE that are still to be met (those with subqueries).

    ``base`` has the rows of an outer query that this one depends on: it is joined with each of them."""
    if base is None or not base.equal_to:
        return _From(query, want_key, build).rows(base)
    rows, later = _From(query, want_key, build, also_read=base.equal_to).rows(None)
    start = rows.width
    every = (*map(column, range(start)), *(rows.over(each) for each in base.equal_to))
    known = conjunction([_is_known(each) for each in every[start:]])
    rows = replace(
        rows,
        node=mapped(rows.node, every, known),
        width=len(every),
        sources={**rows.sources, **outer_sources(base, start)},
    )
    return rows, later


def _arriving(node: Node, query: Query, span: Span) -> Node:
    """A named stream's rows are computed as they come, whatever reads them."""
    return AppendOnly(span, isinstance(query, Select) and query.emit == "CHANGES").node(node)


def _is_known(value: Expr) -> Expr:
    return Call("NOT", (Call("IS NULL", (value,), value.span),), value.span)


def one_row() -> Relation:
    """A single row without columns."""
    return Relation(Group(Concat(()), 0, (), True), 0, key=())


@dataclass
class _From:
    query: Select
    want_key: bool
    build: BuildQuery
    also_read: tuple[Expr, ...] = ()
    pushed: dict[str, list[Expr]] = field(default_factory=dict)
    waiting: list[Expr] = field(default_factory=list)
    held: list[Expr] = field(default_factory=list)
    """terms of WHERE that must not be met before the last RIGHT or FULL JOIN: it brings back what they leave out"""
    leaves: dict[str, dict[str, Leaf]] = field(default_factory=dict)

    def rows(self, base: OuterValues | None) -> tuple[Relation, list[Expr]]:
        self._sort_terms(base)
        pool: list[Relation] = []
        current: Relation | None = base
        if base is not None and self.want_key:
            current = replace(base, key=())  # what is computed for one of its rows has a key within that
        first = self.query.from_item
        if first is not None:
            current = self._first(first, current, pool)
        for join in self.query.joins:
            if join.kind in ("INNER", "CROSS") and not _reads_others(join.item):
                self.waiting += terms_of(join.on)
                pool.append(self._item(join.item))
                continue
            current = self._flushed(current, pool)
            current = self._joined(current, join)
            if join is self._last_late():
                self.waiting += self.held
        current = self._flushed(current, pool)
        later = [term for term in self.waiting if any_node(term, _is_subquery)]
        rest = [term for term in self.waiting if not any_node(term, _is_subquery)]
        return self._where(current, rest), later

    def _sort_terms(self, base: OuterValues | None) -> None:
        """Which terms of WHERE go into the scan of their one source, and what else is read of each source."""
        late = self._last_late() is not None
        padded = {join.item.alias for join in self.query.joins if join.kind in ("LEFT", "FULL")}
        tables = {item.alias for item in from_items(self.query) if not isinstance(item, UnnestRef)}
        for term in terms_of(self.query.where):
            aliases = aliases_in(term) - {"EVENT"}
            single = len(aliases) == 1 and aliases <= tables - padded
            if single and not late and not any_node(term, _is_subquery):
                self.pushed.setdefault(aliases.pop(), []).append(term)
            else:
                (self.held if late else self.waiting).append(term)
        terms = (*self.waiting, *self.held)
        self.leaves = needed([*own_clauses(self.query), *from_clauses(self.query), *terms, *self.also_read])

    def _last_late(self) -> JoinClause | None:
        return next((join for join in reversed(self.query.joins) if join.kind in ("RIGHT", "FULL")), None)

    def _where(self, current: Relation, terms: Sequence[Expr]) -> Relation:
        moving = [term for term in terms if is_timed(term)]
        plain = conjunction([term for term in terms if not is_timed(term)])
        current = filtered(current, current.over(plain) if plain is not None else None)
        for term in moving:
            current = timed(current, term)
        return current

    # -- sources ---------------------------------------------------------------------------------------------------

    def _first(self, item: FromItem, current: Relation | None, pool: list[Relation]) -> Relation | None:
        if isinstance(item, UnnestRef):
            return self._unnested(current or one_row(), item, False, None)
        if isinstance(item, SubqueryRef) and _reads_others(item):
            return self._dependent(current or one_row(), item, JoinClause("CROSS", item, None, (), item.span))
        pool.append(self._item(item))
        return current

    def _item(self, item: FromItem) -> Relation:
        """One source by itself, with the terms of WHERE that speak of it alone."""
        pushed = self.pushed.get(item.alias, [])
        match item:
            case TableRef():
                timed_terms = [term for term in pushed if is_timed(term)]
                wanted = {**self._wanted(item), **needed(timed_terms).get(item.alias, {})}
                plain = [term for term in pushed if term not in timed_terms]
                relation = _narrowed(self._where(self._scan(item, wanted), plain), item.alias, wanted)
                return self._where(relation, timed_terms)
            case SubqueryRef(query, alias):
                relation = _named(self.build(query, self.want_key), alias)
                if item.stream:
                    relation = replace(relation, node=_arriving(relation.node, query, item.span))
            case UnnestRef():
                raise AssertionError("UNNEST is no source by itself")
            case _:
                assert_never(item)
        return self._where(relation, pushed)

    def _wanted(self, item: TableRef) -> dict[str, Leaf]:
        """What is read of a collection once the pushed terms are met."""
        alias = item.alias
        leaves = dict(self.leaves.get(alias, {}))
        whole, own = Field(alias, (), item.span), _own_key(item)
        if alias in starred(self.query):
            leaves.setdefault(repr(whole), whole)
        if self.want_key:
            leaves.setdefault(repr(own), own)
        return leaves

    def _scan(self, item: TableRef, wanted: Mapping[str, Leaf]) -> Relation:
        """The leaves that are wanted of the collection, and behind them what only the pushed terms read."""
        alias = item.alias
        leaves = dict(wanted)
        for found in needed(self.pushed.get(alias, [])).get(alias, {}).values():
            leaves.setdefault(repr(found), found)
        star = alias in starred(self.query)
        whole, own = Field(alias, (), item.span), _own_key(item)
        order = {text: at for at, text in enumerate(leaves)}
        return Relation(
            Scan(next(_SCANS), item.name, alias, tuple(leaves.values()), None, item.span, item.changes),
            len(leaves),
            {alias: {leaf.path: order[text] for text, leaf in leaves.items() if isinstance(leaf, Field)}},
            {text: column(order[text]) for text, leaf in leaves.items() if isinstance(leaf, Call)},
            ((alias, order[repr(own)]),) if self.want_key else None,
            {alias: ((None, order[repr(whole)]),)} if star else {},
        )

    # -- joins -----------------------------------------------------------------------------------------------------

    def _flushed(self, current: Relation | None, pool: list[Relation]) -> Relation:
        """Inner joins of what waits in the pool: next comes a source that a term equates with those before it."""
        if current is None:
            current = pool.pop(0) if pool else one_row()
        while pool:
            at = next((at for at, each in enumerate(pool) if self._keys(current, each)), 0)
            right = pool.pop(at)
            terms = self._keys(current, right)
            more = [t for t in self._ready(current, right) if t not in terms and not is_timed(t)]
            self.waiting = [term for term in self.waiting if term not in (*terms, *more)]
            current = join_relations(current, right, "INNER", terms, more)
        return current

    def _keys(self, left: Relation, right: Relation) -> list[Expr]:
        return [term for term in self.waiting if is_key(term, left, right)]

    def _ready(self, left: Relation, right: Relation) -> list[Expr]:
        """Waiting terms that read both sides and nothing else."""
        both = set(left.sources) | set(right.sources)
        found = []
        for term in self.waiting:
            aliases = aliases_in(term) - {"EVENT"}
            if aliases <= both and not any_node(term, _is_subquery):
                found.append(term)
        return found

    def _joined(self, left: Relation, join: JoinClause) -> Relation:
        """LEFT, RIGHT, FULL; and UNNEST, which reads the row before it."""
        if join.on is not None and any_node(join.on, _is_subquery):
            raise CompileError("QL303", f"ON of a {join.kind} JOIN cannot hold a subquery in a view", join.span)
        if isinstance(join.item, UnnestRef):
            return self._unnested(left, join.item, join.kind == "LEFT", join.on)
        if isinstance(join.item, SubqueryRef) and _reads_others(join.item):
            return self._dependent(left, join.item, join)
        if join.kind in ("RIGHT", "FULL") and self.waiting:
            hint = "join those before it in a subquery in FROM, and say this there in WHERE"
            raise CompileError("QL303", f"this condition cannot be met before the {join.kind} JOIN", join.span, hint)
        right = self._item(join.item)
        terms = terms_of(join.on)
        if any(map(is_timed, terms)):
            raise CompileError("QL311", "the moving clock cannot stand in ON of an outer join", join.span)
        keys = [term for term in terms if is_key(term, left, right)]
        rest = [term for term in terms if term not in keys]
        if join.kind == "LEFT":
            own = [term for term in rest if aliases_in(term) <= set(right.sources)]
            right = filtered(right, _over(right, own))
            rest = [term for term in rest if term not in own]
        if join.kind == "FULL" and left.key is not None:
            left = _told_apart(left)
        return join_relations(left, right, join.kind, keys, rest)

    def _dependent(self, left: Relation, item: SubqueryRef, join: JoinClause) -> Relation:
        """A query that reads the rows before it: computed for each set of the values that it reads, and joined to the
        rows that have these."""
        if join.kind in ("RIGHT", "FULL"):
            text = f"a query that reads the rows before it cannot stand behind {join.kind} JOIN"
            raise CompileError("QL303", text, join.span)
        base, inner = computed(left, item.query, self.build, want_key=self.want_key)
        pairs = pairs_of(left, inner, base)
        right = self._where(_named(inner, item.alias), self.pushed.get(item.alias, []))
        moved = right.shifted(left.width)
        joint = replace(
            joined_on(left, right, "LEFT" if join.kind == "LEFT" else "INNER", pairs),
            sources={**left.sources, **moved.sources},
            atoms={**left.atoms, **moved.atoms},
            key=(*left.key, *moved.key) if left.key is not None and moved.key is not None else None,
            stars={**left.stars, **moved.stars},
        )
        terms = terms_of(join.on)
        if join.kind != "LEFT":
            self.waiting += terms
            return joint
        if any(map(is_timed, terms)):
            raise CompileError("QL311", "the moving clock cannot stand in ON of an outer join", join.span)
        assert isinstance(joint.node, Join)
        return replace(joint, node=replace(joint.node, condition=_over(joint, terms)))

    def _unnested(self, input: Relation, item: UnnestRef, outer: bool, on: Expr | None) -> Relation:
        trivial = on is None or (isinstance(on, Literal) and on.value is True)
        if outer and not trivial:
            raise CompileError("QL303", "LEFT JOIN UNNEST takes ON TRUE only", item.span)
        node = Unnest(input.node, input.over(item.array), outer)
        names: dict[Path, int] = {(name,): input.width + at for at, name in enumerate(item.columns)}
        at = names or {(): input.width}
        key = (*input.key, (item.alias, input.width + 1)) if input.key is not None else None
        stars = tuple((str(path[0]), place) for path, place in names.items()) or ((item.alias, input.width),)
        relation = replace(
            input,
            node=node,
            width=input.width + 2,
            sources={**input.sources, item.alias: at},
            key=key,
            stars={**input.stars, item.alias: stars},
        )
        return relation if trivial or on is None else filtered(relation, relation.over(on))


def _own_key(item: TableRef) -> Field:
    """What tells a source's rows apart."""
    return Field(item.alias, (CHANGE, "id") if item.changes else ("_id",), item.span)


def _reads_others(item: FromItem) -> bool:
    """Whether its rows depend on those before it, or around the query."""
    return isinstance(item, UnnestRef) or (isinstance(item, SubqueryRef) and bool(outer_fields(item.query)))


def _is_subquery(node: Expr) -> bool:
    return isinstance(node, Subquery)


def _named(rows: Relation, alias: str) -> Relation:
    """A derived table: its outputs are columns of the alias."""
    outputs = rows.stars[""]
    columns: dict[Path, int] = {(() if name is None else (name,)): at for name, at in outputs}
    return replace(rows, sources={alias: columns}, atoms={}, stars={alias: outputs})


def _told_apart(left: Relation) -> Relation:
    """The left side of a FULL JOIN with one more part of its key, since a key may be NULL: then a row of the left alone
    and one of the right alone would look the same."""
    assert left.key is not None
    left, (there,) = extended(left, (Literal(True, NO_SPAN),))
    assert isinstance(there, Field) and isinstance(there.path[0], int) and left.key is not None
    return replace(left, key=(*left.key, ("left", there.path[0])))


def _narrowed(relation: Relation, alias: str, wanted: Mapping[str, Leaf]) -> Relation:
    """A scan without the columns that only its condition reads; they are its last ones."""
    width = len(wanted)
    if width == relation.width:
        return relation
    return replace(
        relation,
        node=mapped(relation.node, tuple(map(column, range(width)))),
        width=width,
        sources={alias: {path: at for path, at in relation.sources[alias].items() if at < width}},
        atoms={text: atom for text, atom in relation.atoms.items() if text in wanted},
    )


def _over(relation: Relation, terms: Sequence[Expr]) -> Expr | None:
    condition = conjunction(list(terms))
    return relation.over(condition) if condition is not None else None


def is_key(term: Expr, left: Relation, right: Relation) -> bool:
    """Whether the term equates something of the left with something of the right."""
    return _key_sides(term, set(left.sources), set(right.sources)) is not None


def _key_sides(term: Expr, left: set[str], right: set[str]) -> tuple[Expr, Expr, bool] | None:
    match term:
        case Call("=", (a, b)):
            null_safe = False
        case Call("NOT", (Call("IS DISTINCT FROM", (a, b)),)):
            null_safe = True
        case _:
            return None
    if any_node(term, _is_subquery):
        return None
    for one, other in ((a, b), (b, a)):
        of_one, of_other = aliases_in(one), aliases_in(other)
        if of_one and of_other and of_one <= left and of_other <= right and not of_other & left:
            return one, other, null_safe
    return None


def join_relations(left: Relation, right: Relation, kind: str, keys: Sequence[Expr], rest: Sequence[Expr]) -> Relation:
    """Both relations side by side, joined where the keys (terms of equality) and the rest hold."""
    sides = [_key_sides(term, set(left.sources), set(right.sources)) for term in keys]
    pairs = [(left.over(side[0]), right.over(side[1])) for side in sides if side is not None]
    left, left_keys = extended(left, tuple(one for one, _ in pairs))
    right, right_keys = extended(right, tuple(other for _, other in pairs))
    moved = right.shifted(left.width)
    joint = Relation(
        left.node,
        left.width + right.width,
        {**left.sources, **moved.sources},
        {**left.atoms, **moved.atoms},
        (*left.key, *moved.key) if left.key is not None and moved.key is not None else None,
        {**left.stars, **moved.stars},
    )
    null_safe = tuple(side[2] for side in sides if side is not None)
    node = Join(
        left.node, right.node, kind, left_keys, right_keys, null_safe, _over(joint, rest), left.width, right.width
    )
    return replace(joint, node=node)


def joined_on(
    left: Relation,
    right: Relation,
    kind: str,
    pairs: Sequence[tuple[Expr, Expr]],
    condition: Expr | None = None,
) -> Relation:
    """The left relation with the right one's columns (of a MARK: one column) behind its own; keys compare NULLs as
    equal, and are expressions over the rows, as is the condition over both."""
    node = Join(
        left.node,
        right.node,
        kind,
        tuple(one for one, _ in pairs),
        tuple(other for _, other in pairs),
        (True,) * len(pairs),
        condition,
        left.width,
        right.width,
    )
    return replace(left, node=node, width=left.width + (1 if kind == "MARK" else right.width))
