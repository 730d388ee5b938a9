"""Why a score is what it is, and in what order each mode of a model puts the passages."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from playground.core.depths import Depths
from playground.core.errors import InvalidInput
from playground.core.explanations import Explanation, Part
from playground.core.limits import Limits, validate
from playground.core.protocols import Explains
from playground.core.types import EncodedPair, ModelChoice, RerankRequest, RerankResult, Step
from playground.engine import depths
from playground.engine.batches import chunks, in_batches
from playground.engine.lease import Lease
from playground.engine.logits import finite
from playground.engine.pool import ModelPool
from playground.engine.ranking import float32, ranked
from playground.engine.run import Stopwatch
from playground.models import READ_APART, bm25, modes
from playground.models.named import split


class Explaining:
    """The part of the engine that takes scores apart."""

    limits: Limits
    _pool: ModelPool

    def explain(
        self, request: RerankRequest, choice: ModelChoice, passage_index: int, *, stop: threading.Event | None = None
    ) -> Iterator[Step[Explanation]]:
        """Loads the model if need be, then reads the query and one passage of the request again.

        The score may differ from that of a ranking in its last digits, where that read more passages at once.

        The last Step has the phase `done`, or `stopped` without a result. `stop` takes effect before the pass, and
        while loading at once.

        Raises:
            InvalidInput: at the call, or while iterating where the model does not read query and passage apart.
            PlaygroundError: while iterating, where the model cannot be found, loaded or run.
        """
        _refuse_bm25(choice)
        alone = replace(request, passages=(request.passages[passage_index],))
        return self._explain(validate(alone, self.limits).request, choice, stop or threading.Event())

    def by_mode(
        self, request: RerankRequest, choice: ModelChoice, *, stop: threading.Event | None = None
    ) -> Iterator[Step[tuple[RerankResult, ...]]]:
        """Loads bge-m3 if need be; one ranking for each mode that the choice weighs, all of the same forward passes.

        Steps and errors as `explain`; `stop` takes effect within one batch.
        """
        if not split(choice.model_id).mode:
            raise InvalidInput("{model} has one way to score, so there are no modes to compare.", model=choice.model_id)
        return self._by_mode(validate(request, self.limits).request, choice, stop or threading.Event())

    def depths(
        self, request: RerankRequest, choice: ModelChoice, *, stop: threading.Event | None = None
    ) -> Iterator[Step[Depths]]:
        """Scores after every layer that the model may stop at, from one pass; the caches are left alone.

        Raises:
            InvalidInput: at the call: bad input; while iterating: a model that scores after its last layer only.
            PlaygroundError: while iterating.
        """
        checked = validate(request, self.limits)
        return depths.steps(checked.request, choice, self._pool, stop or threading.Event())

    def _explain(
        self, request: RerankRequest, choice: ModelChoice, stop: threading.Event
    ) -> Iterator[Step[Explanation]]:
        lease = yield from self._pool.lease(choice, stop, Step)
        if lease is None:
            yield Step("stopped", 0, 1)
            return
        with lease:
            model = _explains(lease)
            (passage,) = request.passages
            (pair,) = lease.encode(request.query, [passage.text], request.instruction)
            yield Step("score", 0, 1)
            if stop.is_set():
                yield Step("stopped", 0, 1)
                return
            parts: tuple[Part, ...] = ()
            for _, ((parts,),) in in_batches(
                {0: pair}, lambda _: (_compared(lease, [pair]),), lease=lease, passage_id=lambda _: passage.id
            ):
                _require_finite(lease, parts, passage.id)
            if not parts:
                yield Step("stopped", 0, 1)
                return
            found = model.explained(request.query, passage.text, request.instruction, pair, parts)
            explanation = replace(found, spec=lease.spec)
        yield Step("done", 1, 1, explanation)

    def _by_mode(
        self, request: RerankRequest, choice: ModelChoice, stop: threading.Event
    ) -> Iterator[Step[tuple[RerankResult, ...]]]:
        n, watch = len(request.passages), Stopwatch()
        lease = yield from self._pool.lease(choice, stop, Step)
        if lease is None:
            yield Step("stopped", 0, n)
            return
        with lease:
            _explains(lease)
            texts = [passage.text for passage in request.passages]
            pairs = [
                pair
                for start, end in chunks(texts)
                for pair in lease.encode(request.query, texts[start:end], request.instruction)
            ]
            found: dict[int, tuple[Part, ...]] = {}
            for batch, parts in in_batches(
                dict(enumerate(pairs)),
                lambda batch: _compared(lease, [pairs[place] for place in batch]),
                lease=lease,
                passage_id=lambda place: request.passages[place].id,
            ):
                for place, made in zip(batch, parts, strict=True):
                    _require_finite(lease, made, request.passages[place].id)
                    # What the parts are made of goes at once: it is large, and only their scores are asked for.
                    found[place] = tuple(Part(part.mode, part.share, part.score) for part in made)
                if stop.is_set():
                    yield Step("stopped", len(found), n)
                    return
                yield Step("score", len(found), n)
            if len(found) < n:
                yield Step("stopped", len(found), n)
                return
            results = _rankings(request, lease, pairs, found, watch.seconds)
        yield Step("done", n, n, results)


def _refuse_bm25(choice: ModelChoice) -> None:
    if choice.model_id == bm25.MODEL_ID:
        raise _not_apart("BM25")


def _explains(lease: Lease) -> Explains:
    """The model, for what needs no lock.

    Raises:
        InvalidInput: it does not read query and passage apart.
    """
    if lease.spec.family not in READ_APART:
        raise _not_apart(lease.spec.model_id)
    return cast(Explains, lease.model)


def _not_apart(model: str) -> InvalidInput:
    return InvalidInput(
        "{model} does not give words or tokens a weight of their own, so its scores have no parts to show. bge-m3, "
        "SPLADE and ColBERT have.",
        model=model,
    )


def _compared(lease: Lease, pairs: Sequence[EncodedPair]) -> list[tuple[Part, ...]]:
    return cast("list[tuple[Part, ...]]", lease.forward(pairs, "compared"))


def _require_finite(lease: Lease, parts: Sequence[Part], passage_id: str) -> None:
    for part in parts:
        finite(float32(part.score), lease.spec.model_id, passage_id)


def _rankings(
    request: RerankRequest,
    lease: Lease,
    pairs: Sequence[EncodedPair],
    found: Mapping[int, Sequence[Part]],
    seconds: float,
) -> tuple[RerankResult, ...]:
    name = split(lease.spec.model_id).name
    results = []
    for at, part in enumerate(found[0]):
        scale = modes.SCALES[part.mode]
        scores = {place: float32(found[place][at].score) for place in sorted(found)}
        results.append(
            RerankResult(
                request=request,
                spec=replace(lease.spec, model_id=f"{name}#mode={part.mode}"),
                scale=scale,
                scored=ranked(request.passages, pairs, scores, scale),
                missing=(),
                seconds=seconds,
                n_tokens=sum(len(pair.input_ids) for pair in pairs),
                n_cached=0,
                instruction=lease.query_instruction if request.instruction is None else request.instruction,
            )
        )
    return tuple(results)
