"""What a list costs that was scored before: edited in one place, or in another order."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from playground.bench import peers
from playground.core.types import ModelChoice, Passage, PrecisionName, RerankRequest
from playground.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of run.

    Attributes:
        n_scored: passages that went through the model.
        seconds: of the engine, in every round.
        times: how much faster than the whole list, by medians.
    """

    what: str
    n_scored: int
    seconds: tuple[float, ...]
    times: float

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


COLUMNS: Final[Mapping[str, Callable[[Row], str]]] = MappingProxyType(
    {
        "run": lambda row: row.what,
        "scored": lambda row: str(row.n_scored),
        "ms": lambda row: f"{1000 * row.median:,.1f}",
        "lowest": lambda row: f"{1000 * min(row.seconds):,.1f}",
        "highest": lambda row: f"{1000 * max(row.seconds):,.1f}",
        "times as fast as all": lambda row: f"{row.times:,.0f}",
    }
)


def measured(folder: Path, precision: PrecisionName, count: int, rounds: int) -> list[Row]:
    """Each round has a query of its own, so that nothing of it is known: all passages, then one edited, then shuffled.

    Args:
        folder: of a reranker.
        count: passages of mixed lengths.
    """
    texts = peers.texts_of(folder, "mixed", count)
    engine, choice = Engine(), ModelChoice(str(folder), precision=precision)
    found: dict[str, list[tuple[int, float]]] = {}
    for number in range(rounds + 1):
        for what, passages in _lists(texts.passages, random.Random(number)):
            request = RerankRequest(_turned(texts.query, number), _numbered(passages))
            *_, last = engine.rerank(request, choice)
            assert last.result is not None
            n_scored = count - last.result.n_cached
            # The first one warms up.
            if number:
                found.setdefault(what, []).append((n_scored, last.result.seconds))
    whole = statistics.median(seconds for _, seconds in next(iter(found.values())))
    return [_row(what, runs, whole) for what, runs in found.items()]


def _lists(passages: Sequence[str], chance: random.Random) -> Iterator[tuple[str, list[str]]]:
    count, listed = len(passages), list(passages)
    yield f"all {count}", listed
    place = chance.randrange(count)
    listed[place] = f"{listed[place]} now"
    yield f"one of {count} edited", listed
    chance.shuffle(listed)
    yield f"{count} in another order", listed


def _turned(query: str, by: int) -> str:
    words = query.split()
    return " ".join([*words[by:], *words[:by]])


def _numbered(passages: Sequence[str]) -> tuple[Passage, ...]:
    return tuple(Passage(str(number), text) for number, text in enumerate(passages, 1))


def _row(what: str, runs: Sequence[tuple[int, float]], whole: float) -> Row:
    seconds = tuple(seconds for _, seconds in runs)
    return Row(what, max(n for n, _ in runs), seconds, whole / statistics.median(seconds))
