"""Random window functions that look back only, over rows in the order of their commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.views.drawing import Draw, Kind, Value, of_kind, plain
from tests.views.expressions import comparison, literal, value
from tests.views.texts import Pair, Text, joined

_COUNTED = ("UNBOUNDED PRECEDING", "5 PRECEDING", "2 PRECEDING", "1 PRECEDING", "CURRENT ROW")
_TIMED = (
    "UNBOUNDED PRECEDING", "INTERVAL '2 minutes' PRECEDING", "INTERVAL '20 seconds' PRECEDING",
    "INTERVAL '1 second' PRECEDING", "CURRENT ROW",
)  # fmt: skip


@dataclass(frozen=True)
class Back:
    """PARTITION BY and ORDER BY. ``total``: no two rows are of one time; else ``text`` tells DuckDB in which order they
    come, and ``peers`` does not."""

    text: Text
    total: bool
    ordered: bool
    peers: Text = ""


def call_back(
    draw: Draw, columns: Sequence[Value], window: Back, name: str | None, exact: bool, grouped: bool = False
) -> Value:
    """A function OVER the window; ``grouped``: an aggregate, and no OVER behind it."""
    if grouped:
        found, filters = _aggregate(draw, columns, window, exact)
        return Value(joined(found.text, filters), found.kind, found.whole)
    if window.ordered and draw.chance(0.55):
        return _positional(draw, columns, window, name)
    if window.ordered and draw.chance(0.15):
        return Value(joined(draw.pick("RANK()", "DENSE_RANK()"), _over_peers(window, name)), Kind.NUMBER, True)
    frame = _frame(draw, window)
    found, filters = _aggregate(draw, columns, window, exact)
    return Value(joined(found.text, filters, _over(window, name, frame)), found.kind, found.whole)


def number_back(draw: Draw, window: Back) -> Text:
    """Counts from 1: what QUALIFY compares."""
    if window.ordered and draw.chance(0.3):
        return joined(draw.pick("RANK()", "DENSE_RANK()"), _over_peers(window, None))
    return joined("ROW_NUMBER()" if window.ordered else "COUNT(*)", _over(window, None, ""))


def _over(window: Back, name: str | None, frame: Text) -> Text:
    if name is not None:
        return joined(" OVER ", joined("(", name, " ", frame, ")") if frame else name)
    return joined(" OVER (", window.text, " " if frame else "", frame, ")")


def _over_peers(window: Back, name: str | None) -> Text:
    return _over(window, name, "") if window.total else joined(" OVER (", window.peers, ")")


def _positional(draw: Draw, columns: Sequence[Value], window: Back, name: str | None) -> Value:
    one = draw.one_of(plain(columns))
    text = value(draw, one.kind, columns, 1).text
    inside, behind = (Pair("", " IGNORE NULLS"), Pair(" IGNORE NULLS", "")) if draw.chance(0.25) else ("", "")
    match draw.random.randrange(5):
        case 0:
            return Value(joined("ROW_NUMBER()", _over(window, name, "")), Kind.NUMBER, True)
        case 1 | 2:
            default: Text = joined(", ", literal(draw, one.kind).text) if draw.chance(0.4) else ""
            default = draw.pick(", 0", ", 7") if default and one.kind is Kind.NUMBER else default
            offset = joined(f", {draw.pick(0, 1, 2, 3)}", default) if draw.chance(0.6) else ""
            call = joined("LAG(", text, offset, inside, ")", behind)
            return Value(joined(call, _over(window, name, "")), one.kind)
        case _:
            call = draw.pick(
                joined("FIRST_VALUE(", text, inside, ")", behind),
                joined("LAST_VALUE(", text, inside, ")", behind),
                joined("NTH_VALUE(", text, f", {draw.pick(1, 2, 3)}", inside, ")", behind),
            )
            return Value(joined(call, _over(window, name, _frame(draw, window))), one.kind)


def _aggregate(draw: Draw, columns: Sequence[Value], window: Back, exact: bool) -> tuple[Value, Text]:
    """The call, and its FILTER."""
    filters: Text = joined(" FILTER (WHERE ", comparison(draw, columns), ")") if draw.chance(0.2) else ""
    any_ = value(draw, draw.one_of(plain(columns)).kind, columns, 1)
    wild, numbers = of_kind(columns, Kind.WILD), of_kind(columns, Kind.NUMBER)
    number = draw.one_of(wild) if wild and draw.chance(0.3) else value(draw, Kind.NUMBER, columns, 1)
    match draw.random.randrange(10 if exact else 14):
        case 0:
            return Value("COUNT(*)", Kind.NUMBER, True), filters
        case 1 | 2:
            return Value(joined("COUNT(", draw.pick("", "DISTINCT "), any_.text, ")"), Kind.NUMBER, True), filters
        case 3 | 4:
            return Value(
                joined("SUM(", draw.pick("", "", "DISTINCT "), number.text, ")"), number.kind, number.whole
            ), filters
        case 5 | 6 | 7:
            extreme = draw.one_of(of_kind(columns, Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.WILD))
            return Value(joined(draw.pick("MIN(", "MAX("), extreme.text, ")"), extreme.kind, extreme.whole), filters
        case 8 | 9:
            test = value(draw, Kind.BOOL, columns, 1).text
            return Value(joined(draw.pick("BOOL_AND(", "BOOL_OR("), test, ")"), Kind.BOOL), filters
        case 10 | 11:
            return Value(joined("AVG(", number.text, ")"), Kind.FUZZY), filters
        case 12:
            return Value(joined("ARRAY_AGG(", any_.text, ")"), Kind.ARRAY), filters
        case _ if numbers:
            return Value(joined(draw.pick("STDDEV(", "VAR_POP("), draw.one_of(numbers).text, ")"), Kind.FUZZY), filters
        case _:
            return Value("COUNT(*)", Kind.NUMBER, True), filters


def _frame(draw: Draw, window: Back) -> Text:
    """Empty where the default frame does."""
    if draw.chance(0.25) or not window.ordered:
        return "" if window.total else Pair("", "ROWS UNBOUNDED PRECEDING")
    unit = draw.one_of(("RANGE", "RANGE", "GROUPS", "ROWS", "ROWS") if window.total else ("ROWS",))
    bounds = _TIMED if unit == "RANGE" else _COUNTED
    start, end = sorted(draw.random.sample(range(len(bounds)), 2))
    text = f"{unit} BETWEEN {bounds[start]} AND {bounds[end]}"
    if end == len(bounds) - 1 and draw.chance(0.3):
        return f"{unit} {bounds[start]}"
    if draw.chance(0.2):
        excluded = ("CURRENT ROW", "NO OTHERS", *(("GROUP", "TIES") if window.total else ()))
        return f"{text} EXCLUDE {draw.one_of(excluded)}"
    return text
