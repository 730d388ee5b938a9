"""Many visitors for a while: what they wait for, what the page's memory does, and that nobody gets another's result."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import psutil

from playground.bench.load import FEW, MOST_VISITORS, Answer, LoadRow, Page, alone, is_right, request, row_of, served
from playground.core.errors import InvalidInput

# Of all answers the texts are looked at; of so many the scores, too, which have to be made once more for it.
MOST_CHECKED: Final = 300
SECONDS_BETWEEN_LOOKS: Final = 1.0
MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """MiB that the page and its processes have for themselves.

    Attributes:
        early: a tenth of the time after the start, the largest until then.
        late: the largest in the last tenth.
    """

    early: float
    late: float
    most: float


MEMORY_COLUMNS: Final = MappingProxyType(
    {
        "memory in the first tenth (MiB)": lambda row: f"{row.early:,.0f}",
        "in the last tenth": lambda row: f"{row.late:,.0f}",
        "most": lambda row: f"{row.most:,.0f}",
    }
)


def run(
    n_visitors: int, seconds: float, pause: float, options: tuple[str, ...], say: Callable[[str], None]
) -> tuple[LoadRow, MemoryRow]:
    """All visitors ask one request of ten passages after another.

    Args:
        pause: seconds that each visitor looks at an answer.
        options: more flags of `launch.py`.

    Raises:
        InvalidInput: numbers that make no load.
    """
    if not 1 <= n_visitors <= MOST_VISITORS or seconds <= 0 or pause < 0:
        raise InvalidInput(
            "{n} visitors for {seconds} s cannot be. Use 1 to {most} visitors and some time.",
            n=n_visitors,
            seconds=seconds,
            most=MOST_VISITORS,
        )
    with served(*options) as (page, pid):
        page.answer(request(n_visitors, 0, FEW))
        over = threading.Event()
        levels: list[float] = []
        watch = threading.Thread(target=_watch, args=(pid, over, levels), daemon=True)
        watch.start()
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(n_visitors) as visitors:
            each = [visitors.submit(_visit, page, visitor, end, pause) for visitor in range(n_visitors)]
            answers = [answer for visit in each for answer in visit.result()]
        over.set()
        watch.join()
    say(f"{len(answers)} answers in {seconds:.0f} s; checking them")
    return row_of(FEW, [(answer, fine) for answer, fine in zip(answers, _right(answers), strict=True)]), _memory(levels)


def _visit(page: Page, visitor: int, end: float, pause: float) -> list[Answer]:
    answers: list[Answer] = []
    while time.monotonic() < end:
        answers.append(page.answer(request(visitor, len(answers), FEW)))
        time.sleep(pause)
    return answers


def _right(answers: list[Answer]) -> list[bool]:
    """Whether each answer is its visitor's own, by all its texts; by its scores, too, in a sample."""
    chosen = sorted(random.Random(0).sample(range(len(answers)), min(MOST_CHECKED, len(answers))))
    expected: Mapping[int, list[float]] = dict(
        zip(chosen, alone([answers[place].asked for place in chosen]), strict=True)
    )
    own = [[logit for _, (_, logit) in sorted(answer.found.items())] for answer in answers]
    return [is_right(answer, expected.get(place, own[place])) for place, answer in enumerate(answers)]


def _watch(pid: int, over: threading.Event, levels: list[float]) -> None:
    page = psutil.Process(pid)
    while not over.wait(SECONDS_BETWEEN_LOOKS):
        levels.append(sum(_own_bytes(process) for process in (page, *page.children(recursive=True))) / MIB)


def _own_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0


def _memory(levels: list[float]) -> MemoryRow:
    tenth = max(1, len(levels) // 10)
    levels = levels or [float("nan")]
    return MemoryRow(max(levels[:tenth]), max(levels[-tenth:]), max(levels))
