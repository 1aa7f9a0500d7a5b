"""Which names mean what, where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from queryleaf_cdc.errors import CompileError, Diagnostic, did_you_mean, warning
from queryleaf_cdc.logical.schema import Table
from queryleaf_cdc.logical.walk import free_fields_in, has_aggregate
from queryleaf_cdc.syntax.expressions import Call, Case, Expr, Field, Literal, Name, Variable
from queryleaf_cdc.syntax.queries import Query

ROW_WORDS = {"new": "NEW", "old": "OLD", "excluded": "EXCLUDED"}


@dataclass(frozen=True)
class Scope:
    """The sources in reach of an expression, innermost first.

    ``sources`` maps an alias to what is known of its fields (None: anything). ``aliases`` are SELECT aliases that stand
    for their expressions, ``merged`` the columns of USING and those of the time window that GROUP BY names. ``bare`` is
    false where fields must be qualified (a trigger's NEW and OLD)."""

    sources: dict[str, Table | None] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()
    aliases: dict[str, Expr] = field(default_factory=dict)
    parent: Scope | None = None
    bare: bool = True
    merged: dict[str, Expr] = field(default_factory=dict)
    ctes: Mapping[str, Query] = field(default_factory=dict)
    """bound queries that a name in FROM may stand for"""
    warnings: list[Diagnostic] = field(default_factory=list)

    def child(self, sources: dict[str, Table | None]) -> Scope:
        return Scope(sources, parent=self, ctes=self.ctes, warnings=self.warnings)

    def with_aliases(self, aliases: dict[str, Expr]) -> Scope:
        return replace(self, aliases=aliases)

    def for_aggregate(self) -> Scope:
        """What an aggregate's arguments see: no alias of an aggregate, none that hides the field it is computed of."""
        return self.with_aliases(
            {a: e for a, e in self.aliases.items() if not has_aggregate(e) and not reads_own_field(e, a)}
        )

    def resolve(self, name: Name) -> Expr:
        """The expression that a name stands for. Raises CompileError QL201 to QL203."""
        found = self._resolve(name)
        if found is None:
            raise self._unknown(name)
        return found

    def _resolve(self, name: Name) -> Expr | None:
        head = name.path[0]
        assert isinstance(head, str)
        source = self._source_named(head, name)
        if source is not None and (len(name.path) > 1 or not self._is_column(head)):
            self._check_column(source, name)
            return Field(source, name.path[1:], name.span)
        if head in self.aliases:
            return _below(self.aliases[head], name)
        if self._is_variable(head):
            return _below(Variable(head, name.span), name)
        if self.parent is not None and (len(name.path) > 1 or _is_image(name)) and self.parent._has_source(head, name):
            return self.parent._resolve(name)
        return self._bare(name) or (self.parent._resolve(name) if self.parent else None)

    def reaches(self, source: str) -> bool:
        """Whether it is here or further out."""
        return source in self.sources or (self.parent is not None and self.parent.reaches(source))

    def _has_source(self, head: str, name: Name) -> bool:
        """Here or further out: ``NEW.x`` inside a query is not a field called NEW."""
        if self._source_named(head, name) is not None:
            return True
        return self.parent is not None and self.parent._has_source(head, name)

    def _is_variable(self, name: str) -> bool:
        return name in self.variables or (self.parent is not None and self.parent._is_variable(name))

    def _source_named(self, head: str, name: Name) -> str | None:
        if head in self.sources:
            return head
        word = ROW_WORDS.get(head.lower())
        return word if word in self.sources and not name.quoted else None

    def _is_column(self, head: str) -> bool:
        return any(table is not None and head in table.columns for table in self.sources.values())

    def _check_column(self, source: str, name: Name) -> None:
        table = self.sources[source]
        column = name.path[1] if len(name.path) > 1 else None
        if table is None or not table.closed or not isinstance(column, str):
            return
        if column not in table.columns and column != "_id":
            raise CompileError(
                "QL203",
                f"unknown column {column!r} of {source}",
                name.span,
                did_you_mean(column, table.columns),
            )

    def _bare(self, name: Name) -> Expr | None:
        if not self.bare:
            return None
        head = str(name.path[0])
        if head in self.merged:
            return _below(self.merged[head], name)
        open_to_bare = {alias: table for alias, table in self.sources.items() if alias not in _NEVER_BARE}
        certain = [a for a, table in open_to_bare.items() if table and (head in table.columns)]
        if certain:
            if len(certain) > 1 and all(open_to_bare[a].closed for a in certain):  # type: ignore[union-attr]
                places = " and ".join(certain)
                raise CompileError(
                    "QL202",
                    f"{head!r} is ambiguous: {places} both have it",
                    name.span,
                    f"write {certain[0]}.{head}",
                )
            return Field(certain[0], name.path, name.span)
        possible = [a for a, table in open_to_bare.items() if table is None or not table.closed or head == "_id"]
        if len(possible) <= 1:
            return Field(possible[0], name.path, name.span) if possible else None
        self.warnings.append(
            warning(
                "QL204",
                f"{head!r} is not qualified: the first of {', '.join(possible)} that has the field is read",
                name.span,
                f"write {possible[0]}.{head}",
            )
        )
        return _first_that_has(possible, name)

    def _unknown(self, name: Name) -> CompileError:
        text = ".".join(str(part) for part in name.path)
        scope: Scope | None = self
        known: list[str] = []
        rows: list[str] = []
        while scope is not None:
            known += [*scope.sources, *scope.variables, *scope.aliases]
            known += [column for table in scope.sources.values() if table for column in sorted(table.columns)]
            rows += [each for each in ("NEW", "OLD") if each in scope.sources]
            scope = scope.parent
        if len(name.path) > 1:
            return CompileError(
                "QL201",
                f"unknown source {name.path[0]!r} in {text!r}",
                name.span,
                did_you_mean(str(name.path[0]), known),
            )
        hint = did_you_mean(text, known) or (f"write {rows[0]}.{text} for the document's field" if rows else None)
        return CompileError("QL203", f"unknown column {text!r}", name.span, hint)


def reads_own_field(expr: Expr, alias: str) -> bool:
    """Whether an alias is computed of the very field that it is named after (``UPPER(status) AS status``)."""
    return not isinstance(expr, Field) and any(each.path == (alias,) for each in free_fields_in(expr))


_NEVER_BARE = frozenset({"NEW", "OLD", "EVENT", "EXCLUDED"})


def _is_image(name: Name) -> bool:
    """Whether it is written as the whole document before or after a change is: a field may well be called ``new``."""
    return name.path in (("OLD",), ("NEW",)) and not name.quoted


def _below(expr: Expr, name: Name) -> Expr:
    """``alias.rest``: the rest of the path read from what the alias stands for."""
    rest = name.path[1:]
    if not rest:
        return expr
    if isinstance(expr, Field):
        return Field(expr.source, expr.path + rest, name.span)
    for part in rest:
        expr = Call("[]", (expr, Literal(part, name.span)), name.span)
    return expr


def _first_that_has(sources: list[str], name: Name) -> Expr:
    fields = [Field(source, name.path, name.span) for source in sources]
    whens = tuple((Call("FIELD_EXISTS", (each,), name.span), each) for each in fields[:-1])
    return Case(whens, fields[-1], name.span)
