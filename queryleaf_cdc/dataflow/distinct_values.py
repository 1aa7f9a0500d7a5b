"""How often each value is there in each group: what DISTINCT aggregates are fed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator

from queryleaf_cdc.dataflow.group_feeds import Values
from queryleaf_cdc.dataflow.operator import Context
from queryleaf_cdc.dataflow.rows import Row, Touched, identity
from queryleaf_cdc.dataflow.state import Cell, Cells, Found, NegativeWeight, StateChange
from queryleaf_cdc.functions.server_numbers import is_number
from queryleaf_cdc.values import Value


class Count:
    """One value, as it was first seen: 1 and 1.0 are the same."""

    __slots__ = ("count", "value")

    def __init__(self, value: Value, count: int = 0) -> None:
        self.value = value
        self.count = count


class _Codec:
    """``n`` how often; ``v`` a number, whose width matters. The key ends with the value."""

    def new(self, key: Row) -> Count:
        return Count(key[-1])

    def load(self, key: Row, id: bytes, found: Found) -> Count:
        document = found[id]
        return Count(document.get("v", key[-1]), document["n"])

    def changes(self, cell: Cell[Count]) -> Iterator[StateChange]:
        found = cell.value
        if found.count:
            document = {"n": found.count, "v": found.value} if is_number(found.value) else {"n": found.count}
            yield StateChange(cell.id, document, not cell.is_stored)
        elif cell.is_stored:
            yield StateChange(cell.id, None, False)

    def stored(self, value: Count) -> None:
        pass

    def size(self, value: Count) -> int:
        return 1 if value.count else 0


class DistinctValues:
    """Of one argument. NULLs do not count."""

    def __init__(self, values: Values, keys: int, context: Context) -> None:
        self._values = values
        self._keys = keys
        self._counts: Cells[Count] = context.state.cells(_Codec())
        self._net: dict[tuple[Hashable, Hashable], int] = {}
        self._cells: dict[Hashable, Row] = {}

    def wanting(self, touched: Touched) -> tuple[Cells[Count], dict[Hashable, Row]]:
        """Takes the batch; what ``state.fetch`` is to have at hand for it."""
        self._net, self._cells = self._added_up(touched)
        return self._counts, self._cells

    def changes(self) -> dict[int, dict[Hashable, list[Value]]]:
        """The values that are new in a group (1), and those that are gone (-1)."""
        net, cells = self._net, self._cells
        self._net, self._cells = {}, {}
        changes: dict[int, dict[Hashable, list[Value]]] = {1: defaultdict(list), -1: defaultdict(list)}
        for key, weight in net.items():
            if not weight:
                continue
            found = self._counts.change(key).value
            before, found.count = found.count, found.count + weight
            if found.count < 0:
                raise NegativeWeight(repr(found.value))
            if not before:
                found.value = cells[key][-1]
                changes[1][key[0]].append(found.value)
            elif not found.count:
                changes[-1][key[0]].append(found.value)
        return changes

    def _added_up(self, touched: Touched) -> tuple[dict[tuple[Hashable, Hashable], int], dict[Hashable, Row]]:
        """(group, value) → net weight, and the cells' keys, with a value that came if one did."""
        net: dict[tuple[Hashable, Hashable], int] = defaultdict(int)
        cells: dict[Hashable, Row] = {}
        for weight, groups in touched.items():
            for group, rows in groups.items():
                group_key = rows[0][: self._keys]
                for value in self._values(rows):
                    if value is not None:
                        key = (group, identity(value))
                        net[key] += weight
                        if weight > 0 or key not in cells:
                            cells[key] = (*group_key, value)
        return net, cells
