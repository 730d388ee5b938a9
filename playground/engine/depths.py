"""How the scores change with the layer at which a model stops: one pass gives them all."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import cast

from playground.core.depths import Depths
from playground.core.errors import InvalidInput
from playground.core.protocols import ScoresByLayer, Stop
from playground.core.types import EncodedPair, ModelChoice, RerankRequest, Step
from playground.engine.batches import chunks, in_batches
from playground.engine.lease import Lease
from playground.engine.logits import finite
from playground.engine.pool import ModelPool
from playground.engine.run import Stopwatch
from playground.models.named import split


def steps(
    request: RerankRequest, choice: ModelChoice, pool: ModelPool, stop: threading.Event
) -> Iterator[Step[Depths]]:
    """The steps of `Engine.depths`; the last has the phase `done`, or `stopped` without a result."""
    lease = yield from pool.lease(choice, stop, Step)
    if lease is None:
        yield Step("stopped", 0, len(request.passages))
        return
    with lease:
        yield from _looked(request, lease, stop)


def _looked(request: RerankRequest, lease: Lease, stop: threading.Event) -> Iterator[Step[Depths]]:
    """The same, once the model is there.

    Raises:
        InvalidInput: the model scores after its last layer only.
        ModelBroken: an output is not finite.
        OutOfMemory: not even one passage fits.
    """
    import numpy as np

    if not hasattr(lease.model, "by_layer"):
        raise InvalidInput(
            "{model} scores after its last layer only, so its ranking does not change with depth.",
            model=split(lease.spec.model_id).name,
        )
    watch, n_passages = Stopwatch(), len(request.passages)
    stops = cast(ScoresByLayer, lease.model).depths
    texts = [passage.text for passage in request.passages]
    pairs: list[EncodedPair] = []
    for start, end in chunks(texts):
        pairs += lease.encode(request.query, texts[start:end], request.instruction)
        yield from _said(Step("encode", end, n_passages), watch)
    logits = np.full((n_passages, len(stops)), np.nan, dtype=np.float32)
    n_done = 0
    batches = in_batches(
        dict(enumerate(pairs)),
        lambda batch: np.array(lease.forward([pairs[place] for place in batch], "by_layer"), dtype=np.float32),
        lease=lease,
        passage_id=lambda place: request.passages[place].id,
    )
    while not stop.is_set():
        batch, rows = next(batches, ([], None))
        if rows is None:
            break
        logits[batch] = rows
        n_done += len(batch)
        yield from _said(Step("score", n_done, n_passages), watch)
    if n_done < n_passages:
        yield Step("stopped", n_done, n_passages)
        return
    for passage, row in zip(request.passages, logits.tolist(), strict=True):
        for logit in row:
            finite(logit, lease.spec.model_id, passage.id)
    result = Depths(
        request=request,
        spec=lease.spec,
        scale=lease.scale,
        chosen=int(split(lease.spec.model_id).layer),
        layers=tuple(each.layer for each in stops),
        logits=logits,
        work=_work(stops, pairs),
        seconds=watch.seconds,
    )
    yield Step("done", n_passages, n_passages, result)


def _said(step: Step[Depths], watch: Stopwatch) -> Iterator[Step[Depths]]:
    watch.pause()
    yield step
    watch.go_on()


def _work(stops: Sequence[Stop], pairs: Sequence[EncodedPair]) -> tuple[float, ...]:
    """Of each stop, as a share of the last one's."""
    deepest = stops[-1]
    through = list(
        accumulate(sum(_tokens(pair, deepest, layer) for pair in pairs) for layer in range(1, deepest.layer + 1))
    )
    return tuple(through[each.layer - 1] / through[-1] for each in stops)


def _tokens(pair: EncodedPair, stop: Stop, layer: int) -> int:
    """Tokens that go through one layer."""
    n_body = n_kept = pair.body[1] - pair.body[0]
    for place in stop.at:
        n_kept = math.ceil(n_kept / stop.ratio) if place < layer else n_kept
    return len(pair.input_ids) - n_body + n_kept
