"""Sparse encoders (SPLADE): a text as weights of the words that it holds or stands for; a score is their dot product.

Source: sentence-transformers 6.2, `sparse_encoder/modules/splade_pooling.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import transformers

from playground.core.explanations import Part
from playground.core.scales import DOT
from playground.core.types import ModelSpec
from playground.models import apart_files, pretrained
from playground.models.apart import Ids, ReadsApart
from playground.models.encoding import Encoder
from playground.models.resolve import Resolved

# Logits over the vocabulary that are held at once: 256 MiB in fp32, four passages of 512 tokens with BERT's words.
MAX_LOGITS = 2**26


class Splade(ReadsApart[torch.Tensor]):
    """A masked language model whose logits are pooled over the text. A reading is (vocabulary,), never negative."""

    scale = DOT

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        self.query_instruction = apart_files.query_prompt(resolved.model_id, resolved.folder)
        self._pooling = apart_files.splade_of(resolved.model_id, resolved.folder)

    @classmethod
    def _opened(cls, resolved: Resolved, dtype: torch.dtype) -> torch.nn.Module:
        return pretrained.load_weights(transformers.AutoModelForMaskedLM, resolved, dtype)

    def _read(self, rows: Sequence[Ids], *, is_query: bool) -> list[torch.Tensor]:
        return [
            self._pooled(logits[: len(row)])
            for some in _parts(rows, int(self.resolved.config["vocab_size"]))
            for row, logits in zip(some, self._model(**self._padded(some)).logits.float(), strict=True)
        ]

    def _pooled(self, logits: torch.Tensor) -> torch.Tensor:
        """Args: logits: (tokens, vocabulary)."""
        weights = logits.relu().log1p()
        weights = weights.log1p() if self._pooling.twice else weights
        return weights.amax(dim=0) if self._pooling.pooling == "max" else weights.sum(dim=0)

    def _score(self, query: torch.Tensor, passage: torch.Tensor) -> float:
        return float(query @ passage)

    def _parts(self, query_ids: Ids, passage_ids: Ids, query: torch.Tensor, passage: torch.Tensor) -> tuple[Part, ...]:
        return (Part("sparse", 1.0, self._score(query, passage), query=lexical(query), passage=lexical(passage)),)


def lexical(reading: torch.Tensor) -> dict[int, float]:
    """The weight of each token id that has one, above 0."""
    ids = reading.nonzero().flatten()
    return dict(zip(ids.tolist(), reading[ids].tolist(), strict=True))


def _parts(rows: Sequence[Ids], n_vocabulary: int) -> Iterator[Sequence[Ids]]:
    """The rows, so many at a time as `MAX_LOGITS` allows."""
    n_rows = max(1, MAX_LOGITS // (max(map(len, rows)) * n_vocabulary))
    for start in range(0, len(rows), n_rows):
        yield rows[start : start + n_rows]
