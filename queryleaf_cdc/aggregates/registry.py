"""All aggregates by name."""

from __future__ import annotations

from collections.abc import Mapping

from queryleaf_cdc.aggregates import bits, lists, orders, pairs, percentiles, picks
from queryleaf_cdc.aggregates.counts import Flags, Known, every, number, some
from queryleaf_cdc.aggregates.moments import Moments, deviation, variance
from queryleaf_cdc.aggregates.ordered import Ordered
from queryleaf_cdc.aggregates.spec import Linear, all_arguments
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
    Linear("BIT_AND", bits.Bits, bits.conjunction),
    Linear("BIT_OR", bits.Bits, bits.disjunction),
    Linear("BIT_XOR", bits.Bits, bits.parity),
    Linear("CORR", pairs.Pairs, pairs.correlation, all_arguments),
    Linear("COVAR_POP", pairs.Pairs, pairs.covariance, all_arguments),
    Linear("COVAR_SAMP", pairs.Pairs, pairs.sample_covariance, all_arguments),
    Linear("REGR_AVGX", pairs.Pairs, pairs.mean_x, all_arguments),
    Linear("REGR_AVGY", pairs.Pairs, pairs.mean_y, all_arguments),
    Linear("REGR_COUNT", pairs.Pairs, pairs.count, all_arguments),
    Linear("REGR_INTERCEPT", pairs.Pairs, pairs.intercept, all_arguments),
    Linear("REGR_R2", pairs.Pairs, pairs.determination, all_arguments),
    Linear("REGR_SLOPE", pairs.Pairs, pairs.slope, all_arguments),
    Linear("REGR_SXX", pairs.Pairs, pairs.squares_x, all_arguments),
    Linear("REGR_SXY", pairs.Pairs, pairs.products, all_arguments),
    Linear("REGR_SYY", pairs.Pairs, pairs.squares_y, all_arguments),
)


def _array(name: str) -> Ordered:
    return Ordered(name, orders.everything, orders.argument, orders.as_written, lists.array, lists.at_all)


def _object(name: str) -> Ordered:
    return Ordered(name, lists.has_name, all_arguments, orders.as_written, lists.document, lists.at_all)


_ORDERED = (
    Ordered("MIN", orders.known, orders.argument, orders.ascending, picks.first, picks.at_first, picks.only_first),
    Ordered("MAX", orders.known, orders.argument, orders.ascending, picks.greatest, picks.at_last, picks.only_greatest),
    Ordered(
        "ANY_VALUE", orders.known, orders.argument, orders.ascending, picks.first, picks.at_first, picks.only_first
    ),
    Ordered(
        "FIRST", orders.everything, orders.argument, orders.as_written, picks.first, picks.at_first, picks.only_first
    ),
    Ordered("LAST", orders.everything, orders.argument, orders.as_written, picks.last, picks.at_last, picks.only_last),
    Ordered("STRING_AGG", orders.text, orders.argument, orders.as_written, lists.joined, lists.at_all),
    _array("ARRAY_AGG"),
    _array("JSON_AGG"),
    _array("JSONB_AGG"),
    _object("JSON_OBJECT_AGG"),
    _object("JSONB_OBJECT_AGG"),
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
