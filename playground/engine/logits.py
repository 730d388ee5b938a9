"""Raw outputs of a reranker, growing batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from playground.core.errors import ModelBroken
from playground.core.types import EncodedPair
from playground.engine.batches import in_batches
from playground.engine.cache import ScoreCache, score_key
from playground.engine.lease import Lease
from playground.engine.ranking import float32


class Logits:
    """Raw float32 outputs by key; known ones come from the cache, copies share one forward pass.

    Attributes:
        known: in the order in which they came.
        cached: keys whose output came from the cache.
    """

    def __init__(self, lease: Lease, cache: ScoreCache) -> None:
        self.known: dict[int, float] = {}
        self.cached: set[int] = set()
        self.n_tokens = 0
        self._lease = lease
        self._cache = cache

    def make(self, encoded: Mapping[int, EncodedPair], passage_id: Callable[[int], str | None]) -> Iterator[None]:
        """Scores these pairs; yields after the look into the cache and after every batch.

        Raises:
            ModelBroken: an output is not finite.
            OutOfMemory: not even one pair fits.
        """
        keys = {pair: score_key(self._lease.spec, encoded[pair]) for pair in encoded}
        copies: dict[bytes, list[int]] = {}
        for pair, key in keys.items():
            copies.setdefault(key, []).append(pair)
        for pairs, logit in zip(copies.values(), self._cache.get(list(copies)), strict=True):
            if logit is not None:
                self.known |= dict.fromkeys(pairs, logit)
                self.cached.update(pairs)
        yield
        for batch, logits in in_batches(
            {pairs[0]: encoded[pairs[0]] for pairs in copies.values() if pairs[0] not in self.known},
            lambda batch: self._forward(batch, encoded, passage_id),
            lease=self._lease,
            passage_id=passage_id,
            soon=not self.known,
        ):
            for pair, logit in zip(batch, logits, strict=True):
                self.known |= dict.fromkeys(copies[keys[pair]], logit)
            self._cache.put((keys[pair], logit) for pair, logit in zip(batch, logits, strict=True))
            yield

    def _forward(
        self, batch: Sequence[int], encoded: Mapping[int, EncodedPair], passage_id: Callable[[int], str | None]
    ) -> list[float]:
        before = self._lease.n_tokens
        logits = [float32(logit) for logit in self._lease.logits([encoded[pair] for pair in batch])]
        self.n_tokens += self._lease.n_tokens - before
        for pair, logit in zip(batch, logits, strict=True):
            finite(logit, self._lease.spec.model_id, passage_id(pair))
        return logits


def finite(logit: float, model_id: str, passage_id: str | None) -> None:
    """Raises ModelBroken where an output is not finite."""
    if not math.isfinite(logit):
        raise ModelBroken(
            "{model} gave {logit} for passage {id}, which cannot be ranked. Try precision fp32; if that does not help, "
            "its weights are damaged.",
            model=model_id,
            logit=logit,
            id=passage_id,
        )
