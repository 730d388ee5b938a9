"""What was made last, and who asked last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_KEPT = 6
MAX_PAGES = 10_000


class Recent(Generic[T]):
    """The few things that were asked for last. Safe from any thread; a thing may be made twice, never half."""

    def __init__(self, size: int = MAX_KEPT) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under `key`, made now where there is nothing."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made


class Turns:
    """Counts how often each page asked, so that an answer knows whether a newer question came meanwhile."""

    def __init__(self, size: int = MAX_PAGES) -> None:
        self._size = size
        self._last: OrderedDict[str, int] = OrderedDict()
        self._n = 0
        self._lock = threading.Lock()

    def take(self, session: str) -> int:
        """A new turn of this page; those before are over."""
        with self._lock:
            self._n += 1
            self._last[session] = self._n
            self._last.move_to_end(session)
            while len(self._last) > self._size:
                self._last.popitem(last=False)
            return self._n

    def is_last(self, session: str, turn: int) -> bool:
        """Whether the page did not ask again since."""
        with self._lock:
            return self._last.get(session, turn) == turn
