"""What was made last, and who asked last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_KEPT = 6
MAX_PAGES = 10_000


class LruCache(Generic[T]):
    """The few things that were asked for last. Safe from any thread; a thing may be made twice, never half."""

    def __init__(self, size: int = MAX_KEPT) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> T | None:
        """What is kept under `key`, if anything is."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under `key`, made now where there is nothing."""
        found = self.find(key)
        if found is not None:
            return found
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made


@dataclass
class _Page:
    turn: int
    opened: str
    waiting: set[str]
    subject: Hashable = None


class Turns:
    """What each open page asked to be shown last, and which of its parts still wait for it. Safe from any thread."""

    def __init__(self, size: int = MAX_PAGES) -> None:
        self._size = size
        self._pages: OrderedDict[str, _Page] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, session: str, parts: Iterable[str]) -> int:
        """A new turn of this page: every part is to be shown anew, and what is left of older turns is over."""
        with self._lock:
            page = self._page(session)
            page.turn += 1
            page.waiting = set(parts)
            return page.turn

    def asked(self, session: str) -> bool:
        """Whether this page asked for anything yet."""
        with self._lock:
            return self._page(session).turn > 0

    def open(self, session: str, part: str) -> int:
        """The visitor looks at this part now. Returns the turn of the page."""
        with self._lock:
            page = self._page(session)
            page.opened = part
            return page.turn

    def opened(self, session: str) -> str:
        """The part that the visitor looks at; empty before one was chosen."""
        with self._lock:
            return self._page(session).opened

    def claim(self, session: str, part: str, turn: int) -> bool:
        """Whether this turn is to show the part: it still waits, and the page did not ask again."""
        with self._lock:
            page = self._page(session)
            if page.turn != turn or part not in page.waiting:
                return False
            page.waiting.remove(part)
            return True

    def turns_to(self, session: str, subject: Hashable) -> bool:
        """Whether the page looks at something else than before; it looks at this now."""
        with self._lock:
            page = self._page(session)
            before, page.subject = page.subject, subject
            return before != subject

    def is_last(self, session: str, turn: int) -> bool:
        """Whether the page did not ask again since."""
        with self._lock:
            return self._page(session).turn == turn

    def _page(self, session: str) -> _Page:
        page = self._pages.setdefault(session, _Page(0, "", set()))
        self._pages.move_to_end(session)
        while len(self._pages) > self._size:
            self._pages.popitem(last=False)
        return page
