"""GROUP BY of a one-shot query → ``$group``."""

from __future__ import annotations

from collections.abc import Callable

from queryleaf_cdc.functions.mql import NULL, Const, Doc, Mql, Ref
from queryleaf_cdc.logical.groups import GroupedClauses
from queryleaf_cdc.logical.walk import rebuild
from queryleaf_cdc.lowering.accumulators import accumulate
from queryleaf_cdc.lowering.rows import in_server
from queryleaf_cdc.lowering.server_face import ServerScope, lower_value, or_null
from queryleaf_cdc.plans.stages import AddFields, Group, Stage
from queryleaf_cdc.syntax.expressions import Aggregate, Expr


class Grouping:
    """Takes the clauses one after another (``clauses.over_groups``), then gives the stages.

    ``extract`` takes the subqueries out of what is computed before grouping."""

    def __init__(self, keys: tuple[Expr, ...], sources: frozenset[str], extract: Callable[[Expr], Expr]) -> None:
        self.keys = keys
        self.clauses = GroupedClauses(keys, sources, ("_id",))
        self._extract = extract

    def before(self) -> None:
        """Takes the subqueries out; to be called after all clauses were rewritten, before ``stages``."""
        self.keys = tuple(map(self._extract, self.keys))
        for name, node in self.clauses.aggregates.items():
            extracted = rebuild(node, self._extract)
            assert isinstance(extracted, Aggregate)
            self.clauses.aggregates[name] = extracted

    def stages(self, scope: ServerScope) -> list[Stage]:
        """``scope`` is that of the rows to be grouped."""
        key: Mql = NULL
        if self.keys:
            values = [or_null(in_server(each, lambda each=each: lower_value(each, scope))) for each in self.keys]  # type: ignore[misc]
            key = Doc(tuple((f"k{i}", value) for i, value in enumerate(values)))
        fields: list[tuple[str, Mql]] = []
        results: list[tuple[str, Mql]] = []
        for name, node in self.clauses.aggregates.items():
            accumulation = in_server(node, lambda node=node: accumulate(node, scope))  # type: ignore[misc]
            stored = {suffix: f"{name}{suffix}" for suffix in accumulation.parts}
            fields += [(stored[suffix], part) for suffix, part in accumulation.parts.items()]
            result = accumulation.result({suffix: Ref(f"${stored[suffix]}") for suffix in stored})
            if result != Ref(f"${name}"):
                results.append((name, result))
        stages: list[Stage] = [Group(key, tuple(fields))]
        return [*stages, AddFields(tuple(results))] if results else stages

    def empty_row(self) -> Doc:
        """The row of a query without GROUP BY over nothing: COUNT 0, all else NULL."""
        zeros = {name: Const(0) for name, node in self.clauses.aggregates.items() if node.name == "COUNT"}
        return Doc(tuple((name, zeros.get(name, NULL)) for name in self.clauses.aggregates))
