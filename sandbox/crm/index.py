"""A sorted index that a hundred thousand deals do not slow down: a list kept in order by bisection."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

Id = TypeVar("Id", int, str)


class SortedIndex(Generic[Id]):
    """Pairs (value, id), ascending. Adding at the end, the usual case, costs nothing."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, Id]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def load(self, pairs: Iterable[tuple[int, Id]]) -> None:
        """Add many at once."""
        self._keys.extend(pairs)
        self._keys.sort()

    def add(self, value: int, id_: Id) -> None:
        """Enter one pair."""
        key = (value, id_)
        if not self._keys or self._keys[-1] <= key:
            self._keys.append(key)
        else:
            insort(self._keys, key)

    def remove(self, value: int, id_: Id) -> None:
        """Take one pair out; KeyError when it is not there."""
        key = (value, id_)
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            raise KeyError(key)
        del self._keys[at]

    def page(self, start: int, stop: int, *, descending: bool = False) -> list[Id]:
        """The ids from the `start`-th to before the `stop`-th in the asked order."""
        if not descending:
            return [key[1] for key in self._keys[start:stop]]
        size = len(self._keys)
        low, high = max(size - stop, 0), max(size - start, 0)
        return [key[1] for key in reversed(self._keys[low:high])]

    def between(self, low: int | None, high: int | None) -> list[Id]:
        """The ids whose value is at least `low` and at most `high`, ascending; None is no bound."""
        start, stop = self._range(low, high)
        return [key[1] for key in self._keys[start:stop]]

    def falling(self, low: int | None, high: int | None) -> Iterator[Id]:
        """The same, descending and one by one, for who stops early."""
        start, stop = self._range(low, high)
        return (self._keys[at][1] for at in range(stop - 1, start - 1, -1))

    def _range(self, low: int | None, high: int | None) -> tuple[int, int]:
        everything: list[Any] = self._keys
        start = 0 if low is None else bisect_left(everything, (low,))
        stop = len(everything) if high is None else bisect_left(everything, (high + 1,))
        return start, stop
