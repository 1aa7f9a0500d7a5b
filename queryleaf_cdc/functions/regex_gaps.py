"""``foo.*bar.*baz`` without backtracking.

Where only the question is whether a pattern matches, and it consists of parts of fixed length with ``.*`` between, the
leftmost place of each part is as good as any other: so each is searched once, and nothing is given back."""

from __future__ import annotations

from queryleaf_cdc.functions.regex_syntax import ANY, Chars, Choice, Group, Node, Place, Repeat, Sequence

_START = Place("start")


def parts_between_gaps(node: Node) -> tuple[bool, tuple[Sequence, ...]] | None:
    """Whether the pattern is bound to the start, and its parts; None if it is not of this form."""
    if not isinstance(node, Sequence) or not any(_is_gap(part) for part in node.parts):
        return None
    at_start = node.parts[0] == _START
    parts: list[list[Node]] = [[]]
    for part in node.parts[1:] if at_start else node.parts:
        if isinstance(part, Repeat) and _is_gap(part):
            parts[-1] += [ANY] * part.least
            parts.append([])
        else:
            parts[-1].append(part)
    if any(_length(part) is None for each in parts for part in each):
        return None
    return at_start, tuple(Sequence(tuple(each)) for each in parts)


def _is_gap(part: Node) -> bool:
    return isinstance(part, Repeat) and part.body == ANY and part.most is None and part.least <= 1


def _length(node: Node) -> int | None:
    """The number of characters of every match, if they have the same."""
    match node:
        case Chars():
            return 1
        case Place(name):
            return None if name == "start" else 0
        case Group(body):
            return _length(body)
        case Choice(branches):
            lengths = {_length(branch) for branch in branches}
            return lengths.pop() if len(lengths) == 1 else None
        case Sequence(parts):
            total = 0
            for part in parts:
                length = _length(part)
                if length is None:
                    return None
                total += length
            return total
        case Repeat(body, least, most):
            length = _length(body)
            return length * least if length is not None and least == most else None
