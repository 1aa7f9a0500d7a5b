"""Which sinks pour into one collection, and would take each other's rows there.

A row's ``_id`` is the id of its change, or for a group the group's key. So two sinks make the same one of the same
change, or of equal groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from queryleaf_cdc.errors import Diagnostic, warning
from queryleaf_cdc.plans.program import SinkStatement
from queryleaf_cdc.syntax.expressions import Expr
from queryleaf_cdc.syntax.statements import Insert


@dataclass
class Sinks:
    """The sinks that a text meets: those registered (name → SQL, as the catalog has it), and its own. ``compiled``
    makes a statement of the former."""

    registered: Mapping[str, str]
    compiled: Callable[[str], SinkStatement | None]
    own: dict[str, SinkStatement | None] = field(default_factory=dict)
    """None for what the text has dropped"""

    def is_made(self, name: str) -> bool:
        """Whether the text has made a sink of this name, and not dropped it."""
        return self.own.get(name) is not None

    def copy(self) -> Sinks:
        return Sinks(self.registered, self.compiled, dict(self.own))

    def shared(self, sink: SinkStatement) -> Diagnostic | None:
        """QL262 where another sink's rows and this one's would take each other's place."""
        if sink.destination.is_outside:
            return None
        target = sink.destination.name
        names = [each.plan.name for each in self._into(target, sink.node.name) if _clash(sink, each)]
        if not names:
            return None
        text = f"{', '.join(sorted(names))} writes into {target}, too: rows of one change take each other's place"
        return warning("QL262", text, sink.node.target.span, "give each sink a collection of its own")

    def _into(self, target: str, but: str) -> Iterator[SinkStatement]:
        """The other sinks that pour into a collection."""
        for name, own in self.own.items():
            if name != but and own is not None and _pours_into(own, target):
                yield own
        for name, sql in self.registered.items():
            if name == but or name in self.own or target not in sql.replace('""', '"'):
                continue
            found = self.compiled(sql)
            if found is not None and _pours_into(found, target):
                yield found


def _pours_into(sink: SinkStatement, target: str) -> bool:
    return not sink.destination.is_outside and sink.destination.name == target


def _clash(one: SinkStatement, other: SinkStatement) -> bool:
    if _is_of_groups(one) != _is_of_groups(other):
        return False
    if _is_of_groups(one):
        return True
    own, others = _id(one), _id(other)
    if one.trigger.flow is None and other.trigger.flow is None and own != others:
        return False  # made of CHANGE_ID() in two ways
    return not _reads(one).isdisjoint(_reads(other))


def _is_of_groups(sink: SinkStatement) -> bool:
    """Whether its rows are told apart by values of the user's, and not by changes."""
    flow = sink.trigger.flow
    return flow is not None and not {at for _, at in flow.dataflow.output.key} <= set(flow.changes)


def _id(sink: SinkStatement) -> Expr:
    """What makes the ``_id`` of a row."""
    (insert,) = sink.trigger.node.body
    assert isinstance(insert, Insert)
    return insert.rows[0][-1]


def _reads(sink: SinkStatement) -> set[tuple[str, str]]:
    """The changes that rows may come of: (collection, operation)."""
    flow = sink.trigger.flow
    plans = [each.plan for each in flow.sources] if flow is not None else [sink.plan]
    return {(plan.collection, operation) for plan in plans for operation in plan.operations}
