"""How fast one model is beside another, measured so that the state of the machine weighs on both alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

from playground.core.errors import InvalidInput
from playground.core.types import EncodedPair, ModelChoice, RerankRequest, SpeedRatio, Step
from playground.engine.batches import in_batches
from playground.engine.pool import Lease, ModelPool
from playground.models import bm25

ROUNDS = 5
MOST_ROUNDS = 50
# Enough to fill batches on a CPU; a round stays within seconds.
MOST_PASSAGES = 32


def check(first: ModelChoice, second: ModelChoice, rounds: int) -> None:
    """Whether these two can be timed.

    Raises:
        InvalidInput: BM25, or a number of rounds that makes no median or takes too long.
    """
    if bm25.MODEL_ID in (first.model_id, second.model_id):
        raise InvalidInput("BM25 has no forward pass to time. Choose two models.")
    if not 3 <= rounds <= MOST_ROUNDS:
        raise InvalidInput("{n} rounds cannot be timed. Use 3 to {most}.", n=rounds, most=MOST_ROUNDS)


def steps(
    request: RerankRequest,
    choices: tuple[ModelChoice, ModelChoice],
    rounds: int,
    pool: ModelPool,
    stop: threading.Event,
) -> Iterator[Step[SpeedRatio]]:
    """The steps of `Engine.speed`; the last has the phase `done`, or `stopped` without a result."""
    first = yield from pool.lease(choices[0], stop, Step)
    if first is None:
        yield Step("stopped", 0, rounds)
        return
    with first:
        second = yield from pool.lease(choices[1], stop, Step)
        if second is None:
            yield Step("stopped", 0, rounds)
            return
        with second:
            yield from _timed(request, (first, second), rounds, stop)


def _timed(
    request: RerankRequest, leases: tuple[Lease, Lease], rounds: int, stop: threading.Event
) -> Iterator[Step[SpeedRatio]]:
    """One warm-up round of each, then `rounds` of both in alternation; the caches are neither read nor filled."""
    encoded = [dict(enumerate(_encoded(request, lease))) for lease in leases]
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        # Who goes first changes, so that neither always runs on what the other left in the processor's cache.
        for side in (0, 1) if turn % 2 == 0 else (1, 0):
            if stop.is_set():
                yield Step("stopped", turn, rounds)
                return
            taken = _round(request, leases[side], encoded[side])
            if turn:
                seconds[side].append(taken)
        yield Step("score", turn, rounds)
    if stop.is_set():
        yield Step("stopped", rounds, rounds)
        return
    n_passages = len(request.passages[:MOST_PASSAGES])
    ratio = SpeedRatio((leases[0].spec, leases[1].spec), (tuple(seconds[0]), tuple(seconds[1])), n_passages)
    yield Step("done", rounds, rounds, ratio)


def _encoded(request: RerankRequest, lease: Lease) -> list[EncodedPair]:
    texts = [passage.text for passage in request.passages[:MOST_PASSAGES]]
    if lease.choice.kind == "embedder":
        return lease.encode_texts(texts, lease.spec.passage_instruction)
    return lease.encode(request.query, texts, request.instruction)


def _round(request: RerankRequest, lease: Lease, encoded: Mapping[int, EncodedPair]) -> float:
    """Seconds of all forward passes over these texts."""
    forward = lease.vectors if lease.choice.kind == "embedder" else lease.logits
    start = time.perf_counter()
    for _ in in_batches(
        encoded,
        lambda batch: forward([encoded[key] for key in batch]),
        lease=lease,
        passage_id=lambda key: request.passages[key].id,
    ):
        pass
    return time.perf_counter() - start
