"""Regular expressions, read into a tree, so that PCRE (the server) and Python's ``re`` get what means the same to both.

The language is PostgreSQL's where it and Perl's agree: ``^`` and ``$`` are the ends of the whole text, ``.`` is any
character, ``\\d``, ``\\w``, ``\\s`` and ``[[:alpha:]]`` know ASCII only, ``\\b`` (or ``\\y``) is a word boundary,
alternatives are tried from left to right. Back references, look-around and possessive quantifiers are refused."""

from __future__ import annotations

from queryleaf_cdc.frozen import frozen
from queryleaf_cdc.functions.characters import lower, upper

Range = tuple[int, int]
LAST = 0x10FFFF
_LONGEST, _DEEPEST, _MOST = 1000, 30, 1000


class BadPattern(Exception):
    """What is wrong with the pattern, for the user."""


@frozen
class Chars:
    """One character within (or, negated, without) these ranges of code points."""

    ranges: tuple[Range, ...]
    negated: bool = False


@frozen
class Place:
    """``start``, ``end``, ``word`` (a boundary), ``no word``, ``word start``, ``word end``."""

    name: str


@frozen
class Sequence:
    parts: tuple[Node, ...]


@frozen
class Choice:
    branches: tuple[Node, ...]


@frozen
class Group:
    body: Node
    captures: bool


@frozen
class Repeat:
    body: Node
    least: int
    most: int | None
    lazy: bool


Node = Chars | Place | Sequence | Choice | Group | Repeat

ANY = Chars((), True)
_DIGIT, _WORD = ((48, 57),), ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ((9, 13), (32, 32))
_CLASSES: dict[str, tuple[Range, ...]] = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_NAMED: dict[str, tuple[Range, ...]] = {
    "alpha": ((65, 90), (97, 122)), "digit": _DIGIT, "alnum": ((48, 57), (65, 90), (97, 122)), "upper": ((65, 90),),
    "lower": ((97, 122),), "space": _SPACE, "blank": ((9, 9), (32, 32)), "xdigit": ((48, 57), (65, 70), (97, 102)),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)), "word": _WORD, "cntrl": ((0, 31), (127, 127)),
}  # fmt: skip
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7, "e": 27}
_PLACES = {
    "A": "start", "Z": "end", "z": "end", "b": "word", "y": "word", "B": "no word", "Y": "no word",
    "m": "word start", "M": "word end",
}  # fmt: skip


def parse(pattern: str, fold: bool) -> Node:
    """The tree. ``fold``: letters stand for both cases. Raises BadPattern."""
    if len(pattern) > _LONGEST:
        raise BadPattern(f"a regular expression may have up to {_LONGEST} characters")
    if pattern.startswith("(?i)"):
        pattern, fold = pattern[4:], True
    reader = _Reader(pattern, fold)
    node = reader.choice(0)
    if reader.at < len(pattern):
        raise BadPattern("a ) without its (")
    return node


class _Reader:
    def __init__(self, pattern: str, fold: bool) -> None:
        self.pattern, self.fold, self.at = pattern, fold, 0

    def peek(self, length: int = 1) -> str:
        return self.pattern[self.at : self.at + length]

    def take(self) -> str:
        if self.at >= len(self.pattern):
            raise BadPattern("it ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def accept(self, text: str) -> bool:
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def choice(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise BadPattern("groups are nested too deeply")
        branches = [self.sequence(depth)]
        while self.accept("|"):
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, body: Node) -> Node:
        bounds = self.quantifier()
        if bounds is None:
            return body
        if isinstance(body, Place):
            raise BadPattern("a quantifier needs something to repeat")
        lazy = self.accept("?")
        if self.peek() in ("*", "+", "?") or self.counts_follow():
            raise BadPattern("a quantifier cannot follow a quantifier")
        return Repeat(body, *bounds, lazy)

    def quantifier(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self.peek() in simple:
            return simple[self.take()]
        if not self.counts_follow():
            return None
        self.take()
        least, _, most = self.pattern[self.at : self.pattern.index("}", self.at)].partition(",")
        comma = "," in self.pattern[self.at : self.pattern.index("}", self.at)]
        self.at = self.pattern.index("}", self.at) + 1
        low, high = int(least), None if comma and not most else int(most) if comma else int(least)
        if low > _MOST or (high is not None and not low <= high <= _MOST):
            raise BadPattern(f"counts go from the lower to the higher, up to {_MOST}")
        return low, high

    def counts_follow(self) -> bool:
        if self.peek() != "{" or "}" not in self.pattern[self.at :]:
            return False
        inside = self.pattern[self.at + 1 : self.pattern.index("}", self.at)]
        least, _, most = inside.partition(",")
        digits = least.isascii() and least.isdigit() and (not most or (most.isascii() and most.isdigit()))
        return digits and len(inside) < 12

    def atom(self, depth: int) -> Node:
        char = self.take()
        match char:
            case "(":
                return self.group(depth)
            case "[":
                return self.bracket()
            case ".":
                return ANY
            case "^":
                return Place("start")
            case "$":
                return Place("end")
            case "*" | "+" | "?":
                raise BadPattern("a quantifier needs something to repeat")
            case "\\":
                return self.escape()
        return self.literal(ord(char))

    def literal(self, code: int) -> Chars:
        return self.folded(((code, code),), False)

    def folded(self, ranges: tuple[Range, ...], negated: bool) -> Chars:
        return Chars(_merged(_both_cases(ranges) if self.fold else ranges), negated)

    def group(self, depth: int) -> Node:
        captures = not self.accept("?:")
        if captures and self.peek() == "?":
            raise BadPattern("look-around and options inside are not supported")
        body = self.choice(depth + 1)
        if not self.accept(")"):
            raise BadPattern("a ( without its )")
        return Group(body, captures)

    def escape(self) -> Node:
        char = self.take()
        if char in _PLACES:
            return Place(_PLACES[char])
        if char.lower() in _CLASSES and char.isascii():
            return Chars(_CLASSES[char.lower()], char.isupper())
        return self.literal(self.escaped_code(char))

    def escaped_code(self, char: str) -> int:
        """The code point of an escape that stands for one character."""
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "xuU":
            size = {"x": 2, "u": 4, "U": 8}[char]
            digits, self.at = self.peek(size), self.at + size
            try:
                code = int(digits, 16) if len(digits) == size and digits.isalnum() else LAST + 1
            except ValueError:
                code = LAST + 1
            if code > LAST or 0xD800 <= code < 0xE000:
                raise BadPattern(f"\\{char} needs {size} hexadecimal digits of a character")
            return code
        if char.isdigit():
            raise BadPattern("back references are not supported")
        if char.isalnum():
            raise BadPattern(f"\\{char} has no meaning")
        return ord(char)

    def bracket(self) -> Chars:
        negated = self.accept("^")
        ranges: list[Range] = []
        first = True
        while first or self.peek() != "]":
            first = False
            ranges += self.bracket_part()
        self.take()
        return self.folded(tuple(ranges), negated)

    def bracket_part(self) -> list[Range]:
        if self.accept("[:"):
            name, _, _ = self.pattern[self.at :].partition(":]")
            if name not in _NAMED:
                raise BadPattern(f"there is no class [:{name}:]")
            self.at += len(name) + 2
            return list(_NAMED[name])
        if self.peek() == "\\" and self.peek(2)[1:].lower() in _CLASSES:
            self.take()
            char = self.take()
            ranges = _CLASSES[char.lower()]
            return list(_complement(ranges) if char.isupper() else ranges)
        low = self.bracket_char()
        if self.peek() == "-" and self.peek(2) != "-]" and self.peek(2) != "-":
            self.take()
            high = self.bracket_char()
            if high < low:
                raise BadPattern("a range goes from the lower to the higher character")
            return [(low, high)]
        return [(low, low)]

    def bracket_char(self) -> int:
        char = self.take()
        return self.escaped_code(self.take()) if char == "\\" else ord(char)


def _complement(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    found, start = [], 0
    for low, high in sorted(ranges):
        found.append((start, low - 1))
        start = high + 1
    return tuple((low, high) for low, high in (*found, (start, LAST)) if low <= high)


def _both_cases(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """With the other case of every letter; of wide ranges outside ASCII only as they stand."""
    added = []
    for low, high in ranges:
        for code in range(low, min(high, low + 300, LAST) + 1):
            char = chr(code)
            added += [(ord(other), ord(other)) for other in (lower(char), upper(char)) if other != char]
    return (*ranges, *added)


def _merged(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)
