"""Decoders asked whether a passage is relevant (Qwen3-Reranker, bge-reranker-v2-gemma, mxbai-rerank-v2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import transformers

from playground.core.errors import OutOfMemory
from playground.core.types import EncodedPair
from playground.models import pretrained
from playground.models.answers import AnsweringModel, answer_direction
from playground.models.bi_encoder import pool
from playground.models.prefix import Last, Prefix, behind, is_shared, prefix_of
from playground.models.resolve import Resolved


class CausalLM(AnsweringModel):
    """A decoder whose next token is the answer."""

    def __init__(self, *loaded: Any) -> None:
        super().__init__(*loaded)
        # Shared by all views: what each of 30 layers remembers would be gigabytes.
        self._last = Last()

    @property
    def _prefix(self) -> Prefix | None:
        """What the texts that were read last began with. A forward pass is under the model's lock."""
        return self._last.prefix if self._last.model is self._model else None

    @_prefix.setter
    def _prefix(self, prefix: Prefix | None) -> None:
        self._last.model, self._last.prefix = self._model, prefix

    @contextmanager
    def _prefix_dropped(self) -> Iterator[None]:
        """Lets what was remembered go where memory runs out."""
        try:
            yield
        except OutOfMemory:
            self._prefix = None
            raise

    def logits(self, pairs: Sequence[EncodedPair]) -> list[float]:
        """As `AnsweringModel.logits`; what the pairs begin with, up to the passage, goes through the model once.

        Raises:
            OutOfMemory: this batch does not fit; what was remembered is let go.
        """
        with self._prefix_dropped():
            return super().logits(pairs)

    @staticmethod
    def _open(resolved: Resolved, dtype: torch.dtype, answers: Sequence[int]) -> tuple[torch.nn.Module, torch.Tensor]:
        classifier = resolved.architecture.endswith("ForSequenceClassification")
        auto = transformers.AutoModelForSequenceClassification if classifier else transformers.AutoModelForCausalLM
        model: Any = pretrained.load_weights(auto, resolved, dtype)
        head = (model.score if classifier else model.get_output_embeddings()).weight
        return model.base_model, answer_direction(head, answers)

    def _answering(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """The last hidden state.

        Padded on the right and without a mask, which changes nothing: what comes later cannot reach the last token of
        the prompt.
        """
        ids, mask, model = inputs["input_ids"], inputs["attention_mask"], self._model
        n_new = 0
        if is_shared(model.config):
            self._prefix, n_new = prefix_of(model, ids, int(mask.sum(dim=1).min()), self._prefix)
        n_shared = 0 if self._prefix is None else len(self._prefix.ids)
        self.n_read = n_new + int(mask[:, n_shared:].sum())
        if self._prefix is None:
            return pool(model(input_ids=ids, use_cache=False).last_hidden_state, mask, "last")
        return pool(behind(model, ids, self._prefix), mask[:, n_shared:], "last")
