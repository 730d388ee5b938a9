"""Whose batch goes through a device next, so that a short request never waits for the whole of a long one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# How soon Stop reaches a request that waits for its turn.
POLL_SECONDS = 0.05


class Stopped(Exception):
    """Its turn never came."""


@dataclass(eq=False)
class Ticket:
    """One request at one model.

    Attributes:
        seconds: that it had the device so far.
        stop: lets it go while it waits.
    """

    seconds: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)


class Turns:
    """One forward pass at a time on one device, whatever its model: two at once would only share its cores.

    Turns alternate. One goes to the request that had the device for the shortest time, so a request that has just come
    is next but one at most, whoever else waits; one goes to the request that waits longest, so nobody starves: where
    `n` wait already, the turn comes after `2 * n + 2` others at most, whatever comes later. Safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._by_age = True
        # In the order in which they began to wait; there are none unless the device is held.
        self._waiting: list[tuple[Ticket, threading.Event]] = []

    @contextmanager
    def turn(self, ticket: Ticket) -> Iterator[None]:
        """The device, alone; waits for it.

        Raises:
            Stopped: the request was stopped while it waited.
        """
        self._wait(ticket)
        start = time.perf_counter()
        try:
            yield
        finally:
            ticket.seconds += time.perf_counter() - start
            self._pass_on()

    @property
    def n_waiting(self) -> int:
        return len(self._waiting)

    def _wait(self, ticket: Ticket) -> None:
        called = threading.Event()
        with self._lock:
            if not self._held:
                self._held = True
                return
            self._waiting.append((ticket, called))
        try:
            while not called.wait(POLL_SECONDS):
                if ticket.stop.is_set():
                    raise Stopped
        except BaseException:
            self._give_up(ticket, called)
            raise

    def _give_up(self, ticket: Ticket, called: threading.Event) -> None:
        with self._lock:
            if not called.is_set():
                self._waiting.remove((ticket, called))
                return
        # The turn came in the same moment.
        self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            if not self._waiting:
                self._held = False
                return
            self._by_age = not self._by_age
            place = 0
            if not self._by_age:
                place = min(range(len(self._waiting)), key=lambda at: self._waiting[at][0].seconds)
            self._waiting.pop(place)[1].set()
