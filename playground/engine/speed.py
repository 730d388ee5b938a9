"""How fast models are beside each other, measured so that the state of the machine weighs on all alike."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import cast

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.speeds import Speeds, TimedRun
from playground.core.types import EncodedPair, ModelChoice, RerankRequest, Step
from playground.engine.batches import in_batches
from playground.engine.lease import Lease
from playground.engine.logits import finite
from playground.engine.pool import ModelPool
from playground.models import bm25
from playground.remote.address import is_remote

ROUNDS = 5
LEAST_ROUNDS, MOST_ROUNDS = 3, 50
# Without a budget: enough to fill batches on a CPU, and a round stays within seconds.
MOST_PASSAGES = 32
# With one: what is read first, to see how much fits in.
TRIED_PASSAGES = 4


def check(choices: Sequence[ModelChoice], rounds: int) -> None:
    """Whether these can be timed.

    Raises:
        InvalidInput: BM25, a model on another machine, or a number of rounds that makes no median or takes too long.
    """
    if bm25.MODEL_ID in {choice.model_id for choice in choices}:
        raise InvalidInput("BM25 has no forward pass to time. Choose two models.")
    for choice in choices:
        if is_remote(choice.model_id):
            raise InvalidInput(
                "{model} runs on another machine, where others may be at work. Only models of this one are timed.",
                model=choice.model_id,
            )
    if not LEAST_ROUNDS <= rounds <= MOST_ROUNDS:
        raise InvalidInput("{n} rounds cannot be timed. Use 3 to {most}.", n=rounds, most=MOST_ROUNDS)


def steps(
    requests: Sequence[RerankRequest],
    choices: Sequence[ModelChoice],
    rounds: int,
    budget: float | None,
    pool: ModelPool,
    stop: threading.Event,
) -> Iterator[Step[Speeds]]:
    """The steps of `Engine.speed`; the last has the phase `done`, or `stopped` without a result."""
    with ExitStack() as leases:
        sides: list[_Side | TimedRun] = []
        for choice in choices:
            try:
                lease = yield from pool.lease(choice, stop, Step)
                if lease is None:
                    yield Step("stopped", 0, rounds)
                    return
                sides.append(_Side(leases.enter_context(lease), requests))
            except PlaygroundError as error:
                sides.append(TimedRun(choice, error=error))
        timing = _Timing([side for side in sides if isinstance(side, _Side)], stop)
        n = min(max(len(request.passages) for request in requests), MOST_PASSAGES)
        if budget is not None:
            n, rounds = yield from timing.fitted(requests, rounds, budget)
        yield from timing.rounds(n, rounds)
        if stop.is_set():
            yield Step("stopped", 0, rounds)
            return
        runs = tuple(side if isinstance(side, TimedRun) else side.timed(n) for side in sides)
    n_passages = sum(len(request.passages[:n]) for request in requests)
    yield Step("done", rounds, rounds, Speeds(runs, n_passages))


class _Timing:
    """The rounds of all sides. One that fails is left out from then on."""

    def __init__(self, sides: Sequence[_Side], stop: threading.Event) -> None:
        self._sides = sides
        self._stop = stop

    def fitted(
        self, requests: Sequence[RerankRequest], rounds: int, budget: float
    ) -> Generator[Step[Speeds], None, tuple[int, int]]:
        """Passages of each request and rounds that take about `budget` seconds: the fewest rounds, and as many passages
        as go into them; if all do, more rounds up to `rounds`."""
        yield from self.rounds(TRIED_PASSAGES, 1)
        most = max(len(request.passages) for request in requests)

        def seconds(n: int) -> float:
            return sum(
                side.typical * side.n_tokens(n) / side.n_tokens(TRIED_PASSAGES) for side in self._sides if side.typical
            )

        # The round that warms up counts as well.
        n = most
        while n > TRIED_PASSAGES and (LEAST_ROUNDS + 1) * seconds(n) > budget:
            n -= 1
        possible = int(budget / seconds(n)) - 1 if seconds(n) else LEAST_ROUNDS
        return n, max(LEAST_ROUNDS, min(rounds, possible))

    def rounds(self, n: int, rounds: int) -> Iterator[Step[Speeds]]:
        """One round of each to warm up, then `rounds` of all in alternation; the caches are neither read nor filled."""
        for side in self._sides:
            side.seconds.clear()
        for turn in range(rounds + 1):
            # Who goes first changes, so that none always runs on what the others left in the processor's cache.
            for side in self._sides if turn % 2 == 0 else reversed(self._sides):
                if side.error is None:
                    yield from side.round(n, self._stop, Step("score", turn, rounds), warm=turn > 0)
                if self._stop.is_set():
                    return
            yield Step("score", turn, rounds)


class _Side:
    """One model with its encoded texts, those of request r from r * `stride` on; an embedder's queries are negative."""

    def __init__(self, lease: Lease, requests: Sequence[RerankRequest]) -> None:
        self.seconds: list[float] = []
        self.error: PlaygroundError | None = None
        self._lease = lease
        self._embeds = lease.choice.kind == "embedder"
        self._requests = requests
        self._stride = max(len(request.passages) for request in requests)
        self._encoded: dict[int, EncodedPair] = {}
        self._made: dict[int, object] = {}
        for number, request in enumerate(requests):
            first = number * self._stride
            self._encoded |= dict(enumerate(_encoded(request, lease), first))
            if self._embeds:
                asked = lease.query_instruction if request.instruction is None else request.instruction
                self._encoded[-1 - number] = lease.encode_texts([request.query], asked)[0]

    @property
    def typical(self) -> float:
        """Median seconds of a round; 0 where there was none."""
        return TimedRun(self._lease.choice, seconds=tuple(self.seconds)).typical if self.seconds else 0.0

    def n_tokens(self, n: int) -> int:
        """Of the first passages of each request, without padding."""
        return sum(len(self._encoded[key].input_ids) for key in self._keys(n))

    def round(self, n: int, stop: threading.Event, at: Step[Speeds], *, warm: bool) -> Iterator[Step[Speeds]]:
        """All forward passes over the first `n` passages of each request; the time between two of them is not counted.

        Args:
            warm: whether it counts.
        """
        encoded = {key: self._encoded[key] for key in self._keys(n)}
        forward = self._lease.vectors if self._embeds else self._lease.logits
        # What the device was held for: others may have had their turns between.
        before = self._lease.ticket.seconds
        try:
            for keys, outputs in in_batches(
                encoded,
                lambda batch: forward([encoded[key] for key in batch]),
                lease=self._lease,
                passage_id=self._passage_id,
            ):
                self._made.update(zip(keys, cast("Sequence[object]", outputs), strict=True))
                yield at
                if stop.is_set():
                    return
            if stop.is_set():
                # It ended while it waited for its turn.
                return
            self._check(n)
        except PlaygroundError as error:
            self.error = error
        if warm:
            self.seconds.append(self._lease.ticket.seconds - before)

    def timed(self, n: int) -> TimedRun:
        """What became of this side."""
        run = TimedRun(self._lease.choice, self._lease.spec, memory_mib=self._lease.memory_mib, error=self.error)
        if self.error is not None:
            return run
        outputs = tuple(tuple(self._outputs(number, n)) for number in range(len(self._requests)))
        return replace(run, seconds=tuple(self.seconds), outputs=outputs, n_tokens=self.n_tokens(n))

    def _keys(self, n: int) -> list[int]:
        return [key for key in self._encoded if key < 0 or key % self._stride < n]

    def _outputs(self, number: int, n: int) -> Iterator[float]:
        for place in range(len(self._requests[number].passages[:n])):
            output = self._made[number * self._stride + place]
            yield _cosine(self._made[-1 - number], output) if self._embeds else float(cast("float", output))

    def _check(self, n: int) -> None:
        for number, request in enumerate(self._requests):
            for passage, output in zip(request.passages, self._outputs(number, n), strict=False):
                finite(output, self._lease.spec.model_id, passage.id)

    def _passage_id(self, key: int) -> str | None:
        return None if key < 0 else self._requests[key // self._stride].passages[key % self._stride].id


def _encoded(request: RerankRequest, lease: Lease) -> list[EncodedPair]:
    texts = [passage.text for passage in request.passages]
    if lease.choice.kind == "embedder":
        return lease.encode_texts(texts, lease.spec.passage_instruction)
    return lease.encode(request.query, texts, request.instruction)


def _cosine(one: object, other: object) -> float:
    import numpy as np

    return float(np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))  # type: ignore[call-overload]
