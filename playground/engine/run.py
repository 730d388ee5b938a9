"""One run: the passages of one request through one leased reranker."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from playground.core.errors import ModelBroken
from playground.core.types import EncodedPair, ModelChoice, Phase, Progress, RerankRequest, RerankResult
from playground.engine.batches import chunks, in_batches
from playground.engine.budget import Budgets
from playground.engine.cache import ScoreCache, score_key
from playground.engine.pool import Lease, ModelPool
from playground.engine.ranking import float32, ranked
from playground.engine.warnings import about_request, about_scores

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


def until(stop: threading.Event, steps: Iterator[Progress]) -> Iterator[Progress]:
    """The steps until Stop; a step that is under way is finished."""
    while not stop.is_set():
        step = next(steps, None)
        if step is None:
            return
        yield step


class Run:
    """Scores by input index, growing batch by batch."""

    def __init__(
        self,
        request: RerankRequest,
        choice: ModelChoice,
        lease: Lease,
        pool: ModelPool,
        cache: ScoreCache,
        budgets: Budgets,
        languages: Sequence[str],
        notes: tuple[str, ...],
    ) -> None:
        self.request = request
        self.watch = Stopwatch()
        self._instruction = lease.query_instruction if request.instruction is None else request.instruction
        self._choice = choice
        self._lease = lease
        self._pool = pool
        self._cache = cache
        self._budgets = budgets
        self._remarks = notes + about_request(request, lease.spec, languages)
        self._pairs: list[EncodedPair | None] = [None] * len(request.passages)
        self._logits: dict[int, float] = {}
        self._cached: set[int] = set()
        self._n_tokens = 0
        self._latest = Latest(self.result, self.watch, len(request.passages))

    def encode(self) -> Iterator[Progress]:
        """Tokenises all passages, a chunk at a time."""
        texts = [passage.text for passage in self.request.passages]
        for start, end in chunks(texts):
            encoded = self._lease.encode(self.request.query, texts[start:end], self.request.instruction)
            self._pairs[start:end] = encoded
            yield self._progress("encode", end)

    def score(self) -> Iterator[Progress]:
        """Scores every passage once: from the cache, or in batches, longest first; copies share one forward.

        Raises:
            ModelBroken: an output is not finite.
            OutOfMemory: not even one passage fits.
        """
        pairs = [pair for pair in self._pairs if pair is not None]
        keys = [score_key(self._lease.spec, pair) for pair in pairs]
        copies: dict[bytes, list[int]] = {}
        for index, key in enumerate(keys):
            copies.setdefault(key, []).append(index)
        self._take_cached(copies)
        waiting = [indexes[0] for indexes in copies.values() if indexes[0] not in self._logits]
        yield self._progress("score", len(self._logits), self._latest.get() if self._logits else None)
        for _, batch in in_batches(
            {index: pairs[index] for index in waiting},
            lambda batch: self._forward(batch, pairs),
            choice=self._choice,
            lease=self._lease,
            pool=self._pool,
            budgets=self._budgets,
            passage_id=lambda index: self.request.passages[index].id,
        ):
            for index, logit in batch.items():
                self._logits |= dict.fromkeys(copies[keys[index]], logit)
                self._n_tokens += len(pairs[index].input_ids)
            self._cache.put((keys[index], logit) for index, logit in batch.items())
            yield self._progress("score", len(self._logits), self._latest.get())

    def result(self) -> RerankResult:
        """Everything scored so far, best first."""
        scored = ranked(self.request.passages, self._pairs, self._logits, self._lease.scale, self._cached)
        return RerankResult(
            request=self.request,
            spec=self._lease.spec,
            scale=self._lease.scale,
            scored=scored,
            missing=tuple(index for index in range(len(self.request.passages)) if index not in self._logits),
            seconds=self.watch.seconds,
            n_tokens=self._n_tokens,
            n_cached=len(self._cached),
            warnings=self._remarks + about_scores(self._pairs, scored),
            instruction=self._instruction,
        )

    def _take_cached(self, copies: dict[bytes, list[int]]) -> None:
        known = self._cache.get(list(copies))
        for indexes, logit in zip(copies.values(), known, strict=True):
            if logit is not None:
                self._logits |= dict.fromkeys(indexes, logit)
                self._cached.update(indexes)

    def _forward(self, batch: Sequence[int], pairs: Sequence[EncodedPair]) -> dict[int, float]:
        logits = [float32(logit) for logit in self._lease.logits([pairs[index] for index in batch])]
        for index, logit in zip(batch, logits, strict=True):
            if not math.isfinite(logit):
                raise ModelBroken(
                    "{model} gave {logit} for passage {id}, which cannot be ranked. Try precision fp32; if that does "
                    "not help, its weights are damaged.",
                    model=self._lease.spec.model_id,
                    logit=logit,
                    id=self.request.passages[index].id,
                )
        return dict(zip(batch, logits, strict=True))

    def _progress(self, phase: Phase, done: int, result: RerankResult | None = None) -> Progress:
        return Progress(phase, done, len(self.request.passages), result)
