"""Work of the engine beside the event loop: in threads of their own, as many at once as the page allows itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread

from playground.serve.errors import busy
from playground.serve.guard import asked_from, gone
from playground.visitors import Visitors

T = TypeVar("T")

# The engine is fair between them, whatever they ask for.
MOST_AT_ONCE = 32
MOST_WAITING = 64


class Left(Exception):
    """The client has gone, so nobody reads an answer."""


class Workers:
    """Threads for requests under way, all clients together. Used from the event loop only.

    Attributes:
        n_running: requests that run or wait for a thread.
    Args:
        visitors: what one address may take that sends no key.
    """

    def __init__(self, visitors: Visitors) -> None:
        self.n_running = 0
        self._visitors = visitors
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[[threading.Event], T]) -> T:
        """What `work` returns. It is given a flag that says when the client has gone.

        Raises:
            Refused: too many requests wait already.
            Busy: too many are of one address.
        """
        if self.n_running >= MOST_AT_ONCE + MOST_WAITING:
            raise busy()
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(MOST_AT_ONCE)
        stop, address = gone.get(), asked_from.get()
        with self._visitors.run(f"program {address}") if address else nullcontext():
            self.n_running += 1
            try:
                # Also a caller that is cancelled (MCP may) stops its run.
                return await anyio.to_thread.run_sync(work, stop, limiter=self._limiter, abandon_on_cancel=True)
            except anyio.get_cancelled_exc_class():
                stop.set()
                raise
            finally:
                self.n_running -= 1


class Said(Protocol):
    """A step of a run of any kind."""

    @property
    def phase(self) -> str: ...


P = TypeVar("P", bound=Said)


def last(steps: Iterator[P]) -> P:
    """The last step of a run that went to its end.

    Raises:
        Left: it was stopped.
    """
    (step,) = deque(steps, maxlen=1)
    if step.phase == "stopped":
        raise Left
    return step
