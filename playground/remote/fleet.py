"""Jobs spread over servers, several at once. A server that fails is left out, and its jobs go to the others."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

from playground.core.errors import BackendError

C = TypeVar("C")
J = TypeVar("J")
A = TypeVar("A")

# Requests that one server has at the same time: it is busy while an answer is on its way, and others get in between.
AT_ONCE = 4
# How soon Stop is heard.
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Done(Generic[J, A]):
    job: J
    answer: A


@dataclass(frozen=True, slots=True)
class Dropped:
    """A server that is asked no more."""

    server: str
    error: BackendError


def spread(
    open_client: Callable[[], AbstractAsyncContextManager[C]],
    work: Callable[[C, str, J], Awaitable[A]],
    servers: Sequence[str],
    jobs: Sequence[J],
    stop: threading.Event,
    at_once: int = AT_ONCE,
) -> Iterator[Done[J, A] | Dropped]:
    """What becomes of the jobs, as it comes; ends early on `stop`, which breaks off what is on its way.

    The work goes on in a thread of its own while the caller looks at what came.

    Raises:
        BackendError: of the last server, once none is left.
    """
    found: queue.SimpleQueue[Done[J, A] | Dropped | BaseException | None] = queue.SimpleQueue()
    broken_off = threading.Event()

    async def main() -> None:
        async with open_client() as client:
            await _all(client, work, servers, jobs, at_once, found.put)

    async def watched() -> None:
        running = asyncio.ensure_future(main())
        while not running.done():
            await asyncio.wait([running], timeout=POLL_SECONDS)
            if broken_off.is_set() or stop.is_set():
                running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        failed = None if running.cancelled() else running.exception()
        while isinstance(failed, BaseExceptionGroup):
            failed = failed.exceptions[0]
        found.put(failed)

    def run() -> None:
        try:
            asyncio.run(watched())
        except BaseException as error:  # noqa: BLE001 - the caller raises it, who would else wait for ever
            found.put(error)

    threading.Thread(target=run, name="remote", daemon=True).start()
    try:
        while (item := found.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        broken_off.set()


async def _all(
    client: C,
    work: Callable[[C, str, J], Awaitable[A]],
    servers: Sequence[str],
    jobs: Sequence[J],
    at_once: int,
    tell: Callable[[Done[J, A] | Dropped], None],
) -> None:
    waiting: asyncio.Queue[J | None] = asyncio.Queue()
    for job in jobs:
        waiting.put_nowait(job)
    n_left, alive = len(jobs), set(servers)
    n_workers = min(at_once, max(1, n_left)) * len(servers)

    async def worker(server: str) -> None:
        nonlocal n_left
        while (job := await waiting.get()) is not None:
            if server not in alive:
                waiting.put_nowait(job)
                return
            try:
                answer = await work(client, server, job)
            except BackendError as error:
                waiting.put_nowait(job)
                if server in alive:
                    alive.remove(server)
                    if not alive:
                        raise
                    tell(Dropped(server, error))
                return
            tell(Done(job, answer))
            n_left -= 1
            if not n_left:
                for _ in range(n_workers):
                    waiting.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        # The servers take turns at the first jobs.
        for _ in range(n_workers // len(servers)):
            for server in servers:
                group.create_task(worker(server))
