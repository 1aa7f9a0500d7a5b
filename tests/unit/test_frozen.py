"""``@frozen`` makes what ``dataclass(frozen=True, slots=True)`` would."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from queryleaf_cdc.frozen import frozen


@frozen
class Point:
    x: int
    y: int = 0
    tags: tuple[str, ...] = ()
    seen: list[int] = field(default_factory=list, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Other:
    x: int
    y: int = 0
    tags: tuple[str, ...] = ()
    seen: list[int] = field(default_factory=list, compare=False, repr=False)


@frozen
class Alone:
    """Has a docstring."""

    x: Point

    def __post_init__(self) -> None:
        if self.x.x < 0:
            raise ValueError("below")


@frozen
class Nothing:
    pass


@pytest.mark.parametrize("values", [{"x": 1}, {"x": 1, "y": 2}, {"x": 3, "tags": ("a",), "seen": [1]}])
def test_it_is_like_a_dataclass(values: dict[str, Any]) -> None:
    mine, theirs = Point(**values), Other(**values)
    assert repr(mine) == repr(theirs).replace("Other", "Point")
    assert [(each.name, getattr(mine, each.name)) for each in fields(mine)] == [
        (each.name, getattr(theirs, each.name)) for each in fields(theirs)
    ]
    assert mine == Point(**values) != Point(9)
    assert (hash(mine) == hash(Point(**values)), hash(mine)) == (True, hash(theirs))
    assert mine != theirs
    assert replace(mine, y=7) == Point(**values | {"y": 7})
    assert copy.deepcopy(mine) == pickle.loads(pickle.dumps(mine)) == mine
    assert Point.__match_args__ == Other.__match_args__
    assert is_dataclass(mine)


def test_nothing_can_be_changed() -> None:
    point = Point(1)
    for change in (lambda: setattr(point, "x", 2), lambda: setattr(point, "z", 2), lambda: delattr(point, "x")):
        with pytest.raises(FrozenInstanceError):
            change()
    assert not hasattr(point, "__dict__")


def test_defaults_are_made_anew() -> None:
    assert Point(1).seen is not Point(1).seen


def test_what_is_checked_when_it_is_made() -> None:
    assert Alone(Point(1)) == Alone(Point(1))
    assert (Alone.__doc__, repr(Nothing()), Nothing()) == ("Has a docstring.", "Nothing()", Nothing())
    with pytest.raises(ValueError, match="below"):
        Alone(Point(-1))
