"""What one visitor of a page may take, so that others have their share."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import ceil

from playground.core.errors import Busy

MINUTE_SECONDS = 60.0
# Who makes up one visitor's id after another, or many who share an address, count together up to this many times.
VISITORS_OF_ADDRESS = 4
MOST_KEYS = 10_000


class Rate:
    """So many within any minute, for each key. Safe from any thread.

    Args:
        now: seconds of a clock that never goes back.
    """

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._taken: dict[str, deque[float]] = {}

    def take(self, key: str) -> bool:
        """Counts one, unless that would be too many."""
        now = self._now()
        with self._lock:
            # Anew at the end: the first keys are those that were quiet for longest.
            taken = self._taken[key] = self._taken.pop(key, deque())
            while taken and taken[0] <= now - MINUTE_SECONDS:
                taken.popleft()
            if len(self._taken) > MOST_KEYS:
                del self._taken[next(iter(self._taken))]
            if len(taken) >= self._most:
                return False
            taken.append(now)
            return True

    def seconds_left(self, key: str) -> int:
        """Until `key` may take again."""
        with self._lock:
            taken = self._taken.get(key)
            return max(1, ceil(taken[0] + MINUTE_SECONDS - self._now())) if taken else 1


class Visitors:
    """The runs of each visitor: how many go on, and how many began within a minute. Safe from any thread.

    Args:
        per_minute, at_once: None sets no limit.
    """

    def __init__(
        self, per_minute: int | None = None, at_once: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._at_once = at_once
        self._own = Rate(per_minute or 0, now)
        self._of_address = Rate((per_minute or 0) * VISITORS_OF_ADDRESS, now)
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}

    @contextmanager
    def run(self, visitor: str, address: str = "") -> Iterator[None]:
        """Counts a run of this visitor while it goes on.

        Raises:
            Busy: one more than the visitor may have, or than all visitors of an address.
        """
        with ExitStack() as counted:
            counted.enter_context(self._going(visitor, 1))
            if address:
                counted.enter_context(self._going(f"address {address}", VISITORS_OF_ADDRESS))
            self._count(visitor, address)
            yield

    @contextmanager
    def _going(self, key: str, n_visitors: int) -> Iterator[None]:
        """Args: n_visitors: that share what is counted under the key."""
        with self._lock:
            n = self._running.get(key, 0)
            if self._at_once is not None and n >= self._at_once * n_visitors:
                raise Busy(
                    "{n} of your runs still go on, which is the most at once on this page. Wait for one to end, or "
                    "stop it.",
                    n=n,
                )
            self._running[key] = n + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[key] -= 1
                if not self._running[key]:
                    del self._running[key]

    def _count(self, visitor: str, address: str) -> None:
        if self._per_minute is None:
            return
        if not self._own.take(visitor):
            raise Busy(
                "You began {n} runs within a minute, the most on this page. Run again in {seconds} s.",
                n=self._per_minute,
                seconds=self._own.seconds_left(visitor),
            )
        if address and not self._of_address.take(address):
            raise Busy(
                "Your address began {n} runs within a minute, the most on this page. Run again in {seconds} s.",
                n=self._per_minute * VISITORS_OF_ADDRESS,
                seconds=self._of_address.seconds_left(address),
            )
