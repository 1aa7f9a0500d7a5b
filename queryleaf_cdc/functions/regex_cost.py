"""What matching costs, at worst, where both engines backtrack.

A repetition is *decided* if what it repeats and what may follow it begin with different characters: then there is one
way to match, and giving back what was taken never helps. Others multiply the ways. Ways that multiply within a
repetition are exponential, and refused; the server refuses much more (see ``regexes``)."""

from __future__ import annotations

from dataclasses import dataclass

from queryleaf_cdc.functions.regex_syntax import BadPattern, Chars, Choice, Group, Node, Place, Repeat, Sequence

Mask = int
"""A set of first characters: a bit for each of ASCII, and one for all others together."""

_OTHERS = 128
_ALL: Mask = (1 << 129) - 1
NOTHING: Mask = 0
"""What follows a whole pattern: once it has matched, nothing is given back."""


@dataclass
class Cost:
    """``degree``: the power of the text's length; ``ways``: a factor besides; ``groups_repeat``: a repetition of more
    than single characters without an upper bound (PCRE's recursion limit cuts these off at some 4,000 rounds)."""

    degree: int = 0
    ways: int = 1
    groups_repeat: bool = False


def cost_of(node: Node) -> Cost:
    """Raises BadPattern for what would be exponential."""
    cost = Cost()
    _visit(node, NOTHING, False, cost)
    return cost


def restarts(node: Node) -> bool:
    """Whether the search may begin anew at many places of one long run, and go through the rest of it each time."""
    return not _at_start(node) and bool(_unbounded(_before_last(node)) & first(node))


def _before_last(node: Node) -> Node:
    """Without a repetition at the end, after which nothing can fail."""
    parts = node.parts if isinstance(node, Sequence) else (node,)
    last = parts[-1] if parts else None
    return Sequence(parts[:-1]) if isinstance(last, Repeat) and isinstance(last.body, Chars) else node


def _at_start(node: Node) -> bool:
    match node:
        case Place(name):
            return name == "start"
        case Group(body):
            return _at_start(body)
        case Choice(branches):
            return all(map(_at_start, branches))
        case Sequence(parts):
            return bool(parts) and _at_start(parts[0])
    return False


def _unbounded(node: Node) -> Mask:
    """The characters that repetitions without end go through."""
    match node:
        case Group(body):
            return _unbounded(body)
        case Choice(branches):
            return _union(map(_unbounded, branches))
        case Sequence(parts):
            return _union(map(_unbounded, parts))
        case Repeat(body, _, most):
            if most is not None:
                return _unbounded(body)
            return first(body) if isinstance(body, Chars) else _ALL
    return 0


def first(node: Node) -> Mask:
    """The characters that a match may begin with."""
    match node:
        case Chars():
            return mask_of(node)
        case Place(name):
            return 0 if name == "end" else _ALL  # whether it holds depends on what came before
        case Group(body):
            return first(body)
        case Repeat(body):
            return first(body)
        case Choice(branches):
            return _union(first(branch) for branch in branches)
        case Sequence(parts):
            mask = 0
            for part in parts:
                mask |= first(part)
                if not nullable(part):
                    break
            return mask


def nullable(node: Node) -> bool:
    match node:
        case Chars():
            return False
        case Place():
            return True
        case Group(body):
            return nullable(body)
        case Repeat(body, least):
            return least == 0 or nullable(body)
        case Choice(branches):
            return any(map(nullable, branches))
        case Sequence(parts):
            return all(map(nullable, parts))


def mask_of(chars: Chars) -> Mask:
    mask = 0
    for low, high in chars.ranges:
        mask |= _union(1 << code for code in range(low, min(high, 127) + 1))
        mask |= (high > 127) << _OTHERS
    return (_ALL ^ mask) | (1 << _OTHERS) if chars.negated else mask


def _union(masks: object) -> Mask:
    found = 0
    for mask in masks:  # type: ignore[attr-defined]
        found |= mask
    return found


def is_decided(repeat: Repeat, follow: Mask) -> bool:
    return repeat.least == repeat.most or not first(repeat.body) & follow


def follow_in(parts: tuple[Node, ...], at: int, follow: Mask) -> Mask:
    """What may come after the part, within its sequence and then after that."""
    mask = 0
    for part in parts[at + 1 :]:
        if part == Place("end"):
            return mask
        mask |= first(part)
        if not nullable(part):
            return mask
    return mask | follow


def _visit(node: Node, follow: Mask, looped: bool, cost: Cost) -> None:
    match node:
        case Group(body):
            _visit(body, follow, looped, cost)
        case Sequence(parts):
            for at, part in enumerate(parts):
                _visit(part, follow_in(parts, at, follow), looped, cost)
        case Choice(branches):
            if not _distinct(branches):
                if looped:
                    raise BadPattern("alternatives that begin alike cannot be repeated: the search might never end")
                cost.ways *= len(branches)
            for branch in branches:
                _visit(branch, follow, looped, cost)
        case Repeat():
            _visit_repeat(node, follow, looped, cost)


def _visit_repeat(node: Repeat, follow: Mask, looped: bool, cost: Cost) -> None:
    single = isinstance(node.body, Chars)
    if node.most is None and nullable(node.body):
        raise BadPattern("what may be empty cannot be repeated without end")
    if not is_decided(node, follow):
        if looped:
            raise BadPattern("a repetition within a repetition that may end in several places might search forever")
        if node.most is None:
            cost.degree += 1
        else:
            cost.ways *= node.most - node.least + 1
    if not single:
        unbounded = node.most is None or node.most > 50
        cost.groups_repeat = cost.groups_repeat or unbounded
        repeats = node.most is None or node.most > 1
        _visit(node.body, follow | (first(node.body) if repeats else 0), looped or repeats, cost)


def _distinct(branches: tuple[Node, ...]) -> bool:
    """Whether no text can match two of them: by first characters, or as literals of which none begins another."""
    seen = 0
    for branch in branches:
        mask = first(branch)
        if nullable(branch) or mask & seen:
            return _distinct_literals(branches)
        seen |= mask
    return True


def _distinct_literals(branches: tuple[Node, ...]) -> bool:
    texts = [branch.parts if isinstance(branch, Sequence) else (branch,) for branch in branches]
    if not all(isinstance(part, Chars) for text in texts for part in text):
        return False
    return all(_differ(a, b) for at, a in enumerate(texts) for b in texts[at + 1 :])


def _differ(a: tuple[Node, ...], b: tuple[Node, ...]) -> bool:
    pairs = zip(a, b, strict=False)
    return any(isinstance(x, Chars) and isinstance(y, Chars) and not mask_of(x) & mask_of(y) for x, y in pairs)
