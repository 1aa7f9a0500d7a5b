"""A set of keys in two bytes each, that may say "maybe" of a key that is not in it, but never "no" of one that is."""

from __future__ import annotations

from array import array
from collections.abc import Hashable

_SMALLEST, _LARGEST = 1 << 14, 1 << 22
"""words of a layer: 128 KB, 32 MB"""
_KEYS_PER_WORD = 4


class Filter:
    """A Bloom filter whose bits of a key lie in one word (Putze, Sanders, Singler 2007): about 1 in 100 wrong "maybe".

    When it is full, a layer of four times its size is put on top. The largest layer fills up beyond that."""

    def __init__(self) -> None:
        self._layers: list[array[int]] = []
        self._room = 0

    def add(self, key: Hashable) -> None:
        if self._room == 0:
            self._grow()
        self._room -= 1
        at, bits = _bits(key)
        words = self._layers[-1]
        words[at & len(words) - 1] |= bits

    def may_hold(self, key: Hashable) -> bool:
        at, bits = _bits(key)
        for words in self._layers:  # noqa: SIM110 - an any(...) takes three times as long
            if words[at & len(words) - 1] & bits == bits:
                return True
        return False

    def _grow(self) -> None:
        size = min(4 * len(self._layers[-1]), _LARGEST) if self._layers else _SMALLEST
        if not self._layers or len(self._layers[-1]) < size:
            self._layers.append(array("Q", bytes(8 * size)))
        self._room = _KEYS_PER_WORD * size


def _bits(key: Hashable) -> tuple[int, int]:
    """Where the word is, and three bits of it. Python mixes the hash of a tuple well, that of a number not at all."""
    mixed = hash((key,))
    return mixed, 1 << (mixed >> 46 & 63) | 1 << (mixed >> 52 & 63) | 1 << (mixed >> 58 & 63)
