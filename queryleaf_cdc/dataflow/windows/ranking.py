"""Functions of a row's position among the others. They do not look at values, beyond telling peers apart."""

from __future__ import annotations

from typing import Any

from queryleaf_cdc.dataflow.partitions import Order
from queryleaf_cdc.dataflow.windows.reach import EVERYTHING, Reach, peers
from queryleaf_cdc.dataflow.windows.sequence import Sequence
from queryleaf_cdc.functions.server_numbers import integer, is_number
from queryleaf_cdc.values import Value


class RowNumber:
    reach = Reach(concerns_after=EVERYTHING, positions=True)

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        base = sequence.base
        return list(range(base + start + 1, base + stop + 1))


class Rank:
    def __init__(self, order: Order) -> None:
        self.reach = Reach(peers(order), concerns_after=EVERYTHING, positions=True)

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        starts, base = sequence.group_starts, sequence.base
        return [base + starts[group] + 1 for group in sequence.group_of[start:stop]]


class DenseRank:
    """Groups have no position of their own, so they are counted from the partition's first row."""

    def __init__(self, order: Order) -> None:
        self.reach = Reach(peers(order), concerns_after=EVERYTHING, running=True)

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        before = sequence.carried.get(self, 0) + 1
        return [before + group for group in sequence.group_of[start:stop]]

    def carry(self, sequence: Sequence, at: int) -> Any:
        return sequence.carried.get(self, 0) + sequence.group_of[at]


class PercentRank:
    """(RANK - 1) / (rows - 1); 0 for a single row."""

    def __init__(self, order: Order) -> None:
        self.reach = _of_size(order)

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        starts, base, others = sequence.group_starts, sequence.base, sequence.total - 1
        return [(base + starts[group]) / others if others else 0.0 for group in sequence.group_of[start:stop]]


class CumeDist:
    """Rows up to the last peer / rows."""

    def __init__(self, order: Order) -> None:
        self.reach = _of_size(order)

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        base, total, end = sequence.base, sequence.total, sequence.group_start
        return [(base + end(group + 1)) / total for group in sequence.group_of[start:stop]]


class Ntile:
    """The number of the bucket, of so many that are as equal as can be, the larger ones first. NULL for a number of
    buckets that is no positive integer."""

    def __init__(self, buckets: Value) -> None:
        self.reach = Reach(concerns_before=EVERYTHING, concerns_after=EVERYTHING, positions=True)
        known = is_number(buckets) and isinstance(buckets, int) and buckets > 0
        self._buckets = int(buckets) if known else None

    def values(self, sequence: Sequence, start: int, stop: int) -> list[Value]:
        buckets = self._buckets
        if buckets is None:
            return [None] * (stop - start)
        size, larger = divmod(sequence.total, buckets)
        in_larger = larger * (size + 1)
        places = range(sequence.base + start, sequence.base + stop)
        numbers = [
            at // (size + 1)
            if at < in_larger
            else larger + (at - in_larger) // size  # size is 0 only in the first case
            for at in places
        ]
        return [integer(number + 1, False) for number in numbers]


def _of_size(order: Order) -> Reach:
    return Reach(peers(order), peers(order), EVERYTHING, EVERYTHING, positions=True)
