"""How many events a transaction takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BatchSize:
    """``most`` events, found out by how long transactions take: never more than ``limit``."""

    most: int
    limit: int
    _growth: float = 2.0

    def took(self, events: int, share: float) -> None:
        """A transaction of so many events took this share of the time that it may take."""
        if share > 1:
            self.most = max(1, int(events / share))
        elif events >= self.most and share < 0.5:
            self.most = min(int(events * self._growth) + 1, self.limit)

    def too_large(self, events: int) -> None:
        """A transaction of so many events did not fit: half of it does, and beyond that again, but not soon."""
        self.most, self._growth = max(1, events // 2), 1.1
