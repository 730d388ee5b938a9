"""Decoders asked whether a passage is relevant (Qwen3-Reranker, bge-reranker-v2-gemma, mxbai-rerank-v2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers

from playground.models import pretrained
from playground.models.answers import AnsweringModel, answer_direction
from playground.models.bi_encoder import pool
from playground.models.resolve import Resolved


class CausalLM(AnsweringModel):
    """A decoder whose next token is the answer."""

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
        hidden = self._model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state
        return pool(hidden, inputs["attention_mask"], "last")
