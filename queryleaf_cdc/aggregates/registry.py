"""All aggregates by name."""

from __future__ import annotations

from collections.abc import Mapping

from queryleaf_cdc.aggregates import lists, orders, percentiles, picks
from queryleaf_cdc.aggregates.counts import Flags, Known, every, number, some
from queryleaf_cdc.aggregates.moments import Moments, deviation, variance
from queryleaf_cdc.aggregates.ordered import Ordered
from queryleaf_cdc.aggregates.spec import Linear
from queryleaf_cdc.aggregates.sums import Sum, mean, total
from queryleaf_cdc.functions.server_numbers import is_number
from queryleaf_cdc.syntax.expressions import Aggregate

_LINEAR = (
    Linear("COUNT", Known, number),
    Linear("SUM", Sum, total),
    Linear("AVG", Sum, mean),
    Linear("STDDEV", Moments, deviation(sample=True)),
    Linear("STDDEV_SAMP", Moments, deviation(sample=True)),
    Linear("STDDEV_POP", Moments, deviation(sample=False)),
    Linear("VARIANCE", Moments, variance(sample=True)),
    Linear("VAR_SAMP", Moments, variance(sample=True)),
    Linear("VAR_POP", Moments, variance(sample=False)),
    Linear("BOOL_AND", Flags, every),
    Linear("EVERY", Flags, every),
    Linear("BOOL_OR", Flags, some),
)


def _array(name: str) -> Ordered:
    return Ordered(name, orders.everything, orders.argument, orders.as_written, lists.array, lists.at_all)


_ORDERED = (
    Ordered("MIN", orders.known, orders.argument, orders.ascending, picks.first, picks.at_first),
    Ordered("MAX", orders.known, orders.argument, orders.ascending, picks.greatest, picks.at_last),
    Ordered("ANY_VALUE", orders.known, orders.argument, orders.ascending, picks.first, picks.at_first),
    Ordered("FIRST", orders.everything, orders.argument, orders.as_written, picks.first, picks.at_first),
    Ordered("LAST", orders.everything, orders.argument, orders.as_written, picks.last, picks.at_last),
    Ordered("STRING_AGG", orders.text, orders.argument, orders.as_written, lists.joined, lists.at_all),
    _array("ARRAY_AGG"),
    _array("JSON_AGG"),
    _array("JSONB_AGG"),
    Ordered("MEDIAN", is_number, orders.argument, orders.ascending, percentiles.median, percentiles.positions),
    Ordered(
        "PERCENTILE_CONT",
        is_number,
        orders.within_group,
        orders.of_group,
        percentiles.continuous,
        percentiles.positions,
    ),
    Ordered(
        "PERCENTILE_DISC",
        orders.known,
        orders.within_group,
        orders.of_group,
        percentiles.discrete,
        percentiles.positions,
    ),
    Ordered("MODE", orders.known, orders.within_group, orders.of_group, lists.most_frequent, lists.at_all),
)

LINEAR: Mapping[str, Linear] = {spec.name: spec for spec in _LINEAR}
ORDERED: Mapping[str, Ordered] = {spec.name: spec for spec in _ORDERED}
AGGREGATES: Mapping[str, Linear | Ordered] = {**LINEAR, **ORDERED}


def check(node: Aggregate) -> None:
    """Raises CompileError QL304 where its arguments or its order make no aggregate, so that no worker meets it."""
    spec = AGGREGATES[node.name]
    if isinstance(spec, Ordered):
        spec.order(node)
        spec.read(node)
