"""The patterns of TO_CHAR for numbers: ``9 0 . , D G S MI PL SG PR $ L FM "text"``, as PostgreSQL writes them."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

from queryleaf_cdc.frozen import frozen

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(FM|MI|PL|SG|PR|[90.,DGSL$])|(.)', re.IGNORECASE | re.DOTALL)
_WIDE = Context(prec=7000)
_MAX_DIGITS = 200


_MORE = re.compile(r'"(?:[^"\\]|\\.)*"|(EEEE|TH|RN|V)', re.IGNORECASE | re.DOTALL)
"""What PostgreSQL knows besides."""


def unknown_number_keyword(pattern: str) -> str | None:
    """A keyword that PostgreSQL would replace and we do not; None if there is none."""
    return next((found[1] for found in _MORE.finditer(pattern) if found[1]), None)


@frozen
class NumberPattern:
    """``tokens`` are pairs of a keyword (empty for literal text) and its text."""

    tokens: tuple[tuple[str, str], ...]
    fill: bool
    whole: str
    """The digit places before the point, such as ``9990``."""
    fraction: str
    signed: bool
    """Whether the pattern places the sign itself."""


@lru_cache(maxsize=256)
def number_pattern(pattern: str) -> NumberPattern | None:
    """None for a pattern without a digit, with two points, or longer than is sane."""
    tokens: list[tuple[str, str]] = []
    whole, fraction, points, fill = "", "", 0, True
    for quoted, keyword, other in _TOKEN.findall(pattern):
        word = {"D": ".", "G": ",", "L": "$"}.get(keyword.upper(), keyword.upper())
        if not word:
            tokens.append(("", re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) or other))
        elif word == "FM":
            fill = False
        else:
            tokens.append((word, word))
            points += word == "."
            if word in "90" and not points:
                whole += word
            elif word in "90":
                fraction += word
    if points > 1 or not whole + fraction or len(pattern) > _MAX_DIGITS:
        return None
    signed = any(word in ("S", "MI", "PL", "SG", "PR") for word, _ in tokens)
    return NumberPattern(tuple(tokens), fill, whole, fraction, signed)


def format_number(value: Decimal, pattern: str) -> str | None:
    """The number rounded half away from zero to the pattern's places; ``#`` for digits that have no place."""
    form = number_pattern(pattern)
    if form is None or not value.is_finite():
        return None
    rounded = value.quantize(Decimal((0, (1,), -len(form.fraction))), rounding=ROUND_HALF_UP, context=_WIDE)
    negative = rounded.is_signed() and not rounded.is_zero()
    digits = f"{abs(rounded):f}"
    whole, _, fraction = digits.partition(".")
    whole = whole.lstrip("0")
    if len(whole) > len(form.whole):
        whole, fraction = "#" * len(form.whole), "#" * len(form.fraction)
    return _written(form, whole, fraction, negative)


def _written(form: NumberPattern, whole: str, fraction: str, negative: bool) -> str:
    places = _whole_places(form, whole)
    fraction = _fraction_places(form, fraction)
    out: list[str] = []
    place, started, sign_at = 0, False, None
    in_fraction = False
    for word, text in form.tokens:
        if word in ("9", "0"):
            if in_fraction:
                out.append(fraction[:1])
                fraction = fraction[1:]
                continue
            char = places[place]
            place += 1
            if char != " " and not started:
                started, sign_at = True, len(out)
            out.append(char if char != " " else (" " if form.fill else ""))
        elif word == ".":
            if not started:
                started, sign_at = True, len(out)
            in_fraction = True
            out.append(".")
        elif word == ",":
            out.append("," if started else (" " if form.fill else ""))
        else:
            out.append(_sign_or_text(word, text, form.fill, negative))
    return _with_sign(form, out, len(out) if sign_at is None else sign_at, negative)


def _whole_places(form: NumberPattern, whole: str) -> str:
    """A character for each place before the point; blank where no digit shows."""
    places = whole.rjust(len(form.whole))
    first_zero = form.whole.find("0")
    if first_zero >= 0:
        places = places[:first_zero] + places[first_zero:].replace(" ", "0")
    if not whole and places.strip() == "" and not form.fraction and places:
        places = places[:-1] + "0"
    return places


def _fraction_places(form: NumberPattern, fraction: str) -> str:
    """Without fill, zeros at the end that stand in places of 9 are left out."""
    if form.fill:
        return fraction
    keep = form.fraction.rfind("0") + 1
    return fraction[:keep] + fraction[keep:].rstrip("0")


def _sign_or_text(word: str, text: str, fill: bool, negative: bool) -> str:
    blank = " " if fill else ""
    match word:
        case "MI":
            return "-" if negative else blank
        case "PL":
            return blank if negative else "+"
        case "SG":
            return "-" if negative else "+"
        case "S" | "PR":
            return ""
        case _:
            return text


def _with_sign(form: NumberPattern, out: list[str], at: int, negative: bool) -> str:
    words = [word for word, _ in form.tokens]
    blank = " " if form.fill else ""
    if "PR" in words:
        out.insert(at, "<" if negative else blank)
        return "".join(out) + (">" if negative else blank)
    if "S" in words:
        sign = "-" if negative else "+"
        digits = [index for index, word in enumerate(words) if word in ("9", "0", ".")]
        if words.index("S") > digits[0]:
            out.insert(words.index("S"), sign)
        else:
            out.insert(at, sign)
        return "".join(out)
    if not form.signed or ("PL" in words and negative):
        out.insert(at, "-" if negative else blank)
    return "".join(out)
