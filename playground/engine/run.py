"""One run: the passages of one request through one leased reranker."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from playground.core.types import Phase, Progress, RerankRequest, RerankResult
from playground.engine.ahead import ReadAhead
from playground.engine.batches import at_once
from playground.engine.cache import ScoreCache
from playground.engine.lease import Lease
from playground.engine.logits import Logits
from playground.engine.ranking import ranked
from playground.engine.warnings import about_scores
from playground.engine.windows import Pieces, Reader

T = TypeVar("T")

# A partial result of thousands of passages takes milliseconds to build; up to this many it is built after each batch.
SMALL_RUN = 200
PARTIAL_SECONDS = 0.2


class Stopwatch:
    """Seconds of our own work: it stands while the caller looks at what was yielded."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._since: float | None = time.perf_counter()

    def pause(self) -> None:
        if self._since is not None:
            self._seconds += time.perf_counter() - self._since
            self._since = None

    def go_on(self) -> None:
        self._since = time.perf_counter()

    @property
    def seconds(self) -> float:
        return self._seconds + (0.0 if self._since is None else time.perf_counter() - self._since)


class Latest:
    """Everything scored so far; in a big run at most `PARTIAL_SECONDS` old."""

    def __init__(self, make: Callable[[], RerankResult], watch: Stopwatch, n_passages: int) -> None:
        self._make = make
        self._watch = watch
        self._small = n_passages <= SMALL_RUN
        self._result: RerankResult | None = None
        self._made_at = -math.inf

    def get(self) -> RerankResult:
        """The result, with the seconds of this moment."""
        if self._result is None or self._small or time.perf_counter() - self._made_at >= PARTIAL_SECONDS:
            self._result = self._make()
            self._made_at = time.perf_counter()
        return replace(self._result, seconds=self._watch.seconds)


def until(stop: threading.Event, steps: Iterator[T]) -> Iterator[T]:
    """The steps until Stop; a step that is under way is finished."""
    while not stop.is_set():
        try:
            step = next(steps)
        except StopIteration:
            return
        yield step


class Watched(Protocol):
    """A run of any kind, as far as its steps go."""

    watch: Stopwatch

    def encode(self) -> Iterator[Progress]: ...


class Ranks(Watched, Protocol):
    """A run whose steps end in a ranking."""

    request: RerankRequest

    def score(self) -> Iterator[Progress]: ...

    def result(self) -> RerankResult: ...


def scoring(run: Ranks, stop: threading.Event) -> Generator[Progress, None, Progress]:
    """The steps of a run; returns the last one, to be said once the model is free."""
    yield from steps_of(run, run.score(), stop)
    result = run.result()
    return Progress("done" if result.complete else "stopped", len(result), len(run.request.passages), result)


def steps_of(run: Watched, work: Iterator[Progress], stop: threading.Event) -> Iterator[Progress]:
    """What is encoded first, then the work, until Stop; the run's watch stands while the caller looks."""
    for steps in (run.encode(), work):
        for progress in until(stop, steps):
            run.watch.pause()
            yield progress
            run.watch.go_on()


class Run:
    """Scores by input index, growing batch by batch.

    Args:
        warnings: what is known before the first score.
    """

    def __init__(
        self,
        request: RerankRequest,
        lease: Lease,
        cache: ScoreCache,
        warnings: tuple[str, ...],
    ) -> None:
        self.request = request
        self.watch = Stopwatch()
        self._instruction = lease.query_instruction if request.instruction is None else request.instruction
        self._lease = lease
        self._logits = Logits(lease, cache)
        self._warnings = warnings
        self._reader = Reader(lease, partial(lease.encode, request.query, instruction=request.instruction))
        self._pieces = Pieces(len(request.passages), lease.spec.windows)
        texts = [passage.text for passage in request.passages]
        self._ahead = ReadAhead(texts, self._reader, self._pieces, at_once(lease))
        self._latest = Latest(self.result, self.watch, len(request.passages))

    def encode(self) -> Iterator[Progress]:
        """Tokenises what is scored first, a chunk at a time."""
        for n_ready in self._ahead.first():
            yield self._progress("encode", n_ready)

    def score(self) -> Iterator[Progress]:
        """Scores every passage once: from the cache, or in batches; copies share one forward.

        Raises:
            ModelBroken: an output is not finite.
            OutOfMemory: not even one passage fits.
        """
        for group in self._ahead.groups():
            for _ in self._logits.make(group, lambda key: self.request.passages[self._pieces.place_of(key)].id):
                n_scored = len(self._pieces.scored(self._logits.known))
                said = self._progress("score", n_scored, self._latest.get() if n_scored else None)
                yield replace(said, windows=self._pieces.progress(self._logits.known))

    def result(self) -> RerankResult:
        """Everything scored so far, best first."""
        n, pieces = len(self.request.passages), self._pieces
        logits, cached = pieces.scored(self._logits.known), pieces.cached(self._logits.cached)
        reports = [pieces.reports.get(index) for index in range(n)]
        scored = ranked(self.request.passages, reports, logits, self._lease.scale, cached, pieces.read_in)
        return RerankResult(
            request=self.request,
            spec=self._lease.spec,
            scale=self._lease.scale,
            scored=scored,
            missing=tuple(index for index in range(n) if index not in logits),
            seconds=self.watch.seconds,
            n_tokens=self._logits.n_tokens,
            n_cached=len(cached),
            warnings=self._warnings + self._reader.warnings + about_scores(reports, scored),
            instruction=self._instruction,
        )

    def _progress(self, phase: Phase, done: int, result: RerankResult | None = None) -> Progress:
        return Progress(phase, done, len(self.request.passages), result)
