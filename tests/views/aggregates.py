"""Random aggregates.

Avoided: MODE and ANY_VALUE, as among ties they are anybody's choice. AVG, deviations, PERCENTILE_CONT and MEDIAN may be
rounded differently: they are FUZZY."""

from __future__ import annotations

from collections.abc import Sequence

from tests.views.drawing import Draw, Kind, Value, of_kind, plain
from tests.views.expressions import comparison, direction, order, value
from tests.views.texts import Optional, Pair, Text, duckdb, joined, ours

_LOGICAL: tuple[Text, ...] = ("BOOL_AND(", "BOOL_OR(", Pair("EVERY(", "BOOL_AND("))
_PAIRS = ("REGR_COUNT(", "REGR_AVGX(", "REGR_AVGY(")
"""The others cancel, which doubles do not survive; and DuckDB has NaN where PostgreSQL has NULL."""
_DEVIATIONS = ("STDDEV(", "STDDEV_POP(", "STDDEV_SAMP(", "VARIANCE(", "VAR_POP(", "VAR_SAMP(")


def aggregate(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], exact: bool) -> Value:
    """One aggregate call, sometimes filtered. ``exact``: of a plain kind."""
    filters = comparison(draw, columns) if draw.chance(0.2) else None
    choices = [_count, _count, _sum, _sum, _extreme, _extreme, _logical, _percentile_disc, _string_agg, _first]
    if not exact:
        choices += [_average, _average, _deviation, _of_pairs, _percentile_cont, _array_agg, _array_agg]
    return draw.one_of(choices)(draw, columns, unique, filters)


def _filtered(filters: Text | None) -> Text:
    return "" if filters is None else Optional(joined(" FILTER (WHERE ", filters, ")"))


def _count(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    argument = value(draw, draw.one_of(plain(columns)).kind, columns, 1).text
    call = draw.pick("COUNT(*)", joined("COUNT(", argument, ")"), joined("COUNT(DISTINCT ", argument, ")"))
    return Value(joined(call, _filtered(filters)), Kind.NUMBER, True)


def _sum(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    wild = of_kind(columns, Kind.WILD)
    argument = draw.one_of(wild) if wild and draw.chance(0.3) else value(draw, Kind.NUMBER, columns, 1)
    call = joined("SUM(", draw.pick("", "", "DISTINCT "), argument.text, ")")
    return Value(joined(call, _filtered(filters)), argument.kind, argument.whole)


def _extreme(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    kind = draw.one_of(of_kind(columns, Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.WILD)).kind
    argument = value(draw, kind, columns, 1)
    return Value(joined(draw.pick("MIN(", "MAX("), argument.text, ")", _filtered(filters)), kind, argument.whole)


def _logical(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    name = draw.one_of(_LOGICAL)
    return Value(joined(name, value(draw, Kind.BOOL, columns, 1).text, ")", _filtered(filters)), Kind.BOOL)


def _percentile_disc(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    argument = draw.one_of(of_kind(columns, Kind.NUMBER, Kind.TIME))
    call = joined(
        f"PERCENTILE_DISC({draw.pick('0.5', '0.25', '0.9', '0', '1')}) WITHIN GROUP (ORDER BY ",
        argument.text, draw.pick("", " DESC"), ")", _filtered(filters),
    )  # fmt: skip
    return Value(call, argument.kind, argument.whole)


def _string_agg(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    argument = value(draw, Kind.TEXT, columns, 1).text
    texts = of_kind(columns, Kind.TEXT)
    if texts and draw.chance(0.3):
        argument = draw.one_of(texts).text
        call = joined("STRING_AGG(DISTINCT ", argument, ", '-' ORDER BY ", argument, draw.pick("", " DESC"), ")")
    else:
        call = joined("STRING_AGG(", argument, ", ',' ORDER BY ", order(draw, plain(columns), unique, 1), ")")
    return Value(joined(call, _filtered(filters)), Kind.TEXT)


def _average(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    argument = value(draw, Kind.NUMBER, columns, 1).text
    return Value(joined("AVG(", draw.pick("", "", "DISTINCT "), argument, ")", _filtered(filters)), Kind.FUZZY)


def _deviation(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    argument = draw.one_of(of_kind(columns, Kind.NUMBER)).text
    return Value(joined(draw.one_of(_DEVIATIONS), argument, ")", _filtered(filters)), Kind.FUZZY)


def _of_pairs(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    one, other = (draw.one_of(of_kind(columns, Kind.NUMBER)).text for _ in range(2))
    return Value(joined(draw.one_of(_PAIRS), one, ", ", other, ")", _filtered(filters)), Kind.FUZZY)


def _percentile_cont(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    """Of a decimal, DuckDB's has the decimal's digits."""
    text = draw.one_of(of_kind(columns, Kind.NUMBER)).text
    argument = Pair(ours(text), f"({duckdb(text)})::DOUBLE")
    ordered = joined(" WITHIN GROUP (ORDER BY ", argument, draw.pick("", " DESC"), ")")
    call = draw.pick(joined("MEDIAN(", argument, ")"), joined(f"PERCENTILE_CONT({draw.pick('0.5', '0.3')})", ordered))
    return Value(joined(call, _filtered(filters)), Kind.FUZZY)


def _array_agg(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    one = draw.one_of(plain(columns))
    argument = value(draw, one.kind, columns, 1).text
    if draw.chance(0.3):
        argument = one.text
        call = joined("ARRAY_AGG(DISTINCT ", argument, " ORDER BY ", argument, direction(draw), ")")
    else:
        call = joined("ARRAY_AGG(", argument, " ORDER BY ", order(draw, plain(columns), unique, 1), ")")
    return Value(joined(call, _filtered(filters)), Kind.ARRAY)


def _first(draw: Draw, columns: Sequence[Value], unique: Sequence[Value], filters: Text | None) -> Value:
    argument = draw.one_of(plain(columns))
    call = joined(
        draw.pick("FIRST(", "LAST("), argument.text, " ORDER BY ", order(draw, plain(columns), unique, 1), ")"
    )
    return Value(joined(call, _filtered(filters)), argument.kind, argument.whole)
