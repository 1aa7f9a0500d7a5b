"""Which view of a text reads which: names that are taken, and circles."""

from __future__ import annotations

from dataclasses import dataclass, field

from queryleaf_cdc.errors import CompileError
from queryleaf_cdc.logical.options import is_collection_name
from queryleaf_cdc.logical.walk import table_refs
from queryleaf_cdc.source import Span
from queryleaf_cdc.syntax.statements import CreateMaterializedView


@dataclass
class ViewGraph:
    """The views of one text so far, by name."""

    targets: dict[str, str] = field(default_factory=dict)
    reads: dict[str, frozenset[str]] = field(default_factory=dict)
    """the names that a view reads: those of collections, or of other views"""

    def add(self, node: CreateMaterializedView, target: str) -> None:
        """Adds a bound view. Raises CompileError QL231, QL239, QL240."""
        _check_name(node.name, node.name_span)
        self._check_free(node, target)
        refs = table_refs(node.query)
        for ref in refs:
            _check_name(ref.name, ref.span)
            if ref.name in (node.name, target):
                raise CompileError("QL239", f"{node.name} reads itself", ref.span, "a view reads other collections")
        self.targets[node.name] = target
        self.reads[node.name] = frozenset(ref.name for ref in refs)
        for ref in refs:
            if node.name in self._reached(ref.name):
                del self.reads[node.name]
                text = f"{node.name} reads {ref.name}, which reads {node.name}"
                raise CompileError("QL239", text, ref.span, "a view reads what does not depend on it")

    def drop(self, name: str) -> None:
        self.targets.pop(name, None)
        self.reads.pop(name, None)

    def _check_free(self, node: CreateMaterializedView, target: str) -> None:
        if node.name in self.targets and not (node.or_replace or node.if_not_exists):
            text = f"materialized view {node.name} is created twice"
            raise CompileError("QL231", text, node.name_span, "say CREATE OR REPLACE")
        owner = next((name for name, taken in self.targets.items() if taken == target and name != node.name), None)
        if owner is not None:
            text = f"{target} is the collection of {owner} already"
            raise CompileError("QL231", text, node.name_span, "WITH (target = 'another name')")

    def _reached(self, name: str) -> set[str]:
        """The views that a name leads to, over any number of steps."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            view = self._view_of(waiting.pop())
            if view is not None and view not in found:
                found.add(view)
                waiting += self.reads[view]
        return found

    def _view_of(self, name: str) -> str | None:
        if name in self.reads:
            return name
        return next((view for view, target in self.targets.items() if target == name and view in self.reads), None)


def _check_name(name: str, span: Span) -> None:
    if not is_collection_name(name):
        text = f"{name!r} is no name of a collection of yours"
        raise CompileError("QL240", text, span, "names that begin with _queryleaf. or system. are taken")
