"""kill -9 while runs are being kept: the history opens afterwards, with every run that a visitor saw finished."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Final

from playground.bench.load import FEW, PRECISION, Asked, Page, request
from playground.bench.served import Nursery
from playground.core.errors import HistoryError, InvalidInput
from playground.history.store import HistoryStore

N_VISITORS: Final = 4
# A page is killed after so many runs were finished, at a moment of those that are under way then.
MOST_RUNS: Final = 8
SECONDS_TO_ONE: Final = 300.0


@dataclass(frozen=True, slots=True)
class KillRow:
    """Attributes:
    n_runs: that a visitor saw finished, over all starts.
    n_lost: of them, not in the history after a kill.
    n_damaged: kills after which the history was damaged.
    """

    n_kills: int
    n_runs: int
    n_lost: int
    n_damaged: int


COLUMNS: Final = MappingProxyType(
    {
        "kills": lambda row: f"{row.n_kills}",
        "finished runs": lambda row: f"{row.n_runs}",
        "lost": lambda row: f"{row.n_lost}",
        "damaged histories": lambda row: f"{row.n_damaged}",
    }
)


def run(n_kills: int, seed: int, say: Callable[[str], None]) -> KillRow:
    """Starts the page over one history again and again, and kills it at a random moment.

    Raises:
        InvalidInput: no kill, no system where it can be done, or a page that does not start or gives no result.
    """
    if not hasattr(os, "fork"):
        raise InvalidInput("bench kill needs Linux or macOS.")
    if n_kills < 1:
        raise InvalidInput("{n} kills cannot be. Use at least one.", n=n_kills)
    draw = random.Random(seed)
    finished: dict[str, str] = {}
    lost: set[str] = set()
    n_damaged = 0
    with tempfile.TemporaryDirectory() as folder, Nursery() as nursery:
        for turn in range(n_kills):
            before = len(finished)
            finished |= _killed(nursery, Path(folder), turn, draw.randint(1, MOST_RUNS), draw.random())
            store = HistoryStore(Path(folder) / "history.db")
            lost |= {id for id, owner in finished.items() if not _is_kept(store, id, owner)}
            n_damaged += bool(store.notices)
            say(f"kill {turn + 1} of {n_kills}: {len(finished) - before} runs finished, {len(lost)} lost so far")
    return KillRow(n_kills, len(finished), len(lost), n_damaged)


def _killed(nursery: Nursery, folder: Path, turn: int, n_runs: int, share: float) -> dict[str, str]:
    """The owner of each run that was finished before the page was killed.

    Args:
        n_runs: that are finished before.
        share: of the time that the last of them took, until the kill.
    """
    finished: dict[str, str] = {}
    seconds: SimpleQueue[float] = SimpleQueue()
    over = threading.Event()
    url, pid = nursery.page(folder, "--precision", PRECISION)
    asking = Page.at(url)

    def visit(visitor: int) -> None:
        for asked in _requests(visitor, turn):
            answer = asking.answer(asked)
            if over.is_set() and answer.error:
                return
            if answer.run_id:
                finished[answer.run_id] = asking.owner(asked)
                seconds.put(answer.seconds)

    visits = [threading.Thread(target=visit, args=(visitor,), daemon=True) for visitor in range(N_VISITORS)]
    for each in visits:
        each.start()
    try:
        last = [seconds.get(timeout=SECONDS_TO_ONE) for _ in range(n_runs)][-1]
        over.wait(share * last)
    except Empty:
        raise InvalidInput("No run was kept in {seconds} s. Nothing was measured.", seconds=SECONDS_TO_ONE) from None
    finally:
        over.set()
        os.kill(pid, signal.SIGKILL)
        nursery.buried(pid)
    for each in visits:
        each.join()
    return finished


def _requests(visitor: int, turn: int) -> Iterator[Asked]:
    place = 0
    while True:
        yield request(visitor, 1_000 * turn + place, FEW)
        place += 1


def _is_kept(store: HistoryStore, id: str, owner: str) -> bool:
    try:
        return store.get(id, owner).n_passages == FEW
    except HistoryError:
        return False
