"""Random window functions.

A function whose result depends on the order of ties gets a total order. Avoided: RANGE with an offset over doubles,
whose bounds would depend on rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.views.drawing import Draw, Kind, Value, of_kind, plain
from tests.views.expressions import comparison, direction, literal, order, value, variant
from tests.views.texts import Choice, Optional, Pair, Text, joined

_BOUNDS = (
    "UNBOUNDED PRECEDING", "{} PRECEDING", "{} PRECEDING", "CURRENT ROW", "{} FOLLOWING", "{} FOLLOWING",
    "UNBOUNDED FOLLOWING",
)  # fmt: skip
_WIDE, _NARROW = ("2", "INTERVAL '1 hour'"), ("1", "INTERVAL '20 minutes'")


@dataclass(frozen=True)
class Window:
    """PARTITION BY and ORDER BY. ``offset``: what kind of RANGE offsets its only term allows."""

    text: Text
    total: bool
    ordered: bool
    offset: Kind | None


def draw_window(draw: Draw, columns: Sequence[Value], unique: Sequence[Value]) -> Window:
    partition: Text = ""
    if draw.chance(0.7):
        terms = [variant(draw, each, [each]).text for each in draw.some(plain(columns), 1, 2)]
        partition = Optional(
            joined("PARTITION BY ", terms[0], *([Optional(joined(", ", terms[1]))] if terms[1:] else []))
        )
    gap = " " if partition else ""
    match draw.random.randrange(6):
        case 0:
            return Window(partition, False, False, None)
        case 1:
            one = draw.one_of(plain(columns))
            return Window(joined(partition, gap, "ORDER BY ", one.text, direction(draw)), False, True, None)
        case 2 | 3:
            sortable = [each for each in columns if each.kind is Kind.TIME or (each.whole and each.column)]
            if sortable:
                one = draw.one_of(sortable)
                text = joined(partition, gap, "ORDER BY ", one.text, direction(draw))
                return Window(text, False, True, one.kind)
        case _:
            pass
    return Window(joined(partition, gap, "ORDER BY ", order(draw, plain(columns), unique)), True, True, None)


def window_function(draw: Draw, columns: Sequence[Value], window: Window, name: str | None, exact: bool) -> Value:
    """A function OVER the window; ``name`` is the window's in WINDOW, if it has one."""
    if window.total and draw.chance(0.55):
        return _positional(draw, columns, window, name)
    if window.ordered and draw.chance(0.2):
        call = draw.pick("RANK()", "DENSE_RANK()")
        return Value(joined(call, _over(window, name, "")), Kind.NUMBER, True)
    frame = _frame(draw, window)
    found, filters = _aggregate(draw, columns, window, exact)
    return Value(joined(found.text, filters, _over(window, name, frame)), found.kind, found.whole)


def number_function(draw: Draw, window: Window) -> Text:
    """Counts from 1: what QUALIFY compares."""
    calls = ["COUNT(*)"] + (["RANK()", "DENSE_RANK()"] if window.ordered else [])
    calls += ["ROW_NUMBER()", "ROW_NUMBER()"] if window.total else []
    return joined(draw.one_of(calls), _over(window, None, ""))


def _over(window: Window, name: str | None, frame: Text) -> Text:
    if name is not None:
        return joined(" OVER ", joined("(", name, " ", frame, ")") if frame else name)
    return joined(" OVER (", window.text, " " if frame else "", frame, ")")


def _positional(draw: Draw, columns: Sequence[Value], window: Window, name: str | None) -> Value:
    one = draw.one_of(plain(columns))
    text = value(draw, one.kind, columns, 1).text
    match draw.random.randrange(6):
        case 0:
            return Value(joined("ROW_NUMBER()", _over(window, name, "")), Kind.NUMBER, True)
        case 1:
            return Value(joined(f"NTILE({draw.pick(1, 2, 3, 20)})", _over(window, name, "")), Kind.NUMBER, True)
        case 2 | 3:
            # DuckDB casts the default to the argument's type: no fractions.
            default = joined(", ", literal(draw, one.kind).text) if draw.chance(0.4) else ""
            default = draw.pick(", 0", ", 7") if default and one.kind is Kind.NUMBER else default
            offset = joined(f", {draw.pick(0, 1, 2, 3)}", default) if draw.chance(0.6) else ""
            inside, behind = _nulls(draw)
            call = joined(draw.pick("LAG(", "LEAD("), text, offset, inside, ")", behind)
            return Value(joined(call, _over(window, name, "")), one.kind)
        case _:
            inside, behind = _nulls(draw)
            call = draw.pick(
                joined("FIRST_VALUE(", text, inside, ")", behind),
                joined("LAST_VALUE(", text, inside, ")", behind),
                joined("NTH_VALUE(", text, f", {draw.pick(1, 2, 3)}", inside, ")", behind),
            )
            return Value(joined(call, _over(window, name, _frame(draw, window))), one.kind)


def _nulls(draw: Draw) -> tuple[Text, Text]:
    """DuckDB has IGNORE NULLS inside of the parentheses, PostgreSQL's standard behind them."""
    return (Pair("", " IGNORE NULLS"), Pair(" IGNORE NULLS", "")) if draw.chance(0.25) else ("", "")


def _aggregate(draw: Draw, columns: Sequence[Value], window: Window, exact: bool) -> tuple[Value, Text]:
    """The call, and its FILTER."""
    filters: Text = Optional(joined(" FILTER (WHERE ", comparison(draw, columns), ")")) if draw.chance(0.15) else ""
    one = draw.one_of(of_kind(columns, Kind.NUMBER))
    any_ = value(draw, draw.one_of(plain(columns)).kind, columns, 1)
    wild = of_kind(columns, Kind.WILD)
    number = draw.one_of(wild) if wild and draw.chance(0.3) else value(draw, Kind.NUMBER, columns, 1)
    dice = draw.random.randrange(10 if exact else 14)
    match dice:
        case 0:
            return Value("COUNT(*)", Kind.NUMBER, True), filters
        case 1:
            return Value(joined("COUNT(", draw.pick("", "DISTINCT "), any_.text, ")"), Kind.NUMBER, True), filters
        case 2 | 3 | 4:
            return Value(joined("SUM(", number.text, ")"), number.kind, number.whole), filters
        case 5 | 6 | 7:
            extreme = draw.one_of(of_kind(columns, Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.WILD))
            return Value(joined(draw.pick("MIN(", "MAX("), extreme.text, ")"), extreme.kind, extreme.whole), filters
        case 8 | 9:
            test = value(draw, Kind.BOOL, columns, 1).text
            return Value(joined(draw.pick("BOOL_AND(", "BOOL_OR("), test, ")"), Kind.BOOL), filters
        case 10 | 11:
            return Value(joined("AVG(", number.text, ")"), Kind.FUZZY), filters
        case 12 if window.total:
            return Value(joined("ARRAY_AGG(", one.text, ")"), Kind.ARRAY), filters
        case _:
            return Value(joined(draw.pick("STDDEV(", "VAR_POP("), one.text, ")"), Kind.FUZZY), filters


def _frame(draw: Draw, window: Window) -> Text:
    """Empty where the default frame does."""
    if draw.chance(0.3):
        return ""
    units = ["RANGE"]
    if window.total:
        units += ["ROWS", "ROWS", "ROWS"]
    if window.ordered:
        units += ["GROUPS"]
    if window.offset is not None:
        units += ["OFFSETS", "OFFSETS", "OFFSETS"]
    unit = draw.one_of(units)
    start, end = sorted(draw.random.sample(range(len(_BOUNDS)), 2))
    if unit == "RANGE":
        start, end = draw.pick((0, 3), (3, 6), (0, 6), (3, 3))
    offsets = int(unit == "OFFSETS" and window.offset is Kind.TIME)
    near, far = _NARROW[offsets], _WIDE[offsets]
    low = _BOUNDS[start].format(far if start == 1 else near)
    high = _BOUNDS[end].format(far if end == 5 else near)
    unit = "RANGE" if unit == "OFFSETS" else unit
    if high == "CURRENT ROW" and draw.chance(0.3):
        return Choice(f"{unit} {low}", ("",))
    text = f"{unit} BETWEEN {low} AND {high}"
    if draw.chance(0.2):
        excluded = draw.pick("CURRENT ROW", "GROUP", "TIES", "NO OTHERS")
        return Choice(f"{text} EXCLUDE {excluded}", (text,))
    return Choice(text, ("",))
